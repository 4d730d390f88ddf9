/** One computation on TensorFlow.js's own cpu backend, which is the definition, and on this one. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-layers'; // registers gradients
import * as tf from '@tensorflow/tfjs-core';
import type { ExecutionContext } from 'ava';
import 'octensor/tfjs';

/** |octensor - cpu| <= relative * |cpu| + absolute */
export interface Tolerance {
  readonly relative?: number;
  readonly absolute?: number;
}

export interface Result {
  readonly shape: readonly number[];
  readonly dtype: tf.DataType;
  readonly values: ArrayLike<number>;
}

/** Makes arrays of these lengths that tensors will get next contain NaN: a kernel that leaves elements out shows. */
export function soil(lengths: readonly number[]): void {
  for (const length of lengths) {
    tf.dispose(Array.from({ length: 6 }, () => tf.tidy(() => tf.neg(tf.fill([length], Number.NaN)))));
    tf.dispose(Array.from({ length: 6 }, () => tf.tidy(() => tf.notEqual(tf.fill([length], Number.NaN), 0))));
  }
}

/** Tensors that `compute` makes and does not return are disposed of. */
export async function resultsOn(backend: 'cpu' | 'octensor', compute: () => tf.Tensor | tf.Tensor[]): Promise<Result[]> {
  if (!(await tf.setBackend(backend))) throw new Error(`no backend ${backend}`);
  const computed = tf.tidy(compute);
  const tensors = Array.isArray(computed) ? computed : [computed];
  const results = tensors.map((tensor) => ({
    shape: tensor.shape,
    dtype: tensor.dtype,
    values: tensor.dataSync<'float32'>().slice(),
  }));
  tf.dispose(tensors);
  return results;
}

export async function sameOnBoth(
  t: ExecutionContext,
  what: string,
  compute: () => tf.Tensor | tf.Tensor[],
  { relative = 0, absolute = 0 }: Tolerance = {},
): Promise<void> {
  const expected = await resultsOn('cpu', compute);
  await resultsOn('octensor', compute);
  soil(expected.map(({ values }) => values.length));
  const actual = await resultsOn('octensor', compute);
  t.is(actual.length, expected.length, what);
  for (const [i, { shape, dtype, values }] of expected.entries()) {
    const other = actual[i]!;
    t.deepEqual(other.shape, shape, `${what}: shape`);
    t.is(other.dtype, dtype, `${what}: dtype`);
    const at = Array.from(values).findIndex((value, k) => {
      const got = other.values[k]!;
      return !(Object.is(got, value) || got === value || Math.abs(got - value) <= relative * Math.abs(value) + absolute);
    });
    t.is(at, -1, `${what}: element ${at} is ${other.values[at]}, not ${values[at]}`);
  }
}

/** Reproducible numbers, mostly between -3 and 3; with `special`, now and then a zero, an infinity, a NaN, a huge or a tiny one. */
export function numbers(count: number, seed = 1, special = false): Float32Array {
  let state = seed >>> 0;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const unusual = [0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, -1.5, Infinity, -Infinity, NaN, 1e30, -1e30, 1e-30, -1e-42, 90, -110, 6];
  return Float32Array.from({ length: count }, () => {
    const value = (next() + next() - 1) * 3;
    return special && next() < 0.2 ? unusual[Math.floor(next() * unusual.length)]! : value;
  });
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((size, n) => size * n, 1);

/** A tensor of such numbers, on the current backend. */
export function random(shape: number[], seed = 1, special = false): tf.Tensor {
  return tf.tensor(numbers(sizeOf(shape), seed, special), shape);
}
