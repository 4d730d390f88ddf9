/** Operators that move elements of any type: strided copies, native/ops/copy.cc. */
import { type ConcatAttributes, rescaleOf } from '../../ops/concat.js';
import { type DepthToSpaceAttributes, depthToSpaceMove } from '../../ops/depth-to-space.js';
import { type GatherAttributes, gatherAxes } from '../../ops/gather.js';
import type { PackAttributes } from '../../ops/pack.js';
import { broadcastStrides, normalizeAxis, product, strides } from '../../ops/shapes.js';
import type { SliceAttributes } from '../../ops/slice.js';
import { slicedRanges } from '../../ops/slice-axes.js';
import type { BlockAttributes } from '../../ops/space-to-depth.js';
import type { SplitAttributes } from '../../ops/split.js';
import { constantIntegers } from '../../ops/storage.js';
import { offsetOf } from '../../ops/strided-copy.js';
import { type StridedSliceAttributes, takenRanges } from '../../ops/strided-slice.js';
import { multiplesOf, type TileAttributes } from '../../ops/tile.js';
import type { TransposeAttributes } from '../../ops/transpose.js';
import type { UnpackAttributes } from '../../ops/unpack.js';
import { bytesPerElement } from '../../plan/memory.js';
import { defineLowering, type Lowering, type LoweringContext, type Lowerings, type StepOf } from './lowering.js';
import { allOf, copy, gather, permute, type Steps } from './strided.js';
import { allBytes, isByte, tableStep } from './table.js';

/** Nothing is to be done where the plan keeps both in one place. */
const lowerReshape: Lowering = ({ inputs, outputs }, context) => {
  const [x, y] = [inputs[0]!, outputs[0]!];
  if (context.place(x) === context.place(y)) return [];
  return copy(context, [product(y.dims)], { operand: x, strides: [1] }, { operand: y, strides: [1] });
};

export const movementLowerings: Lowerings = {
  Reshape: lowerReshape,
  Squeeze: lowerReshape,
  ExpandDims: lowerReshape,
  Unsqueeze: lowerReshape,
  Flatten: lowerReshape,
  Identity: lowerReshape,
  Reinterpret: lowerReshape,
  Concat: defineLowering<ConcatAttributes>(lowerConcat),
  Pack: defineLowering<PackAttributes>(({ node, inputs, outputs, attributes }, context) => {
    const y = outputs[0]!;
    const axis = normalizeAxis({ node }, attributes.axis, y.dims.length);
    const whole = strides(y.dims);
    const to = (i: number) => ({ operand: y, offset: i * whole[axis]!, strides: whole.toSpliced(axis, 1) });
    return allOf(inputs.map((x, i) => copy(context, x!.dims, { operand: x!, strides: strides(x!.dims) }, to(i))));
  }),
  Unpack: defineLowering<UnpackAttributes>(({ node, inputs, outputs, attributes }, context) => {
    const x = inputs[0]!;
    const axis = normalizeAxis({ node }, attributes.axis, x.dims.length);
    const whole = strides(x.dims);
    const from = (i: number) => ({ operand: x, offset: i * whole[axis]!, strides: whole.toSpliced(axis, 1) });
    return allOf(outputs.map((y, i) => gather(context, y, y.dims, from(i))));
  }),
  Split: defineLowering<SplitAttributes>(({ node, inputs, outputs, attributes }, context) => {
    const x = inputs[0]!;
    const axis = normalizeAxis({ node }, attributes.axis, x.dims.length);
    const own = strides(x.dims);
    let begin = 0;
    return allOf(
      outputs.map((y) => {
        const from = { operand: x, offset: begin * own[axis]!, strides: own };
        begin += y.dims[axis]!;
        return gather(context, y, y.dims, from);
      }),
    );
  }),
  Slice: defineLowering<SliceAttributes>(({ inputs, outputs, attributes }, context) => {
    const [x, y] = [inputs[0]!, outputs[0]!];
    const own = strides(x.dims);
    return gather(context, y, y.dims, { operand: x, offset: offsetOf(attributes.begin, own), strides: own });
  }),
  StridedSlice: defineLowering<StridedSliceAttributes>((step, context) => {
    const [x, y] = [step.inputs[0]!, step.outputs[0]!];
    const ranges = takenRanges(step, x);
    const kept = ranges.filter(({ size }) => size !== undefined);
    const offset = ranges.reduce((sum, range) => sum + range.offset, 0);
    return gather(context, y, y.dims, { operand: x, offset, strides: kept.map(({ stride }) => stride) });
  }),
  SliceAxes: (step, context) => {
    const [x, y] = [step.inputs[0]!, step.outputs[0]!];
    const own = strides(x.dims);
    const ranges = slicedRanges(step);
    const offset = ranges.reduce((sum, { start }, axis) => sum + start * own[axis]!, 0);
    return gather(context, y, y.dims, { operand: x, offset, strides: ranges.map(({ step: by }, axis) => by * own[axis]!) });
  },
  ReverseAxes: ({ inputs, outputs }, context) => {
    const { dims } = inputs[0]!;
    const perm = dims.map((_, i) => dims.length - 1 - i);
    return permute(context, inputs[0]!, dims, perm, outputs[0]!);
  },
  Transpose: defineLowering<TransposeAttributes>(({ inputs, outputs, attributes }, context) => {
    return permute(context, inputs[0]!, inputs[0]!.dims, attributes.perm, outputs[0]!);
  }),
  Tile: defineLowering<TileAttributes>((step, context) => {
    const [x, y] = [step.inputs[0]!, step.outputs[0]!];
    const multiples = multiplesOf(step);
    const dims = x.dims.flatMap((dim, i) => [multiples[i]!, dim]);
    return gather(context, y, dims, { operand: x, strides: strides(x.dims).flatMap((stride) => [0, stride]) });
  }),
  BroadcastTo: ({ inputs, outputs }, context) => {
    const [x, y] = [inputs[0]!, outputs[0]!];
    return gather(context, y, y.dims, { operand: x, strides: broadcastStrides(x.dims, y.dims) });
  },
  SpaceToDepth: defineLowering<BlockAttributes>(({ inputs, outputs, attributes }, context) => {
    const [x, b] = [inputs[0]!, attributes.block];
    const [n, h, w, c] = x.dims as [number, number, number, number];
    return permute(context, x, [n, h / b, b, w / b, b, c], [0, 1, 3, 2, 4, 5], outputs[0]!);
  }),
  DepthToSpace: defineLowering<DepthToSpaceAttributes>(({ inputs, outputs, attributes }, context) => {
    const { dims, perm } = depthToSpaceMove(inputs[0]!.dims, attributes);
    return permute(context, inputs[0]!, dims, perm, outputs[0]!);
  }),
  Gather: defineLowering<GatherAttributes>(lowerGather),
};

