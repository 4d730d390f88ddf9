/** Operators of float32 that work along axes: reductions and the softmax family. */
import { type ReductionAttributes, reducedAxes } from '../../ops/reduction.js';
import { strides } from '../../ops/shapes.js';
import type { SoftmaxAttributes } from '../../ops/softmax.js';
import { type RowAttributes, rowLayout } from '../../ops/softmax-input.js';
import {
  defineLowering,
  type Lowering,
  type LoweringContext,
  type Lowerings,
  type NativeStep,
  type StepOf,
} from './lowering.js';

/** In the order of native/ops/float_reduce.cc. */
const reductions = ['sum', 'mean', 'max'];

const maxRank = 8;

export const floatReductionLowerings: Lowerings = {
  Sum: reduce('sum'),
  Mean: reduce('mean'),
  ReduceMax: reduce('max'),
  Softmax: defineLowering<SoftmaxAttributes>((step, context) => softmax(step, context, { beta: step.attributes.beta, log: 0 })),
  LogSoftmax: defineLowering<RowAttributes>((step, context) => softmax(step, context, { beta: 1, log: 1 })),
};

function softmax(
  step: StepOf<RowAttributes>,
  context: LoweringContext,
  fields: { readonly beta: number; readonly log: 0 | 1 },
): readonly NativeStep[] | undefined {
  const [x, y] = [step.inputs[0]!, step.outputs[0]!];
  const { outer, length, inner } = rowLayout(step);
  if (x.type !== 'float32' || inner !== 1) return undefined;
  return [{ kind: 'float-softmax', fields: { x: context.place(x), y: context.place(y), rows: outer, length, ...fields } }];
}

function reduce(name: string): Lowering {
  return defineLowering<ReductionAttributes>((step, context) => {
    const [x, y] = [step.inputs[0]!, step.outputs[0]!];
    // What has no elements has a mean all the same, which the reference knows.
    if (x.type !== 'float32' || x.dims.includes(0)) return undefined;
    const reduced = reducedAxes(step, x.dims.length);
    const keptWalk = mergeAxes(x.dims, (axis) => !reduced.has(axis));
    const reducedWalk = mergeAxes(x.dims, (axis) => reduced.has(axis));
    if (keptWalk.dims.length > maxRank || reducedWalk.dims.length > maxRank) return undefined;
    const fields = {
      x: context.place(x),
      y: context.place(y),
      reduction: reductions.indexOf(name),
      keptDims: keptWalk.dims,
      keptStrides: keptWalk.strides,
      reducedDims: reducedWalk.dims,
      reducedStrides: reducedWalk.strides,
    };
    return [{ kind: 'float-reduce', fields }];
  });
}

/** Sizes and strides of some axes; neighbours become one, and those of size 1 are left out. */
function mergeAxes(dims: readonly number[], isTaken: (axis: number) => boolean) {
  const all = strides(dims);
  const merged: { dim: number; stride: number }[] = [];
  for (const [axis, dim] of dims.entries()) {
    if (dim === 1 || !isTaken(axis)) continue;
    const outer = merged.at(-1);
    const isNeighbour = outer !== undefined && outer.stride === dim * all[axis]!;
    if (isNeighbour) merged[merged.length - 1] = { dim: outer.dim * dim, stride: all[axis]! };
    else merged.push({ dim, stride: all[axis]! });
  }
  return { dims: Int32Array.from(merged, ({ dim }) => dim), strides: Int32Array.from(merged, ({ stride }) => stride) };
}
