/** Native products of matrices against the cpu backend's. */
import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { setThreads } from '#lib/tfjs/index.js';
import { Random } from '../support/random.js';
import { compareSums, randomValues, runKernel } from './kernel-runs.js';

const sizes = [
  [1, 1, 1],
  [1, 300, 10],
  [5, 7, 3],
  [14, 32, 32],
  [15, 33, 17],
  [32, 64, 100],
  [33, 700, 20],
  [96, 1500, 24],
] as const;

test.serial('products of all sizes, either matrix transposed', async (t) => {
  const random = new Random(1);
  for (const [m, k, n] of sizes) {
    for (const transposeA of [false, true]) {
      for (const transposeB of [false, true]) {
        const a = randomValues(random, transposeA ? [k, m] : [m, k]);
        const b = randomValues(random, transposeB ? [n, k] : [k, n]);
        await compareSums(t, 'BatchMatMul', { a, b }, { transposeA, transposeB }, k);
      }
    }
  }
});

test.serial('batches, either operand repeated', async (t) => {
  const random = new Random(2);
  const batches = [
    [[2], [2]],
    [[2, 3], [1]],
    [[1], [3]],
    [[2, 3], [3]],
    [[], [4]],
    [
      [2, 1, 2],
      [2, 1, 2],
    ],
  ] as const;
  for (const [aBatch, bBatch] of batches) {
    for (const transposeA of [false, true]) {
      const a = randomValues(random, transposeA ? [...aBatch, 9, 20] : [...aBatch, 20, 9]);
      const b = randomValues(random, [...bBatch, 9, 35]);
      await compareSums(t, 'BatchMatMul', { a, b }, { transposeA, transposeB: false }, 9);
    }
  }
});

test.serial('both operands repeated along different dimensions', async (t) => {
  const random = new Random(3);
  const a = randomValues(random, [2, 1, 4, 5]);
  const b = randomValues(random, [1, 3, 5, 6]);
  const { shape, values } = await runKernel('octensor', 'BatchMatMul', { a, b }, { transposeA: false, transposeB: false });
  t.deepEqual(shape, [2, 3, 4, 6]);
  for (let i = 0; i < values.length; i++) {
    const [outer, inner, row, column] = [Math.floor(i / 72), Math.floor(i / 24) % 3, Math.floor(i / 6) % 4, i % 6];
    let sum = 0;
    for (let k = 0; k < 5; k++) sum += a.values[outer * 20 + row * 5 + k]! * b.values[inner * 30 + k * 6 + column]!;
    t.true(Math.abs(values[i]! - sum) <= 1e-6);
  }
});

test.serial('bias and activations', async (t) => {
  const random = new Random(4);
  const [a, b] = [randomValues(random, [20, 30]), randomValues(random, [30, 18])];
  for (const activation of ['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'prelu', 'leakyrelu']) {
    for (const biasShape of [undefined, [18], [1, 18], [1], [20, 18]]) {
      const bias = biasShape && randomValues(random, biasShape);
      const preluActivationWeights = activation === 'prelu' ? randomValues(random, [18]) : undefined;
      const attrs = { transposeA: false, transposeB: false, activation, leakyreluAlpha: 0.3 };
      await compareSums(t, '_FusedMatMul', { a, b, bias, preluActivationWeights }, attrs, 31);
    }
  }
  const attrs = { transposeA: true, transposeB: false, activation: 'relu' };
  await compareSums(t, '_FusedMatMul', { a: randomValues(random, [30, 20]), b, bias: randomValues(random, [18]) }, attrs, 31);
});

test.serial('empty matrices', async (t) => {
  const random = new Random(5);
  for (const [m, k, n] of [
    [0, 3, 2],
    [3, 0, 2],
    [3, 2, 0],
  ] as const) {
    const [a, b] = [randomValues(random, [m, k]), randomValues(random, [k, n])];
    await compareSums(t, 'BatchMatMul', { a, b }, { transposeA: false, transposeB: false }, k);
  }
});

test.serial('NaN and infinity go where they belong', async (t) => {
  const a = { shape: [2, 2], values: Float32Array.of(Number.NaN, 1, 2, 3) };
  const b = { shape: [2, 1], values: Float32Array.of(1, Number.POSITIVE_INFINITY) };
  const attrs = { transposeA: false, transposeB: false, activation: 'relu' };
  const { values } = await runKernel('octensor', '_FusedMatMul', { a, b }, attrs);
  t.deepEqual([...values], [Number.NaN, Number.POSITIVE_INFINITY]);
});

test.serial('bits do not depend on the number of threads', async (t) => {
  const random = new Random(6);
  for (const transposeA of [false, true]) {
    const a = randomValues(random, transposeA ? [5000, 40] : [40, 5000]);
    const b = randomValues(random, [5000, 50]);
    const results: Float32Array[] = [];
    for (const threads of [1, 2, 3]) {
      setThreads(threads);
      results.push((await runKernel('octensor', 'BatchMatMul', { a, b }, { transposeA, transposeB: false })).values);
    }
    t.deepEqual(results[1], results[0]);
    t.deepEqual(results[2], results[0]);
  }
});

test.serial('matrices that do not fit are refused, as by the cpu backend', async (t) => {
  await tf.setBackend('octensor');
  const attrs = { transposeA: false, transposeB: false };
  t.throws(() => tf.engine().runKernel('BatchMatMul', { a: tf.zeros([2, 3]), b: tf.zeros([4, 5]) }, attrs), {
    message: /inner shapes/,
  });
});
