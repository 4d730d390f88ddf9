/** Moving elements to where each axis says for itself: what padding, resizing to the nearest element and cropping share. */
import type { DataType } from '../tensor.js';
import type { TypedArray } from '../typed-array.js';
import { product, strides } from './shapes.js';
import { allocate } from './storage.js';

/** Of each index along an axis of the result, the one of the source; below 0 where there is none. */
export type AxisMap = ArrayLike<number>;

/**
 * y[i, j, ...] = x[map(0)[i], map(1)[j], ...], or `otherwise` (0 by default) where one of them has no source. `map` is called for
 * results that are not empty: their dimensions are then no larger than they are.
 */
export function copyMapped(
  type: DataType,
  x: TypedArray,
  from: readonly number[],
  dims: readonly number[],
  map: (axis: number) => AxisMap,
  otherwise?: number | bigint,
): TypedArray {
  const y = allocate(type, product(dims));
  if (y.length === 0) return y;
  if (otherwise !== undefined) (y as Float64Array).fill(otherwise as number);
  const own = strides(from);
  const maps = dims.map((_, axis) => map(axis));
  // A scalar is a row of one element
  const row = maps.at(-1) ?? [0];
  const outer = dims.slice(0, -1);
  const index = outer.map(() => 0);
  const read = x as Float64Array;
  const write = y as Float64Array;
  for (let begin = 0; begin < y.length; begin += row.length) {
    let base = 0;
    for (const [axis, i] of index.entries()) {
      const source = maps[axis]![i]!;
      base = source < 0 || base < 0 ? -1 : base + source * own[axis]!;
    }
    if (base >= 0) for (let j = 0; j < row.length; j++) if (row[j]! >= 0) write[begin + j] = read[base + row[j]!]!;
    advance(index, outer);
  }
  return y;
}

/** The next index of an array of shape `dims`, row-major; after the last one, the first. Returns the axis that moved on. */
export function advance(index: number[], dims: readonly number[]): number {
  let axis = dims.length - 1;
  for (; axis >= 0; axis--) {
    index[axis]!++;
    if (index[axis]! < dims[axis]!) break;
    index[axis] = 0;
  }
  return axis;
}
