import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { random, sameOnBoth, type Tolerance } from './both.js';

const cases: readonly (readonly [number[], number | number[] | undefined])[] = [
  [[], undefined],
  [[1], 0],
  [[7], undefined],
  [[5000], undefined],
  [[3, 5], 0],
  [[3, 5], 1],
  [[3, 5], []],
  [
    [4, 3, 5],
    [0, 2],
  ],
  [[4, 3, 5], 1],
  [
    [2, 3, 4, 5],
    [1, 3],
  ],
  [
    [2, 3, 4, 5],
    [0, 1, 2],
  ],
  [
    [2, 3, 4, 5],
    [1, 2],
  ],
  [[2, 3, 4, 5], [-1]],
  [
    [2, 2, 3, 2, 3, 2],
    [0, 2, 4],
  ],
  [
    [32, 14, 14, 24],
    [0, 1, 2],
  ],
  [[70_000, 3], 0],
  [[3, 70_000], 1],
  [[9, 300], 0],
  [[0, 3], 1],
  [[3, 0], 1],
  [[3, 0], 0],
];

// The cpu backend adds in float64; here runs of at most 2048 elements (128 rows) are float32, in 16 to 64 chains.
const sums: Tolerance = { relative: 4e-6, absolute: 4e-6 };
type Reduce = (x: tf.Tensor, axis?: number | number[], keepDims?: boolean) => tf.Tensor;
const reductions: Readonly<Record<string, readonly [Reduce, Tolerance]>> = {
  sum: [tf.sum, { ...sums, absolute: 1e-4 }],
  mean: [tf.mean, sums],
  max: [tf.max, {}],
  min: [tf.min, {}],
  prod: [tf.prod, { relative: 1e-5 }],
};

for (const [name, [reduce, tolerance]] of Object.entries(reductions)) {
  test.serial(`${name} over any axes is that of the cpu backend`, async (t) => {
    for (const [shape, axis] of cases) {
      for (const keep of [false, true]) {
        const x = () => (name === 'prod' ? tf.add(tf.mul(random(shape), 0.001), 1) : random(shape));
        await sameOnBoth(t, `[${shape}] over ${axis}, ${keep}`, () => reduce(x(), axis, keep), tolerance);
      }
    }
  });
}

test.serial('NaN, infinities and zeros are reduced as the cpu backend does', async (t) => {
  for (const [name, [reduce, tolerance]] of Object.entries(reductions)) {
    for (const axis of [0, 1]) {
      await sameOnBoth(t, `${name} over ${axis}`, () => reduce(random([37, 41], 3, true), axis), tolerance);
      const row = () => tf.tensor([1, NaN, 3, -Infinity, 2, NaN, 5, 5], [2, 4]);
      await sameOnBoth(t, `${name} over ${axis} of few`, () => reduce(row(), axis), tolerance);
    }
  }
});

test.serial('reductions of int32 and bool are those of the cpu backend', async (t) => {
  const x = () => tf.tensor([3, -2, 0, 7, 1, -9], [2, 3], 'int32');
  await sameOnBoth(t, 'int32', () => [tf.sum(x(), 0), tf.max(x(), 1), tf.min(x()), tf.prod(x(), 0), tf.mean(x(), 1)], sums);
  const bool = () => tf.tensor([1, 0, 1, 1], [2, 2], 'bool');
  await sameOnBoth(t, 'bool', () => [tf.sum(bool(), 0), tf.all(bool(), 1), tf.any(bool(), 0)]);
});

test.serial('positions of the largest and least are those of the cpu backend, with ties and NaN', async (t) => {
  const shapes: readonly (readonly [number[], number])[] = [
    [[7], 0],
    [[3, 5], 0],
    [[3, 5], 1],
    [[4, 3, 5], 1],
    [[200, 10], 1],
  ];
  for (const [shape, axis] of shapes) {
    const x = () => tf.round(random(shape, 11, true));
    await sameOnBoth(t, `[${shape}] along ${axis}`, () => [tf.argMax(x(), axis), tf.argMin(x(), axis)]);
  }
});

test.serial('softmax and its relatives are those of the cpu backend', async (t) => {
  const tolerance = { relative: 2e-6, absolute: 1e-9 };
  for (const shape of [[5], [3, 10], [2, 3, 7], [4, 1000], [64, 10], [2, 9000]]) {
    await sameOnBoth(t, `softmax [${shape}]`, () => tf.softmax(random(shape)), tolerance);
    await sameOnBoth(t, `logSoftmax [${shape}]`, () => tf.logSoftmax(random(shape)), { relative: 1e-6, absolute: 1e-6 });
    await sameOnBoth(t, `logSumExp [${shape}]`, () => tf.logSumExp(random(shape)), { relative: 1e-6, absolute: 1e-6 });
  }
  await sameOnBoth(
    t,
    'infinities',
    () => tf.softmax(tf.tensor([1, -Infinity, 3, NaN, 1, 2, Infinity, 0, 1], [3, 3])),
    tolerance,
  );
});

test.serial('batch normalization is that of the cpu backend', async (t) => {
  const tolerance = { relative: 1e-6, absolute: 1e-6 };
  const of = (n: number, seed: number) => random([n], seed) as tf.Tensor1D;
  for (const [shape, n] of [
    [[2, 3, 5, 7], 7],
    [[4, 33], 33],
    [[32, 7, 7, 24], 24],
    [[0, 2, 2, 3], 3],
  ] as const) {
    const x = () => random([...shape], 2);
    const variance = () => tf.add(tf.square(of(n, 4)), 0.1) as tf.Tensor1D;
    await sameOnBoth(t, `[${shape}]`, () => tf.batchNorm(x(), of(n, 3), variance(), of(n, 5), of(n, 6), 0.01), tolerance);
    await sameOnBoth(t, `[${shape}] plain`, () => tf.batchNorm(x(), of(n, 3), variance()), tolerance);
    await sameOnBoth(t, `[${shape}] scaled`, () => tf.batchNorm(x(), of(n, 3), variance(), undefined, of(n, 6)), tolerance);
  }
  const full = () => random([2, 3, 4, 5]) as tf.Tensor4D;
  await sameOnBoth(t, 'mean of rank 4', () => tf.batchNorm4d(full(), full(), tf.square(full())), tolerance);
  await sameOnBoth(t, 'moments', () => Object.values(tf.moments(random([8, 5, 5, 12]), [0, 1, 2])) as tf.Tensor[], sums);
});
