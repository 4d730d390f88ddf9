/** Kernels that move elements of float32, int32 and bool tensors: all are copies along loops. */
import {
  backend_util,
  Concat,
  type ConcatAttrs,
  GatherV2,
  type GatherV2Attrs,
  type GatherV2Inputs,
  Identity,
  type KernelConfig,
  PadV2,
  type PadV2Attrs,
  Reverse,
  type ReverseAttrs,
  Slice,
  type SliceAttrs,
  slice_util,
  type TensorInfo,
  Tile,
  type TileAttrs,
  Transpose,
  type TransposeAttrs,
  util,
} from '@tensorflow/tfjs-core';
import type { EagerArray } from '../../addon.js';
import { eager, eagerKind } from '../eager.js';
import { nativeKernel, type Present, runKernel } from './kernel.js';

const copyKind = eagerKind('copy');
const gatherKind = eagerKind('gather');
const maxRank = 8;

/** Elements of one array: where the loops start, and their steps. */
interface Side {
  readonly values: EagerArray;
  readonly first: number;
  readonly steps: readonly number[];
}

function copy(sizes: readonly number[], x: Side, y: Side): void {
  eager(copyKind, [sizes.length, ...sizes, x.first, ...x.steps, y.first, ...y.steps], x.values, y.values);
}

/** How far the next element along each dimension is. */
function stepsOf(shape: readonly number[]): number[] {
  const steps = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    steps[i] = step;
    step *= shape[i]!;
  }
  return steps;
}

function offsetOf(start: readonly number[], steps: readonly number[]): number {
  return start.reduce((offset, index, i) => offset + index * steps[i]!, 0);
}

/** Tensors of other types and of more dimensions are left to the cpu kernel. */
function isMovable(info: TensorInfo): boolean {
  return (info.dtype === 'float32' || info.dtype === 'int32' || info.dtype === 'bool') && info.shape.length <= maxRank;
}

type OneInput = { readonly x: TensorInfo };

const transpose = nativeKernel<OneInput, TransposeAttrs>(Transpose, ({ inputs: { x }, attrs: { perm }, backend }) => {
  if (!isMovable(x)) return undefined;
  const steps = stepsOf(x.shape);
  const shape = perm.map((from) => x.shape[from]!);
  const values = backend.elements(x);
  const [y, result] = backend.make(shape, x.dtype);
  copy(
    shape,
    { values, first: 0, steps: perm.map((from) => steps[from]!) },
    { values: result, first: 0, steps: stepsOf(shape) },
  );
  return y;
});

const reverse = nativeKernel<OneInput, ReverseAttrs>(Reverse, ({ inputs: { x }, attrs: { dims }, backend }) => {
  if (!isMovable(x) || x.shape.length === 0) return undefined;
  const axes = util.parseAxisParam(dims, x.shape);
  const steps = stepsOf(x.shape);
  const values = backend.elements(x);
  const [y, result] = backend.make(x.shape, x.dtype);
  if (result.length === 0) return y;
  const from = {
    values,
    first: axes.reduce((first, axis) => first + (x.shape[axis]! - 1) * steps[axis]!, 0),
    steps: steps.map((step, i) => (axes.includes(i) ? -step : step)),
  };
  copy(x.shape, from, { values: result, first: 0, steps });
  return y;
});

/** Each dimension is two loops: over the copies, which all come from the same place, and over x. */
const tile = nativeKernel<OneInput, TileAttrs>(Tile, ({ inputs: { x }, attrs: { reps }, backend }) => {
  const shape = x.shape.map((size, i) => size * reps[i]!);
  const loops = x.shape.flatMap((size, i) => (size === 1 || reps[i] === 1 ? [i] : [i, i]));
  if (!isMovable(x) || loops.length > maxRank) return undefined;
  const [xSteps, ySteps] = [stepsOf(x.shape), stepsOf(shape)];
  const values = backend.elements(x);
  const [y, result] = backend.make(shape, x.dtype);
  if (result.length === 0) return y;
  const sizes: number[] = [];
  const from: number[] = [];
  const to: number[] = [];
  x.shape.forEach((size, i) => {
    if (reps[i] !== 1) {
      sizes.push(reps[i]!);
      from.push(0);
      to.push(size * ySteps[i]!);
    }
    if (size !== 1 || reps[i] === 1) {
      sizes.push(size);
      from.push(xSteps[i]!);
      to.push(ySteps[i]!);
    }
  });
  copy(sizes, { values, first: 0, steps: from }, { values: result, first: 0, steps: to });
  return y;
});

