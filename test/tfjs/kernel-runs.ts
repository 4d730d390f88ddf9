/** Kernels of the backend `octensor` and of `cpu`, called alike. */
import * as tf from '@tensorflow/tfjs-core';
import type { ExecutionContext } from 'ava';
import '#lib/tfjs/index.js';
import type { Random } from '../support/random.js';

export interface Values {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

export type Inputs = Readonly<Record<string, Values | undefined>>;
export type Attrs = Readonly<Record<string, unknown>>;

export function randomValues(random: Random, shape: readonly number[], lo = -1, hi = 1): Values {
  const values = new Float32Array(shape.reduce((product, dim) => product * dim, 1));
  for (let i = 0; i < values.length; i++) values[i] = lo + ((hi - lo) * random.uint32()) / 2 ** 32;
  return { shape, values };
}

/** Runs a kernel on tensors made for the call, and leaves none behind. */
export async function runKernel(backend: string, kernel: string, inputs: Inputs, attrs: Attrs): Promise<Values> {
  await tf.setBackend(backend);
  return tf.tidy(() => {
    const tensors: tf.NamedTensorMap = {};
    for (const [name, input] of Object.entries(inputs)) {
      if (input) tensors[name] = tf.tensor(input.values, [...input.shape], 'float32');
    }
    const y = tf.engine().runKernel(kernel, tensors, attrs as tf.NamedAttrMap) as tf.Tensor;
    return { shape: y.shape, values: y.dataSync<'float32'>().slice() };
  });
}

function absolute(inputs: Inputs): Inputs {
  const entries = Object.entries(inputs).map(([name, input]) => [
    name,
    input && { ...input, values: input.values.map(Math.abs) },
  ]);
  return Object.fromEntries(entries);
}

/**
 * Compares a kernel whose outputs are sums of at most `products` products with the cpu backend's. Each side is within
 * (products + 4) u / (1 - (products + 4) u) of the exact sum, times the sum of the products' magnitudes (native/kernels/float.h),
 * u = 2^-24; what the cpu backend makes of the absolute values of all inputs, without an activation, is that sum. Activations
 * have a slope of at most 1, and add a rounding or two, and those that are approximated 4e-7.
 */
export async function compareSums(
  t: ExecutionContext,
  kernel: string,
  inputs: Inputs,
  attrs: Attrs,
  products: number,
): Promise<void> {
  const expected = await runKernel('cpu', kernel, inputs, attrs);
  const actual = await runKernel('octensor', kernel, inputs, attrs);
  const { preluActivationWeights: _, ...summed } = absolute(inputs);
  const magnitudes = await runKernel('cpu', kernel, summed, { ...attrs, activation: 'linear' });
  const isApproximated = attrs.activation === 'sigmoid' || attrs.activation === 'elu';
  t.deepEqual(actual.shape, expected.shape);
  const bound = (2 * (products + 6) * 2 ** -24) / (1 - (products + 6) * 2 ** -24);
  const [y, definition, magnitude] = [actual.values, expected.values, magnitudes.values];
  const isWrong = (value: number, i: number): boolean =>
    !(Math.abs(value - definition[i]!) <= bound * magnitude[i]! * 1.001 + (isApproximated ? 4e-7 : 0));
  const wrong = y.findIndex(isWrong);
  const about = () => `${kernel} ${JSON.stringify(attrs)} ${Object.values(inputs).map((input) => `[${input?.shape}]`)}`;
  t.is(wrong, -1, wrong < 0 ? '' : `${about()}: ${y[wrong]} at ${wrong}, not ${definition[wrong]}`);
}
