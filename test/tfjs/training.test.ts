import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { getThreads, setThreads } from 'octensor/tfjs';
import { throwsCode } from '../support/throws.js';
import { random, resultsOn, sameOnBoth, type Tolerance } from './both.js';

const close: Tolerance = { relative: 1e-5, absolute: 1e-5 };

/** The gradients of the mean of f's square with respect to each argument. */
function gradients(f: (...x: tf.Tensor[]) => tf.Tensor, shapes: readonly number[][]): () => tf.Tensor[] {
  return () => tf.grads((...x: tf.Tensor[]) => tf.mean(tf.square(f(...x))))(shapes.map((shape, i) => random(shape, i + 1)));
}

const functions: Readonly<Record<string, readonly [(...x: tf.Tensor[]) => tf.Tensor, readonly number[][]]>> = {
  'broadcast arithmetic': [(a, b) => tf.div(tf.mul(tf.add(a, b), tf.sub(a, 2)), tf.add(tf.square(b), 1)), [[4, 3, 5], [5]]],
  'maximum and minimum': [
    (a, b) => tf.maximum(tf.minimum(a, b), tf.mul(b, 0.3)),
    [
      [4, 3],
      [4, 3],
    ],
  ],
  'activations of several kinds': [
    (x) =>
      tf.addN([tf.relu(x), tf.relu6(x), tf.elu(x), tf.selu(x), tf.leakyRelu(x), tf.sigmoid(x), tf.tanh(x), tf.softplus(x)]),
    [[7, 9]],
  ],
  'clipping, absolute values, steps': [(x) => tf.add(tf.clipByValue(x, -0.5, 0.5), tf.add(tf.abs(x), tf.step(x))), [[7, 9]]],
  prelu: [(x, alpha) => tf.prelu(x, alpha), [[3, 4, 5], [5]]],
  'powers, roots, logarithms': [(x) => tf.add(tf.log(tf.add(tf.exp(x), 1)), tf.sqrt(tf.add(tf.pow(x, 2), 0.5))), [[6, 7]]],
  'sums and means': [(x) => tf.mul(tf.sum(x, [0, 2], true), tf.mean(x, 1, true)), [[3, 4, 5]]],
  maxima: [(x) => tf.add(tf.max(x, 1), tf.min(x, 1)), [[5, 8]]],
  moments: [(x) => tf.div(tf.sub(x, tf.moments(x, [0]).mean), tf.sqrt(tf.add(tf.moments(x, [0]).variance, 0.1))), [[9, 4]]],
  'batch normalization': [
    (x, mean, variance, offset, scale) =>
      tf.batchNorm(
        x,
        mean as tf.Tensor1D,
        tf.add(tf.square(variance!), 0.5) as tf.Tensor1D,
        offset as tf.Tensor1D,
        scale as tf.Tensor1D,
      ),
    [[4, 3, 3, 6], [6], [6], [6], [6]],
  ],
  softmax: [(x) => tf.mul(tf.softmax(x), tf.logSoftmax(x)), [[5, 10]]],
  'cross entropy': [(x) => tf.losses.softmaxCrossEntropy(tf.oneHot([1, 3, 0], 4), x), [[3, 4]]],
  movement: [
    (a, b) =>
      tf.concat(
        [
          tf.pad(tf.transpose(a, [1, 0]), [
            [0, 0],
            [1, 1],
          ]),
          tf.tile(tf.slice(b, [1, 0], [1, 6]), [4, 1]),
        ],
        0,
      ),
    [
      [4, 4],
      [3, 6],
    ],
  ],
  selection: [
    (a, b) => tf.where(tf.greater(random([4, 5], 9), 0), tf.reverse(a, 0), tf.mul(b, 2)),
    [
      [4, 5],
      [4, 5],
    ],
  ],
};

for (const [name, [f, shapes]] of Object.entries(functions)) {
  test.serial(`gradients of ${name} are those of the cpu backend`, async (t) => {
    await sameOnBoth(t, name, gradients(f, shapes), close);
  });
}

test.serial('a second derivative is that of the cpu backend', async (t) => {
  const f = (x: tf.Tensor) => tf.sum(tf.mul(tf.tanh(x), tf.mean(tf.square(x), 0, true)));
  await sameOnBoth(t, 'twice', () => tf.grad((x) => tf.sum(tf.square(tf.grad(f)(x))))(random([4, 5])), close);
});

