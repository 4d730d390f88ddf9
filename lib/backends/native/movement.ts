/** Operators that move elements of any type: strided copies, native/ops/copy.cc. */
import type { BatchToSpaceAttributes } from '../../ops/batch-to-space-nd.js';
import { type ConcatAttributes, rescaleOf } from '../../ops/concat.js';
import { type GatherAttributes, gatherAxes } from '../../ops/gather.js';
import type { Operand } from '../../ops/op.js';
import type { PackAttributes } from '../../ops/pack.js';
import { type PadAttributes, paddingElement } from '../../ops/pad.js';
import { broadcastStrides, normalizeAxis, product, strides } from '../../ops/shapes.js';
import type { SliceAttributes } from '../../ops/slice.js';
import type { SpaceToBatchAttributes } from '../../ops/space-to-batch-nd.js';
import type { BlockAttributes } from '../../ops/space-to-depth.js';
import type { SplitAttributes } from '../../ops/split.js';
import { allocate, constantIntegers, fillWith, realZero } from '../../ops/storage.js';
import { mergedLoops, offsetOf } from '../../ops/strided-copy.js';
import { type StridedSliceAttributes, takenRanges } from '../../ops/strided-slice.js';
import type { TileAttributes } from '../../ops/tile.js';
import type { TransposeAttributes } from '../../ops/transpose.js';
import type { UnpackAttributes } from '../../ops/unpack.js';
import { bytesPerElement } from '../../plan/memory.js';
import {
  defineLowering,
  type Lowering,
  type LoweringContext,
  type Lowerings,
  type NativeStep,
  type StepOf,
} from './lowering.js';
import { allBytes, isByte, tableStep } from './table.js';

const maxRank = 8; // of native/ops/copy.cc, after dimensions were merged

/** Part of a dense tensor: where its first element is, and the steps along each dimension. */
interface Part {
  readonly operand: Operand;
  readonly offset?: number;
  readonly strides: readonly number[];
}

type Steps = readonly NativeStep[] | undefined;

/** Joins lists of steps; undefined where one of them is. */
function allOf(lists: readonly Steps[]): Steps {
  return lists.includes(undefined) ? undefined : lists.flatMap((list) => list!);
}

/** to[i, j, ...] = from[i, j, ...] for all indices below `dims`. */
function copy(context: LoweringContext, dims: readonly number[], from: Part, to: Part): Steps {
  if (dims.includes(0)) return [];
  const loops = mergedLoops(dims, from.strides, to.strides);
  // Parts that stand in wholes already (plan/memory.ts)
  if (startOf(context, from) === startOf(context, to) && loops.every((loop) => loop.from === loop.to)) return [];
  if (loops.length > maxRank) return undefined;
  const fields = {
    x: context.place(from.operand),
    y: context.place(to.operand),
    elementBytes: bytesPerElement[from.operand.type],
    xCount: product(from.operand.dims),
    yCount: product(to.operand.dims),
    xOffset: from.offset ?? 0,
    yOffset: to.offset ?? 0,
    dims: Int32Array.from(loops, (loop) => loop.size),
    xStrides: Int32Array.from(loops, (loop) => loop.from),
    yStrides: Int32Array.from(loops, (loop) => loop.to),
  };
  return [{ kind: 'copy', fields }];
}

/** In bytes; of a constant, which is never copied to, nothing that a value has. */
function startOf({ place }: LoweringContext, { operand, offset = 0 }: Part): number {
  const base = place(operand);
  return base < 0 ? -1 : base + offset * bytesPerElement[operand.type];
}

/** The whole output, in order, from anywhere in `from`. */
function gather(context: LoweringContext, output: Operand, dims: readonly number[], from: Part): Steps {
  return copy(context, dims, from, { operand: output, strides: strides(dims) });
}

function fill(context: LoweringContext, output: Operand, value: number): NativeStep {
  const element = allocate(output.type, 1);
  fillWith(element, value);
  const bytes = new Uint8Array(element.buffer);
  const fields = { y: context.place(output), count: product(output.dims), elementBytes: bytes.length, value: bytes };
  return { kind: 'fill', fields };
}

/** Whether two places hold the same bytes. */
const lowerReshape: Lowering = ({ inputs, outputs }, context) => {
  const [x, y] = [inputs[0]!, outputs[0]!];
  if (context.place(x) === context.place(y)) return [];
  return copy(context, [product(y.dims)], { operand: x, strides: [1] }, { operand: y, strides: [1] });
};

