/** Runs a plan step by step with the operators' own definitions: the specification of what every other backend computes. */
import { nodeError, type Operand } from '../ops/op.js';
import type { Plan, Step } from '../plan/plan.js';
import { Tensor } from '../tensor.js';
import { aborted, type Backend, copyTensor, type RunOptions, type Values } from './backend.js';
import { SteppedProgram } from './stepped.js';

export const referenceBackend: Backend = {
  name: 'reference',
  optimizes: false,
  compile: (plan) => new ReferenceProgram(plan),
};

class ReferenceProgram extends SteppedProgram {
  readonly #plan: Plan;

  constructor(plan: Plan) {
    super();
    this.#plan = plan;
  }

  protected *execute(feeds: Values, { signal, into, onValues, onTime }: RunOptions): Generator<void, Values, void> {
    const { steps, outputs } = this.#plan;
    const values = new Map(feeds);
    for (const step of steps) {
      if (signal?.aborted) throw aborted(step, signal);
      const start = performance.now();
      const results = runOnReference(step, ({ name }) => values.get(name)!);
      onTime?.(step, (performance.now() - start) * 1000);
      onValues?.(step, results.map(copyTensor));
      for (const [i, operand] of step.outputs.entries()) values.set(operand.name, results[i]!);
      for (const name of step.lastReads) values.delete(name);
      yield;
    }
    return new Map(
      outputs.map(({ name, constant }) => {
        // What no step computed is a constant or an input, which stay ours.
        const known = constant ?? feeds.get(name);
        const given = into?.get(name);
        if (given !== undefined) return [name, fill(given, known ?? values.get(name)!)];
        return [name, known === undefined ? values.get(name)! : copyTensor(known)];
      }),
    );
  }
}

/** The outputs of one step. `tensorOf` gives the inputs that are no constants. A step that computes nothing fails for no data. */
export function runOnReference(step: Step, tensorOf: (operand: Operand) => Tensor): readonly Tensor[] {
  if (step.outputs.every(({ dims }) => dims.includes(0)))
    return step.outputs.map(({ type, dims }) => new Tensor(type, [], dims));
  const data = step.inputs.map((operand) => operand && (operand.constant ?? tensorOf(operand)));
  const results = step.op.run({ ...step, data });
  for (const [i, { name, type, dims }] of step.outputs.entries()) {
    const tensor = results[i];
    if (tensor?.type === type && String(tensor.dims) === String(dims)) continue;
    const found = tensor === undefined ? 'nothing' : `${tensor.type} [${tensor.dims.join(', ')}]`;
    throw nodeError('ERR_SHAPE', step.node, `${name} was planned as ${type} [${dims.join(', ')}], got ${found}`);
  }
  return results;
}

function fill(target: Tensor, from: Tensor): Tensor {
  (target.data as Float32Array).set(from.data as Float32Array);
  return target;
}