const pad = nativeKernel<OneInput, PadV2Attrs>(PadV2, ({ inputs: { x }, attrs: { paddings, constantValue }, backend }) => {
  if (!isMovable(x)) return undefined;
  const shape = x.shape.map((size, i) => size + paddings[i]![0] + paddings[i]![1]);
  const values = backend.elements(x);
  const [y, result] = backend.make(shape, x.dtype);
  result.fill(constantValue);
  const steps = stepsOf(shape);
  const first = offsetOf(
    paddings.map(([before]) => before),
    steps,
  );
  if (values.length > 0) copy(x.shape, { values, first: 0, steps: stepsOf(x.shape) }, { values: result, first, steps });
  return y;
});

const slice = nativeKernel<OneInput, SliceAttrs>(Slice, ({ inputs: { x }, attrs, backend }) => {
  if (!isMovable(x)) return undefined;
  const [begin, size] = slice_util.parseSliceParams(x, attrs.begin, attrs.size) as [number[], number[]];
  slice_util.assertParamsValid(x, begin, size);
  // What the cpu kernel does with these takes no time: it shares x's memory.
  if (slice_util.isSliceContinous(x.shape, begin, size)) return undefined;
  const steps = stepsOf(x.shape);
  const values = backend.elements(x);
  const [y, result] = backend.make(size, x.dtype);
  if (result.length === 0) return y;
  copy(size, { values, first: offsetOf(begin, steps), steps }, { values: result, first: 0, steps: stepsOf(size) });
  return y;
});

const concat = nativeKernel<readonly TensorInfo[], ConcatAttrs>(Concat, ({ inputs, attrs, backend }) => {
  const [head] = inputs;
  if (head === undefined || !inputs.every((info) => isMovable(info) && info.dtype === head.dtype)) return undefined;
  const axis = util.parseAxisParam(attrs.axis, head.shape)[0]!;
  const shapes = inputs.map(({ shape }) => shape);
  backend_util.assertParamsConsistent(shapes, axis);
  const filled = inputs.filter(({ shape }) => util.sizeFromShape(shape) > 0);
  if (filled.length === 1) return runKernel(Identity, backend, { x: filled[0]! });
  const shape = backend_util.computeOutShape(shapes, axis);
  const [y, result] = backend.make(shape, head.dtype);
  const outer = util.sizeFromShape(shape.slice(0, axis));
  const row = util.sizeFromShape(shape.slice(axis));
  let first = 0;
  for (const info of filled) {
    const length = util.sizeFromShape(info.shape.slice(axis));
    const from = { values: backend.elements(info), first: 0, steps: [length, 1] };
    copy([outer, length], from, { values: result, first, steps: [row, 1] });
    first += length;
  }
  return y;
});

/** Rows of x, as `tf.gather` along the first axis. */
const gather = nativeKernel<Present<GatherV2Inputs>, GatherV2Attrs>(GatherV2, ({ inputs: { x, indices }, attrs, backend }) => {
  const { axis, batchDims } = attrs;
  if (!isMovable(x) || x.shape.length === 0 || axis !== 0 || (batchDims ?? 0) !== 0 || indices.dtype !== 'int32') {
    return undefined;
  }
  const [rows = 0, ...row] = x.shape;
  const places = backend.ints(indices);
  const outside = places.find((place) => place < 0 || place >= rows);
  util.assert(outside === undefined, () => `GatherV2: the index value ${outside} is not in [0, ${rows - 1}]`);
  const values = backend.elements(x);
  const [y, result] = backend.make([...indices.shape, ...row], x.dtype);
  eager(gatherKind, [rows, util.sizeFromShape(row), places.length], values, places, result);
  return y;
});

export const movementKernels: readonly KernelConfig[] = [transpose, reverse, tile, pad, slice, concat, gather];
