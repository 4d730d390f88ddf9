/**
 * One loop that moves elements of any type between arrays of any layout. Concatenation, slices, transposition, padding, tiling
 * and the moves between space, depth and batch are all one or two of these copies, differing only in dimensions and strides.
 */
import type { DataType } from '../tensor.js';
import type { TypedArray } from '../typed-array.js';
import { product, strides } from './shapes.js';
import { allocate } from './storage.js';

/** Where the element [0, 0, ...] is, and how far it is from each index to the next; 0 repeats, below 0 goes backwards. */
export interface View {
  readonly data: TypedArray;
  readonly offset: number;
  readonly strides: readonly number[];
}

export interface Loop {
  readonly size: number;
  readonly from: number;
  readonly to: number;
}

/** to[i, j, ...] = from[i, j, ...] for all indices below `dims`. Both arrays are of one class. */
export function copyStrided(dims: readonly number[], from: View, to: View): void {
  if (dims.includes(0)) return;
  const loops = mergedLoops(dims, from.strides, to.strides);
  const inner = loops.pop() ?? { size: 1, from: 0, to: 0 };
  const index = new Array<number>(loops.length).fill(0);
  let source = from.offset;
  let target = to.offset;
  for (;;) {
    copyRow(inner, from.data, source, to.data, target);
    let axis = loops.length - 1;
    for (; axis >= 0; axis--) {
      const loop = loops[axis]!;
      source += loop.from;
      target += loop.to;
      index[axis]!++;
      if (index[axis]! < loop.size) break;
      source -= loop.size * loop.from;
      target -= loop.size * loop.to;
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}

/** Dimensions of 1 vanish; neighbours that are as one long dimension in both arrays become that dimension. */
export function mergedLoops(dims: readonly number[], from: readonly number[], to: readonly number[]): Loop[] {
  const loops: Loop[] = [];
  for (const [i, size] of dims.entries()) {
    if (size === 1) continue;
    const loop = { size, from: from[i]!, to: to[i]! };
    const outer = loops.at(-1);
    if (outer !== undefined && outer.from === size * loop.from && outer.to === size * loop.to) {
      loops[loops.length - 1] = { ...loop, size: outer.size * size };
    } else loops.push(loop);
  }
  return loops;
}

function copyRow({ size, from, to }: Loop, source: TypedArray, start: number, target: TypedArray, begin: number): void {
  // The element type is the same on both sides; one class stands for all.
  const read = source as Float64Array;
  const write = target as Float64Array;
  if (from === 1 && to === 1 && size >= 16) {
    write.set(read.subarray(start, start + size), begin);
    return;
  }
  for (let i = 0; i < size; i++) write[begin + i * to] = read[start + i * from]!;
}

/** A new dense array of shape `dims`, read from anywhere. */
export function gatherStrided(type: DataType, dims: readonly number[], from: View): TypedArray {
  const data = allocate(type, product(dims));
  copyStrided(dims, from, { data, offset: 0, strides: strides(dims) });
  return data;
}

/** Dimension i of the result is dimension perm[i] of `data`. */
export function permuted(type: DataType, data: TypedArray, dims: readonly number[], perm: readonly number[]): TypedArray {
  const own = strides(dims);
  const resultDims = perm.map((axis) => dims[axis]!);
  return gatherStrided(type, resultDims, { data, offset: 0, strides: perm.map((axis) => own[axis]!) });
}

/** The block of shape `sizes` that begins at `begin` in a dense array of shape `dims`. */
export function block(
  type: DataType,
  data: TypedArray,
  dims: readonly number[],
  begin: readonly number[],
  sizes: readonly number[],
): TypedArray {
  const own = strides(dims);
  return gatherStrided(type, sizes, { data, offset: offsetOf(begin, own), strides: own });
}

/** The position of an element in an array with these strides. */
export function offsetOf(index: readonly number[], own: readonly number[]): number {
  return index.reduce((sum, i, axis) => sum + i * own[axis]!, 0);
}