const optimizers: Readonly<Record<string, () => tf.Optimizer>> = {
  sgd: () => tf.train.sgd(0.1),
  momentum: () => tf.train.momentum(0.1, 0.9),
  adam: () => tf.train.adam(0.05),
  adamax: () => tf.train.adamax(0.05),
  adagrad: () => tf.train.adagrad(0.1),
  adadelta: () => tf.train.adadelta(1),
  rmsprop: () => tf.train.rmsprop(0.01),
};

/** A layer fitted for some steps: its weights. */
function train(optimizer: tf.Optimizer, steps: number): tf.Tensor[] {
  const x = random([16, 5]);
  const target = tf.sin(tf.sum(x, 1, true));
  const [w, b] = [tf.variable(random([5, 1], 2)), tf.variable(tf.zeros([1]))];
  for (let i = 0; i < steps; i++) {
    optimizer.minimize(
      () => tf.losses.meanSquaredError(target, tf.tanh(tf.add(tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D), b))) as tf.Scalar,
    );
  }
  return [w, b];
}

for (const [name, make] of Object.entries(optimizers)) {
  test.serial(`20 steps of ${name} end where those of the cpu backend do`, async (t) => {
    await sameOnBoth(t, name, () => train(make(), 20), { relative: 1e-3, absolute: 1e-4 });
  });
}

test.serial('steps of training leave as many tensors as there were, and no more memory', async (t) => {
  await tf.setBackend('octensor');
  const optimizer = tf.train.adam(0.01);
  const x = random([32, 200]);
  const w = tf.variable(random([200, 100], 2));
  const step = () =>
    optimizer.minimize(() => tf.mean(tf.square(tf.relu(tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D)))) as tf.Scalar);
  for (let i = 0; i < 20; i++) step();
  const { numTensors, numBytes, numDataBuffers } = tf.memory();
  const outside = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 200; i++) step();
  const after = tf.memory();
  t.deepEqual([after.numTensors, after.numBytes, after.numDataBuffers], [numTensors, numBytes, numDataBuffers]);
  t.true(process.memoryUsage().arrayBuffers - outside < 32 * 2 ** 20);
  optimizer.dispose();
  tf.dispose([x, w]);
});

test.serial("an array that somebody has read is never another tensor's", async (t) => {
  await tf.setBackend('octensor');
  const read = tf.tidy(() => tf.add(tf.ones([100]), 1).dataSync());
  const other = tf.tidy(() => tf.neg(tf.reshape(tf.add(tf.ones([10, 10]), 5), [100])));
  t.true(read.every((value) => value === 2));
  const moved = tf.add(tf.ones([100]), 2);
  await tf.setBackend('cpu');
  const copy = tf.add(moved, 0); // takes the data over
  await tf.setBackend('octensor');
  tf.tidy(() => tf.neg(tf.ones([100])));
  t.true(moved.dataSync().every((value) => value === 3));
  t.true(copy.dataSync().every((value) => value === 3));
  t.true(other.dataSync().every((value) => value === -6));
  tf.dispose([moved, copy, other]);
});

test.serial('views of one tensor keep it until the last is disposed of', async (t) => {
  await tf.setBackend('octensor');
  const x = tf.add(tf.ones([64]), 1);
  const [view, same] = [tf.reshape(x, [8, 8]), x.clone()];
  x.dispose();
  tf.tidy(() => tf.neg(tf.ones([64])));
  t.true(view.dataSync().every((value) => value === 2));
  view.dispose();
  tf.tidy(() => tf.neg(tf.ones([64])));
  t.true(same.dataSync().every((value) => value === 2));
  same.dispose();
});

test.serial('results do not depend on the number of threads', async (t) => {
  const threads = getThreads();
  const compute = () => {
    const x = random([8, 28, 28, 16]);
    return [
      tf.mean(x, [0, 1, 2]),
      tf.sum(x),
      tf.softmax(tf.reshape(x, [-1, 16])),
      tf.exp(tf.add(x, random([16], 2))),
      tf.sum(x, 3),
    ];
  };
  const results = [];
  for (const count of [1, 2, 3]) {
    setThreads(count);
    results.push(await resultsOn('octensor', compute));
  }
  setThreads(threads);
  t.deepEqual(results[1], results[0]);
  t.deepEqual(results[2], results[0]);
});

test('a number of threads that cannot be is an error', (t) => {
  for (const count of [0, -1, 1.5, 65, Number.NaN]) throwsCode(t, () => setThreads(count), 'ERR_OPTION', 'threads', '1 to 64');
});
