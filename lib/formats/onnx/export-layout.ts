/**
 * The two orders of the dimensions of images: our operators' NHWC and ONNX's NCHW. What operators say in one (axes, paddings, shapes,
 * scales per channel) is said here in the other.
 */

import { permuted } from '../../ops/strided-copy.js';
import type { QParams } from '../../quant/qparams.js';
import { type DataType, Tensor } from '../../tensor.js';
import type { TypedArray } from '../../typed-array.js';

/** `own` is the order that a value has in our graph, whatever that is; `nchw` is the one after `toNchw`. */
export type Layout = 'own' | 'nchw';

export const imageRank = 4;
export const toNchw: readonly number[] = [0, 3, 1, 2];
export const toNhwc: readonly number[] = [0, 2, 3, 1];

export function isPermutation(perm: readonly number[], of: readonly number[]): boolean {
  return perm.length === of.length && perm.every((axis, i) => axis === of[i]);
}

/** The same element type in the order `perm`; parameters per channel go along. */
export function permuteTensor({ type, data, dims }: Tensor, perm: readonly number[]): Tensor {
  if (type === 'string') throw new Error('strings are never permuted');
  const to = perm.map((axis) => dims[axis]!);
  return new Tensor<DataType>(type, permuted(type, data as TypedArray, dims, perm) as Tensor['data'], to);
}

export function permuteQParams(qparams: QParams, perm: readonly number[]): QParams {
  return qparams.axis === undefined ? qparams : { ...qparams, axis: perm.indexOf(qparams.axis) };
}

/** The axis of a value of `rank` dimensions where it stands in `layout`. */
export function axisIn(layout: Layout, axis: number, rank = imageRank): number {
  return layout === 'own' ? axis : toNchw.indexOf(axis < 0 ? axis + rank : axis);
}

/** One entry per dimension, in the order of `layout`. */
export function entriesIn<T>(layout: Layout, entries: readonly T[]): readonly T[] {
  return layout === 'own' ? entries : toNchw.map((axis) => entries[axis]!);
}

/** With dimensions of 1 before those that are there, where broadcasting would have them. */
export function withImageRank(
  tensor: Tensor,
  qparams: QParams | undefined,
): { readonly tensor: Tensor; readonly qparams: QParams | undefined } {
  const missing = imageRank - tensor.dims.length;
  const dims = [...new Array<number>(missing).fill(1), ...tensor.dims];
  const moved = qparams?.axis === undefined ? qparams : { ...qparams, axis: qparams.axis + missing };
  return { tensor: new Tensor<DataType>(tensor.type, tensor.data as Tensor['data'], dims), qparams: moved };
}
