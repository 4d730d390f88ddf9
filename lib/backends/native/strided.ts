/** Steps that move or set elements of any type: native/ops/copy.cc. */
import type { Operand } from '../../ops/op.js';
import { product, strides } from '../../ops/shapes.js';
import { allocate, fillWith } from '../../ops/storage.js';
import { mergedLoops } from '../../ops/strided-copy.js';
import { bytesPerElement } from '../../plan/memory.js';
import type { LoweringContext, NativeStep } from './lowering.js';

const maxRank = 8; // of native/ops/copy.cc, after dimensions were merged

/** Part of a dense tensor: where its first element is, and the steps along each dimension. */
export interface Part {
  readonly operand: Operand;
  readonly offset?: number;
  readonly strides: readonly number[];
}

export type Steps = readonly NativeStep[] | undefined;

/** Joins lists of steps; undefined where one of them is. */
export function allOf(lists: readonly Steps[]): Steps {
  return lists.includes(undefined) ? undefined : lists.flatMap((list) => list!);
}

/** to[i, j, ...] = from[i, j, ...] for all indices below `dims`. */
export function copy(context: LoweringContext, dims: readonly number[], from: Part, to: Part): Steps {
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
export function gather(context: LoweringContext, output: Operand, dims: readonly number[], from: Part): Steps {
  return copy(context, dims, from, { operand: output, strides: strides(dims) });
}

export function fill(context: LoweringContext, output: Operand, value: number): NativeStep {
  const element = allocate(output.type, 1);
  fillWith(element, value);
  const bytes = new Uint8Array(element.buffer);
  const fields = { y: context.place(output), count: product(output.dims), elementBytes: bytes.length, value: bytes };
  return { kind: 'fill', fields };
}

/** Dimension i of the output is dimension perm[i] of x, whose dimensions are read as `dims`. */
export function permute(
  context: LoweringContext,
  x: Operand,
  dims: readonly number[],
  perm: readonly number[],
  y: Operand,
): Steps {
  const own = strides(dims);
  const result = perm.map((axis) => dims[axis]!);
  return gather(context, y, result, { operand: x, strides: perm.map((axis) => own[axis]!) });
}
