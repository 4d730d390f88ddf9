import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { numbers, random, sameOnBoth, sizeOf, type Tolerance } from './both.js';

const unary: Readonly<Record<string, readonly [(x: tf.Tensor) => tf.Tensor, Tolerance?]>> = {
  abs: [tf.abs],
  neg: [tf.neg],
  sqrt: [tf.sqrt],
  rsqrt: [tf.rsqrt, { relative: 2e-7 }],
  square: [tf.square],
  reciprocal: [tf.reciprocal],
  floor: [tf.floor],
  ceil: [tf.ceil],
  round: [tf.round],
  sign: [tf.sign],
  relu: [tf.relu],
  relu6: [tf.relu6],
  step: [tf.step],
  'step of slope 0.3': [(x) => tf.step(x, 0.3)],
  leakyRelu: [(x) => tf.leakyRelu(x, 0.3), { relative: 2e-7 }],
  'clip to [-0.5, 2]': [(x) => tf.clipByValue(x, -0.5, 2)],
  'clip to [0, 6]': [(x) => tf.clipByValue(x, 0, 6)],
  // The cpu backend subtracts 1 from a float64 exponential.
  elu: [tf.elu, { relative: 1e-6, absolute: 2e-16 }],
  selu: [tf.selu, { relative: 1e-6, absolute: 4e-16 }],
  exp: [tf.exp, { relative: 4e-7, absolute: 2 ** -148 }],
  sigmoid: [tf.sigmoid, { relative: 8e-7, absolute: 2e-38 }],
  tanh: [tf.tanh, { relative: 8e-7 }],
  // The cpu backend's own formula (Abramowitz and Stegun 7.1.26) is within 1.5e-7.
  erf: [tf.erf, { relative: 5e-7, absolute: 2e-7 }],
  log: [tf.log, { relative: 1e-7 }],
  log1p: [tf.log1p, { relative: 1e-7 }],
  expm1: [tf.expm1, { relative: 1e-7 }],
  softplus: [tf.softplus, { relative: 2e-7 }],
  sin: [tf.sin, { relative: 1e-7 }],
  cos: [tf.cos, { relative: 1e-7 }],
  'cast to int32': [(x) => tf.cast(tf.clipByValue(x, -1e9, 1e9), 'int32')],
  'cast to bool': [(x) => tf.cast(x, 'bool')],
};

for (const [name, [f, tolerance]] of Object.entries(unary)) {
  test.serial(`${name} of any float32 is that of the cpu backend`, async (t) => {
    for (const shape of [[], [0], [1], [7], [3, 0, 2], [2, 3, 5], [33, 129], [3, 7, 11, 13]]) {
      await sameOnBoth(t, `[${shape}]`, () => f(random(shape, 5, true)), tolerance);
    }
  });
}

test.serial('a function of so many elements that threads share them is the same', async (t) => {
  await sameOnBoth(t, 'square', () => tf.square(random([300_001], 3)));
  await sameOnBoth(t, 'exp', () => tf.exp(random([300_001], 3)), { relative: 4e-7 });
  await sameOnBoth(t, 'sum', () => tf.add(random([300_001], 3), random([300_001], 4)));
  await sameOnBoth(t, 'sum with a row', () => tf.add(random([4000, 33], 3), random([33], 4)));
});

test.serial('functions of int32 and bool tensors are those of the cpu backend', async (t) => {
  const x = () => tf.tensor([3, -2, 0, 7, 1, -9], [2, 3], 'int32');
  for (const f of [tf.abs, tf.neg, tf.square, tf.sign, tf.relu, tf.relu6]) await sameOnBoth(t, f.name, () => f(x()));
  const bool = () => tf.tensor([1, 0, 1, 1], [4], 'bool');
  await sameOnBoth(t, 'bool to float32', () => tf.mul(tf.cast(bool(), 'float32'), 2.5));
  await sameOnBoth(t, 'int32 to float32', () => tf.mul(tf.cast(x(), 'float32'), 2.5));
  await sameOnBoth(t, 'bool to int32', () => tf.cast(bool(), 'int32'));
  await sameOnBoth(t, 'int32 and float32', () => tf.add(x(), 0.5));
  await sameOnBoth(t, 'int32 and int32', () => [tf.mul(x(), x()), tf.sub(x(), x()), tf.maximum(x(), tf.neg(x()))]);
});