export const movementLowerings: Lowerings = {
  Reshape: lowerReshape,
  Squeeze: lowerReshape,
  ExpandDims: lowerReshape,
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
  Transpose: defineLowering<TransposeAttributes>(({ inputs, outputs, attributes }, context) => {
    return permute(context, inputs[0]!, inputs[0]!.dims, attributes.perm, outputs[0]!);
  }),
  Tile: defineLowering<TileAttributes>(({ inputs, outputs, attributes }, context) => {
    const [x, y] = [inputs[0]!, outputs[0]!];
    const dims = x.dims.flatMap((dim, i) => [attributes.multiples[i]!, dim]);
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
  DepthToSpace: defineLowering<BlockAttributes>(({ inputs, outputs, attributes }, context) => {
    const [x, b] = [inputs[0]!, attributes.block];
    const [n, h, w, c] = x.dims as [number, number, number, number];
    return permute(context, x, [n, h, w, b, b, c / (b * b)], [0, 1, 3, 2, 4, 5], outputs[0]!);
  }),
  SpaceToBatchNd: defineLowering<SpaceToBatchAttributes>(({ inputs, outputs, attributes }, context) => {
    const [x, y] = [inputs[0]!, outputs[0]!];
    const { block, pads } = attributes;
    const before = block.map((_, i) => pads[2 * i]!);
    const moved = copyBlocks(context, x, y, block, before, 'to-batch');
    const isPadded = pads.some((size) => size > 0);
    return isPadded ? moved && [fill(context, y, realZero(x)), ...moved] : moved;
  }),
  BatchToSpaceNd: defineLowering<BatchToSpaceAttributes>(({ inputs, outputs, attributes }, context) => {
    const before = attributes.block.map((_, i) => attributes.crops[2 * i]!);
    return copyBlocks(context, outputs[0]!, inputs[0]!, attributes.block, before, 'to-space');
  }),
  Pad: defineLowering<PadAttributes>(lowerPad),
  Gather: defineLowering<GatherAttributes>(lowerGather),
};

/** Dimension i of the output is dimension perm[i] of x, whose dimensions are read as `dims`. */
function permute(context: LoweringContext, x: Operand, dims: readonly number[], perm: readonly number[], y: Operand): Steps {
  const own = strides(dims);
  const result = perm.map((axis) => dims[axis]!);
  return gather(context, y, result, { operand: x, strides: perm.map((axis) => own[axis]!) });
}

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

/**
 * Between a tensor in space, [N, S1..SM, R...], and one of blocks, [b1·..·bM·N, S1', .., SM', R...]: one copy for each position
 * in a block. `before`: how many positions of the blocks lie before the tensor in space.
 */
function copyBlocks(
  context: LoweringContext,
  space: Operand,
  blocks: Operand,
  block: readonly number[],
  before: readonly number[],
  direction: 'to-batch' | 'to-space',
): Steps {
  const positions = product(block);
  if (positions > maxPositions) return undefined;
  const [spaceStrides, blockStrides] = [strides(space.dims), strides(blocks.dims)];
  const batch = space.dims[0]!;
  const rest = space.dims.slice(1 + block.length);
  return allOf(
    Array.from({ length: positions }, (_, position): Steps => {
      const within = indexOf(position, block);
      // Index i of the blocks is position i · size + within - before in space.
      const first = block.map((size, i) => Math.max(Math.ceil((before[i]! - within[i]!) / size), 0));
      const end = block.map((size, i) => {
        const last = Math.ceil((space.dims[i + 1]! + before[i]! - within[i]!) / size);
        return Math.min(last, blocks.dims[i + 1]!);
      });
      const counts = first.map((value, i) => Math.max(end[i]! - value, 0));
      const start = first.map((value, i) => value * block[i]! + within[i]! - before[i]!);
      const inSpace: Part = {
        operand: space,
        offset: offsetOf([0, ...start], spaceStrides),
        strides: spaceStrides.map((stride, i) => (i >= 1 && i <= block.length ? stride * block[i - 1]! : stride)),
      };
      const inBlocks: Part = {
        operand: blocks,
        offset: offsetOf([position * batch, ...first], blockStrides),
        strides: blockStrides,
      };
      const dims = [batch, ...counts, ...rest];
      return direction === 'to-batch' ? copy(context, dims, inSpace, inBlocks) : copy(context, dims, inBlocks, inSpace);
    }),
  );
}

const maxPositions = 4096;

/** The index of an element in row-major order. */
function indexOf(position: number, dims: readonly number[]): readonly number[] {
  let left = position;
  return dims
    .toReversed()
    .map((dim) => {
      const index = left % dim;
      left = Math.floor(left / dim);
      return index;
    })
    .reverse();
}

function lowerPad({ inputs, outputs, attributes }: StepOf<PadAttributes>, context: LoweringContext): Steps {
  const [x, y] = [inputs[0]!, outputs[0]!];
  const { pads, mode, value } = attributes;
  const own = strides(y.dims);
  const begin = x.dims.map((_, i) => pads[2 * i]!);
  const inside = copy(
    context,
    x.dims,
    { operand: x, strides: strides(x.dims) },
    { operand: y, offset: offsetOf(begin, own), strides: own },
  );
  if (pads.every((size) => size === 0)) return inside;
  if (mode === 'constant') return inside && [fill(context, y, paddingElement(y, value)), ...inside];
  return allOf([inside, mirrorEdges(context, x.dims, y, pads, mode === 'reflect' ? 0 : 1)]);
}

const maxMirrored = 1024;

/** From the inside, one axis after another, as the reference does: slabs of y to slabs of y. */
function mirrorEdges(
  context: LoweringContext,
  inner: readonly number[],
  y: Operand,
  pads: readonly number[],
  shift: 0 | 1,
): Steps {
  if (pads.reduce((sum, size) => sum + size, 0) > maxMirrored) return undefined;
  const own = strides(y.dims);
  const steps: Steps[] = [];
  for (const [axis, size] of y.dims.entries()) {
    const first = pads[2 * axis]!;
    const last = first + inner[axis]! - 1;
    for (let i = 0; i < size; i++) {
      if (i >= first && i <= last) continue;
      const mirrored = i < first ? 2 * first - i - shift : 2 * last - i + shift;
      const slab = (index: number): Part => ({ operand: y, offset: index * own[axis]!, strides: own });
      steps.push(copy(context, y.dims.with(axis, 1), slab(mirrored), slab(i)));
    }
  }
  return allOf(steps);
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
