/** From a plan to the description of a native program. */
import type { SumAttributes } from '../../ops/add-sub.js';
import { nodeError, type Operand } from '../../ops/op.js';
import { sizeBytesOf } from '../../plan/memory.js';
import type { Plan, Step } from '../../plan/plan.js';
import type { TypedArray } from '../../typed-array.js';
import { addFields } from './binary.js';
import type { LoweringContext, NativeStep, StepOf } from './lowering.js';
import { loweringsOf } from './lowerings.js';

/** A step of the plan and the native steps that compute it; a step that has no native form runs on the reference. */
export interface LoweredStep {
  readonly step: Step;
  /** Range of the native program's steps; empty where nothing is to be done. */
  readonly first: number;
  readonly last: number;
  readonly onReference: boolean;
}

export interface LoweredPlan {
  readonly steps: readonly LoweredStep[];
  readonly native: readonly NativeStep[];
  readonly constants: Uint8Array;
  readonly bindings: readonly Binding[];
}

/** An input or output that the program reads or writes where the caller has it, if it is given that memory. */
export interface Binding {
  readonly name: string;
  readonly isOutput: boolean;
  readonly offset: number;
  readonly bytes: number;
}

const alignment = 64;

/** As in native/ops/step.h. */
const maxBindings = 64;
const bindingStep = 2 ** 41;

/** Constants that steps read in place, each once. */
class ConstantPool {
  readonly #offsets = new Map<string, number>();
  readonly #chunks: { readonly offset: number; readonly bytes: Uint8Array }[] = [];
  #sizeBytes = 0;

  offsetOf(name: string, data: TypedArray): number {
    let offset = this.#offsets.get(name);
    if (offset === undefined) {
      offset = this.add(data);
      this.#offsets.set(name, offset);
    }
    return offset;
  }

  add(data: TypedArray): number {
    const offset = this.#sizeBytes;
    this.#chunks.push({ offset, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) });
    this.#sizeBytes = Math.ceil((offset + data.byteLength) / alignment) * alignment;
    return offset;
  }

  toBytes(): Uint8Array {
    const all = new Uint8Array(this.#sizeBytes);
    for (const { offset, bytes } of this.#chunks) all.set(bytes, offset);
    return all;
  }
}

export function lowerPlan(plan: Plan): LoweredPlan {
  const pool = new ConstantPool();
  const { offsets, owners } = plan.memory;
  const bindings = bindingsOf(plan);
  const indexes = new Map(bindings.map(({ name }, i) => [name, i]));
  const context: LoweringContext = {
    place({ name, constant }: Operand): number {
      if (constant !== undefined) return -1 - pool.offsetOf(name, constant.data as TypedArray);
      const offset = offsets.get(name)!;
      const index = indexes.get(owners.get(name)!);
      return index === undefined ? offset : (1 + index) * bindingStep + offset - bindings[index]!.offset;
    },
    constant: (data) => -1 - pool.add(data),
  };
  const native: NativeStep[] = [];
  const steps = plan.steps.map((step): LoweredStep => {
    expectStored(step);
    const first = native.length;
    const lowered = isEmpty(step) ? [] : lower(step, context);
    for (const each of lowered ?? []) native.push(each);
    return { step, first, last: native.length, onReference: lowered === undefined };
  });
  return { steps, native, constants: pool.toBytes(), bindings };
}

function bindingsOf({ inputs, outputs, memory: { offsets, owners } }: Plan): readonly Binding[] {
  const bound = (operands: readonly Operand[], isOutput: boolean) =>
    operands
      .filter(({ name, type }) => owners.get(name) === name && type !== 'string')
      .map((operand) => ({ name: operand.name, isOutput, offset: offsets.get(operand.name)!, bytes: sizeBytesOf(operand) }));
  return [...bound(inputs, false), ...bound(outputs, true)].slice(0, maxBindings);
}

function lower(step: Step, context: LoweringContext): readonly NativeStep[] | undefined {
  if (step.sum !== undefined) return lowerWithSum(step, step.sum, context);
  for (const lowering of loweringsOf(step.node.op)) {
    const steps = lowering(step, context);
    if (steps !== undefined) return steps;
  }
  return undefined;
}

/** A convolution that adds to each tile what `sum` adds, before the tile leaves the cache. */
function lowerWithSum(step: Step, sum: Step, context: LoweringContext): readonly NativeStep[] | undefined {
  const [result, y] = [step.outputs[0]!, sum.outputs[0]!];
  const residual = sum.inputs.find((operand) => operand!.name !== result.name)!;
  const { sum: _, ...convolution } = step;
  const steps = lower(convolution, { ...context, place: (operand) => context.place(operand === result ? y : operand) });
  const add = addFields({ ...(sum as StepOf<SumAttributes>), inputs: [result, residual] }, false);
  if (steps?.length !== 1 || steps[0]!.kind !== 'conv' || add === undefined) return undefined;
  return [{ kind: 'conv', fields: { ...steps[0]!.fields, ...add, residual: context.place(residual) } }];
}

/** Whether a step computes nothing: steps of the native program have no dimension of 0. */
function isEmpty({ outputs }: Step): boolean {
  return outputs.every(({ dims }) => dims.includes(0));
}

/** Strings do not lie in memory. */
function expectStored({ node, inputs, outputs }: Step): void {
  const text = [...inputs, ...outputs].find((operand) => operand?.type === 'string');
  if (text === undefined) return;
  throw nodeError('ERR_UNSUPPORTED_OP', node, `${text.name} holds strings, which the native backend does not compute with`);
}
