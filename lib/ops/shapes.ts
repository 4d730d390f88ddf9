/** Arithmetic on dimensions, which come from files and are hostile until `checkedSize` let them pass. */
import type { Node } from '../graph/graph.js';
import { nodeError } from './op.js';

/** Offsets fit an int32, here and in native code. */
export const maxElements = 2 ** 31 - 1;
/** Far above what models have: a shape that is data could be as long as a tensor. */
const maxRank = 64;

/**
 * The number of elements. ERR_SHAPE, naming the node, for more than 64 dimensions, one that is not an integer >= 0, and a product above
 * `maxElements`. Dimensions of 0 do not hide large ones: the product is taken without them too.
 */
export function checkedSize(node: Node, dims: readonly number[]): number {
  if (dims.length > maxRank) {
    throw nodeError('ERR_SHAPE', node, `expected at most ${maxRank} dimensions, got ${dims.length}`);
  }
  let size = 1;
  let bound = 1;
  for (const dim of dims) {
    size *= dim;
    bound *= Math.max(dim, 1);
    if (!Number.isInteger(dim) || dim < 0 || bound > maxElements) {
      throw nodeError('ERR_SHAPE', node, `expected dimensions whose product is at most 2^31 - 1, got ${shapeText(dims)}`);
    }
  }
  return size;
}

/** The common shape under NumPy's rule: aligned at the last dimension, a dimension of 1 repeats. */
export function broadcast(node: Node, a: readonly number[], b: readonly number[]): readonly number[] {
  const rank = Math.max(a.length, b.length);
  const dims = Array.from({ length: rank }, (_, i) => {
    const da = a[i - rank + a.length] ?? 1;
    const db = b[i - rank + b.length] ?? 1;
    if (da !== db && da !== 1 && db !== 1) {
      throw nodeError('ERR_SHAPE', node, `expected shapes that broadcast, got ${shapeText(a)} and ${shapeText(b)}`);
    }
    return da === 1 ? db : da;
  });
  checkedSize(node, dims);
  return dims;
}

/** Elements from one index to the next along each dimension, row-major: [2, 3, 4] has [12, 4, 1]. */
export function strides(dims: readonly number[]): number[] {
  const result = new Array<number>(dims.length);
  let stride = 1;
  for (let i = dims.length - 1; i >= 0; i--) {
    result[i] = stride;
    stride *= dims[i]!;
  }
  return result;
}

/** Strides with which an array of shape `dims` is read as if it had the shape `to`: 0 where it repeats. */
export function broadcastStrides(dims: readonly number[], to: readonly number[]): number[] {
  const own = strides(dims);
  return to.map((_, i) => {
    const axis = i - to.length + dims.length;
    return axis < 0 || dims[axis] === 1 ? 0 : own[axis]!;
  });
}

/** An axis from -rank to rank - 1, as one from 0; otherwise ERR_SHAPE. */
export function normalizeAxis({ node }: { readonly node: Node }, axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw nodeError('ERR_SHAPE', node, `expected an axis of a tensor of ${rank} dimensions, got ${axis}`);
  }
  return axis < 0 ? axis + rank : axis;
}

/** The product of dimensions that are known to be small enough. */
export function product(dims: readonly number[]): number {
  return dims.reduce((size, dim) => size * dim, 1);
}

/** `[2, 3, 4]`; of a list that only a hostile file has, the beginning. */
export function shapeText(dims: readonly number[]): string {
  const rest = dims.length > maxShown ? `, ... (${dims.length} in all)` : '';
  return `[${dims.slice(0, maxShown).join(', ')}${rest}]`;
}

const maxShown = 16;

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}
