/** From a step of a plan to steps of the native program: numbers and typed arrays that native/ops/<kind>.cc reads by name. */
import type { NativeStep } from '../../addon.js';
import type { Operand } from '../../ops/op.js';
import type { Step } from '../../plan/plan.js';
import type { TypedArray } from '../../typed-array.js';

export type { NativeStep } from '../../addon.js';

export interface LoweringContext {
  /** Where an operand stands: a byte offset of a value, or -1 - offset of a constant. */
  place(operand: Operand): number;
  /** The place of a constant that is no operand of the graph. */
  constant(data: TypedArray): number;
}

/** A step whose attributes have the type that the operator's `parse` returns. */
export type StepOf<A> = Omit<Step, 'attributes'> & { readonly attributes: A };

/** The steps, in order; undefined for what has no native form, which then runs on the reference. */
export type Lowering<A = unknown> = (step: StepOf<A>, context: LoweringContext) => readonly NativeStep[] | undefined;

/** By the operator's name. Attribute types are erased as in `defineOp`. */
export type Lowerings = Readonly<Record<string, Lowering>>;

export function defineLowering<A>(lowering: Lowering<A>): Lowering {
  return lowering as unknown as Lowering;
}