function lowerConcat(step: StepOf<ConcatAttributes>, context: LoweringContext): Steps {
  const y = step.outputs[0]!;
  const axis = normalizeAxis(step, step.attributes.axis, y.dims.length);
  const to = strides(y.dims);
  let begin = 0;
  return allOf(
    step.inputs.map((operand): Steps => {
      const x = operand!;
      const offset = begin * to[axis]!;
      begin += x.dims[axis]!;
      if (x.dims.includes(0)) return [];
      if (x.qparams !== undefined && typeof x.qparams.scale !== 'number') return undefined;
      if (y.qparams !== undefined && typeof y.qparams.scale !== 'number') return undefined;
      const rescale = rescaleOf(x, y, step);
      if (rescale === undefined)
        return copy(context, x.dims, { operand: x, strides: strides(x.dims) }, { operand: y, offset, strides: to });
      if (!isByte(x)) return undefined;
      const count = product(x.dims.slice(axis));
      const rows = product(x.dims.slice(0, axis));
      const table = allBytes(x.type).map(rescale);
      const apart = rows === 1 ? {} : { rows, xStride: count, yStride: product(y.dims.slice(axis)) };
      return [tableStep(table, { x: context.place(x), y: context.place(y) + offset, count, ...apart })];
    }),
  );
}

/** Constant indices are the rows of a nearest-neighbour resize of [outer, n, 1, inner]. */
function lowerGather(step: StepOf<GatherAttributes>, context: LoweringContext): Steps {
  const [x, indices, y] = [step.inputs[0]!, step.inputs[1]!, step.outputs[0]!];
  const { axis, batch } = gatherAxes(step, x, indices);
  const n = x.dims[axis]!;
  if (indices.constant === undefined || batch > 0) return undefined;
  const rows = constantIntegers(step, indices);
  if (rows.some((row) => row < -n || row >= n)) return undefined; // the reference refuses it when the graph runs
  const fields = {
    x: context.place(x),
    y: context.place(y),
    elementBytes: bytesPerElement[x.type],
    batches: product(x.dims.slice(0, axis)),
    height: n,
    width: 1,
    channels: product(x.dims.slice(axis + 1)),
    outHeight: rows.length,
    outWidth: 1,
    rows: Int32Array.from(rows, (row) => (row < 0 ? row + n : row)),
    columns: Int32Array.of(0),
  };
  return [{ kind: 'resize-nearest', fields }];
}