const binary: Readonly<Record<string, readonly [(a: tf.Tensor, b: tf.Tensor) => tf.Tensor, Tolerance?]>> = {
  add: [tf.add],
  sub: [tf.sub],
  mul: [tf.mul],
  div: [tf.div],
  maximum: [tf.maximum],
  minimum: [tf.minimum],
  squaredDifference: [tf.squaredDifference, { relative: 4e-7 }],
  pow: [tf.pow, { relative: 2e-7 }],
  prelu: [tf.prelu],
  equal: [tf.equal],
  notEqual: [tf.notEqual],
  less: [tf.less],
  lessEqual: [tf.lessEqual],
  greater: [tf.greater],
  greaterEqual: [tf.greaterEqual],
  mod: [tf.mod],
  floorDiv: [(a, b) => tf.floorDiv(tf.clipByValue(a, -9, 9), tf.add(tf.abs(tf.clipByValue(b, -9, 9)), 1))],
  atan2: [tf.atan2],
};

const shapes: readonly (readonly [number[], number[]])[] = [
  [[], []],
  [[5], []],
  [[], [2, 3]],
  [
    [4, 5],
    [4, 5],
  ],
  [[4, 5], [5]],
  [[5], [4, 5]],
  [
    [4, 5],
    [4, 1],
  ],
  [
    [4, 1],
    [1, 5],
  ],
  [[2, 3, 4, 5], [5]],
  [
    [2, 3, 4, 17],
    [1, 1, 1, 17],
  ],
  [
    [2, 3, 4, 5],
    [2, 1, 1, 5],
  ],
  [
    [2, 1, 4, 1],
    [3, 1, 33],
  ],
  [
    [2, 3, 4, 5],
    [1, 3, 1, 1],
  ],
  [
    [3, 1, 2, 1, 4],
    [2, 1, 5, 1],
  ],
  [
    [2, 2, 1, 2, 1, 2],
    [1, 2, 3, 1, 2, 2],
  ],
  [[0], [1]],
  [
    [3, 0],
    [3, 1],
  ],
  [
    [2, 1, 0],
    [5, 1],
  ],
  [[40, 70], [70]],
];

for (const [name, [f, tolerance]] of Object.entries(binary)) {
  test.serial(`${name} of any float32, broadcast, is that of the cpu backend`, async (t) => {
    for (const [a, b] of shapes) {
      await sameOnBoth(t, `[${a}] and [${b}]`, () => f(random(a, 5, true), random(b, 9, true)), tolerance);
    }
  });
}

test.serial('shapes that do not broadcast are an error', async (t) => {
  await tf.setBackend('octensor');
  t.throws(() => tf.add(tf.ones([2, 3]), tf.ones([2])));
});

test.serial('zeros have the sign that Math.max and Math.min give them', async (t) => {
  await tf.setBackend('octensor');
  const [a, b] = [tf.tensor([0, -0, 0, -0]), tf.tensor([0, 0, -0, -0])];
  const [most, least] = [tf.maximum(a, b).dataSync(), tf.minimum(a, b).dataSync()];
  t.deepEqual([...most], [0, 0, 0, -0]);
  t.deepEqual([...least], [0, -0, -0, -0]);
});

test.serial('selections, logical operators and sums of several tensors are those of the cpu backend', async (t) => {
  const condition = (shape: number[]) => tf.greater(random(shape, 7), 0);
  for (const shape of [[], [6], [2, 3, 5], [0], [90, 80]]) {
    const pair = () => [random(shape, 1, true), random(shape, 2, true)] as const;
    await sameOnBoth(t, `where [${shape}]`, () => tf.where(condition(shape), ...pair()));
    await sameOnBoth(t, `and, or, not [${shape}]`, () => {
      const [a, b] = [condition(shape), tf.less(random(shape, 8), 0.5)];
      return [tf.logicalAnd(a, b), tf.logicalOr(a, b), tf.logicalNot(a), tf.logicalXor(a, b)];
    });
    await sameOnBoth(t, `addN [${shape}]`, () => tf.addN([...pair(), random(shape, 3), random(shape, 4)]));
  }
  await sameOnBoth(t, 'where a row decides', () => tf.where(condition([4, 1]), random([4, 3]), random([4, 3], 2)));
  await sameOnBoth(t, 'and with broadcasting', () => tf.logicalAnd(condition([4, 1]), condition([3])));
  await sameOnBoth(t, 'addN of int32', () => tf.addN([tf.ones([3], 'int32'), tf.ones([3], 'int32')]));
  await sameOnBoth(t, 'addN of one', () => tf.addN([random([3])]));
});

test.serial('memory that is shared among threads, or was cast from int32, is read as it is', async (t) => {
  await tf.setBackend('octensor');
  const shared = new Float32Array(new SharedArrayBuffer(16)).fill(2);
  t.deepEqual([...tf.square(tf.tensor(shared)).dataSync()], [4, 4, 4, 4]);
  t.is(sizeOf([2, 3]), numbers(6).length);
});
