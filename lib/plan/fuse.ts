/** Merges steps of a plan that are better run as one. */
import type { Operand } from '../ops/op.js';
import type { Step } from './plan.js';

/**
 * A convolution whose result is only added to something becomes one step with the addition, `sum`: a backend can add while the
 * result is in the cache and never store it. The arithmetic of both stays what it is.
 */
export function fuseSums(steps: readonly Step[]): readonly Step[] {
  const fused: Step[] = [];
  for (const step of steps) {
    const before = fused.at(-1);
    if (before !== undefined && isSumOf(before, step)) fused[fused.length - 1] = merge(before, step);
    else fused.push(step);
  }
  return fused;
}

/** The operands of a step as memory sees them. */
export function storedOperands(step: Step): Pick<Step, 'node' | 'attributes' | 'inputs' | 'outputs'> {
  const { node, attributes, inputs, outputs, sum } = step;
  if (sum === undefined) return step;
  const others = sum.inputs.filter((operand) => operand?.name !== outputs[0]!.name);
  return { node, attributes, inputs: [...inputs, ...others], outputs: sum.outputs };
}

function isSumOf(step: Step, next: Step): boolean {
  const [result] = step.outputs;
  if (step.node.op !== 'Conv2D' || next.node.op !== 'Add' || step.sum !== undefined || result === undefined) return false;
  const [a, b] = next.inputs as readonly [Operand, Operand];
  const isOneOfTwo = (a.name === result.name) !== (b.name === result.name);
  const isAlike = [a, b].every(({ type, dims }) => type === result.type && String(dims) === String(result.dims));
  // In lastReads: nothing else reads it, and it is no output
  return isOneOfTwo && isAlike && result.type !== 'float32' && next.lastReads.includes(result.name);
}

function merge(step: Step, sum: Step): Step {
  const lastReads = [...step.lastReads, ...sum.lastReads].filter((name) => name !== step.outputs[0]!.name);
  return { ...step, sum, lastReads };
}
