/** Padding, and the moves between space and batch. */
import type { BatchToSpaceAttributes } from '../../ops/batch-to-space-nd.js';
import type { Operand } from '../../ops/op.js';
import { type PadAttributes, paddingElement } from '../../ops/pad.js';
import { type PadAxesAttributes, padMaps } from '../../ops/pad-axes.js';
import { product, strides } from '../../ops/shapes.js';
import type { SpaceToBatchAttributes } from '../../ops/space-to-batch-nd.js';
import { realZero } from '../../ops/storage.js';
import { offsetOf } from '../../ops/strided-copy.js';
import { elementCode } from './elements.js';
import { defineLowering, type LoweringContext, type Lowerings, type StepOf } from './lowering.js';
import { allOf, copy, fill, type Part, type Steps } from './strided.js';

/** So many steps one operator may become. */
const maxPositions = 4096;
const maxMirrored = 1024;
/** Of indices that are kept for an axis. */
const maxMapped = 2 ** 20;

export const paddingLowerings: Lowerings = {
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
  PadAxes: defineLowering<PadAxesAttributes>((step, context) => {
    const [x, , value] = step.inputs as readonly [Operand, Operand, Operand?];
    const y = step.outputs[0]!;
    if (x.dims.length === 0 || x.dims.includes(0) || y.dims.some((dim) => dim > maxMapped)) return undefined;
    const fields = {
      ...{ x: context.place(x), y: context.place(y), type: elementCode(x.type) },
      ...(value !== undefined && step.attributes.mode === 'constant' && { value: context.place(value) }),
      ...{ dims: Int32Array.from(y.dims), xDims: Int32Array.from(x.dims) },
      maps: Int32Array.from(padMaps(step, y.dims).flatMap((map) => Array.from(map))),
    };
    return [{ kind: 'mapped-copy', fields }];
  }),
};

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
