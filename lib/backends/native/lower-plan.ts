/** From a plan to the description of a native program. */
import { nodeError, type Operand } from '../../ops/op.js';
import type { Plan, Step } from '../../plan/plan.js';
import type { TypedArray } from '../../typed-array.js';
import type { LoweringContext, NativeStep } from './lowering.js';
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
}

const alignment = 64;

/** Constants that steps read in place, each once. */
class ConstantPool {
  readonly #offsets = new Map<string, number>();
  readonly #chunks: { readonly offset: number; readonly bytes: Uint8Array }[] = [];
  #sizeBytes = 0;

  offsetOf(name: string, data: TypedArray): number {
    let offset = this.#offsets.get(name);
    if (offset === undefined) {
      offset = this.#sizeBytes;
      this.#offsets.set(name, offset);
      this.#chunks.push({ offset, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) });
      this.#sizeBytes = Math.ceil((offset + data.byteLength) / alignment) * alignment;
    }
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
  const context: LoweringContext = {
    place({ name, constant }: Operand): number {
      if (constant !== undefined) return -1 - pool.offsetOf(name, constant.data as TypedArray);
      return plan.memory.offsets.get(name)!;
    },
  };
  const native: NativeStep[] = [];
  const steps = plan.steps.map((step): LoweredStep => {
    expectStored(step);
    const first = native.length;
    const lowered = isEmpty(step) ? [] : lower(step, context);
    if (lowered !== undefined) native.push(...lowered);
    return { step, first, last: native.length, onReference: lowered === undefined };
  });
  return { steps, native, constants: pool.toBytes() };
}

function lower(step: Step, context: LoweringContext): readonly NativeStep[] | undefined {
  for (const lowering of loweringsOf(step.node.op)) {
    const steps = lowering(step, context);
    if (steps !== undefined) return steps;
  }
  return undefined;
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
