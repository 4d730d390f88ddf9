/** Fake quantizers by the backend's own kernels, beside the operators that define them on the cpu backend. */
import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { groupLayout, hasFused } from '#lib/qat/fused.js';
import { createQuantizer } from '#lib/qat/quantizers/index.js';
import type { Quantizer } from '#lib/qat/quantizers/quantizer.js';
import { adam } from '#lib/qat/training/adam.js';
import { type Case, cases, evaluating } from '../support/fake-quantizers.js';
import { numbers, resultsOn, sameOnBoth, sizeOf } from './both.js';

/** Longer than a sum that is made in float32, with channels that fill no vector. */
const shapes = { weights: [9, 3, 7, 19], activations: [5, 13, 9, 7] } as const;

const seen = (shape: readonly number[]) => numbers(sizeOf(shape), 5).map((x) => x * 0.4);

async function weightsFor(
  quantizer: Quantizer,
  shape: readonly number[],
): Promise<readonly (readonly [string, Float32Array, number[]])[]> {
  const names = quantizer.weights.map(({ name }) => name);
  const results = await resultsOn('cpu', () => {
    const found = quantizer.initialize(tf.tensor(seen(shape), [...shape]));
    return names.map((name) => found[name]!);
  });
  return results.map(({ values, shape }, i) => [names[i]!, Float32Array.from(values), [...shape]]);
}

/** y, then the gradient of a weighted sum of y in x and in each weight that is trained. */
function applied({ name, options }: Case, shape: readonly number[], given: Awaited<ReturnType<typeof weightsFor>>) {
  return (): tf.Tensor[] => {
    const quantizer = createQuantizer(name, options, shape);
    const x = tf.tensor(seen(shape), [...shape]);
    const weights = Object.fromEntries(given.map(([name, values, shape]) => [name, tf.tensor(values, shape)]));
    const trained = quantizer.weights.filter(({ trainable }) => trainable).map(({ name }) => name);
    const run = (x: tf.Tensor, ...values: tf.Tensor[]) =>
      quantizer.apply(x, { ...weights, ...Object.fromEntries(trained.map((name, i) => [name, values[i]!])) }, evaluating).y;
    const inputs = [x, ...trained.map((name) => weights[name]!)] as [tf.Tensor, ...tf.Tensor[]];
    const dy = tf.tensor(numbers(sizeOf(shape), 6), [...shape]);
    return [run(...inputs), ...tf.grads(run as (...x: tf.Tensor[]) => tf.Tensor)(inputs, dy)];
  };
}

/** Whether the levels follow from a sum over x, which backends round in their own ways. */
function isOfSums({ name, options: { target, bits } }: Case): boolean {
  return (
    target === 'weights' &&
    (['bwn', 'xnor', 'twn', 'dorefa'].includes(name) || (bits === 1 && ['ste', 'stochastic'].includes(name)))
  );
}

for (const given of cases([1, 2, 4, 8])) {
  test.serial(`${given.title}: values are the same, gradients within rounding`, async (t) => {
    const shape = shapes[given.options.target];
    const compute = applied(given, shape, await weightsFor(createQuantizer(given.name, given.options, shape), shape));
    await sameOnBoth(t, 'values', () => compute()[0]!, isOfSums(given) ? { relative: 1e-6 } : {});
    await sameOnBoth(t, 'gradients', () => compute().slice(1), { relative: 1e-4, absolute: 2e-4 });
  });
}

test.serial('each is one kernel forward and one backward', async (t) => {
  await tf.setBackend('octensor');
  t.true(hasFused('OctensorSnap') && hasFused('OctensorSnapGradient'));
  for (const name of ['ste', 'nudged', 'lsq', 'lsq+', 'pact', 'dsq'] as const) {
    const compute = applied(
      { title: name, name, options: { target: 'activations', bits: 4 } },
      shapes.activations,
      await weightsFor(createQuantizer(name, { target: 'activations', bits: 4 }, shapes.activations), shapes.activations),
    );
    await tf.setBackend('octensor');
    const { kernels } = await tf.profile(() => compute());
    const big = kernels.filter(({ outputShapes }) => outputShapes.some((dims) => sizeOf(dims) === sizeOf(shapes.activations)));
    const names = big.map(({ name }) => name).filter((name) => !['', 'forward', 'Identity', 'Reshape'].includes(name));
    t.deepEqual(names, ['OctensorSnap', 'OctensorSnap', 'OctensorSnapGradient'], name);
  }
});

test('groups that no quantizer has are left to operators', (t) => {
  t.deepEqual(groupLayout([4, 3, 5], [1, 1, 5]), { blocks: 1, rows: 12, n: 5 });
  t.deepEqual(groupLayout([4, 3, 5], [4, 1, 1]), { blocks: 4, rows: 15, n: 1 });
  t.deepEqual(groupLayout([4, 3, 5], [4, 1, 5]), { blocks: 4, rows: 3, n: 5 });
  t.deepEqual(groupLayout([4, 3, 5], []), { blocks: 1, rows: 60, n: 1 });
  t.deepEqual(groupLayout([4, 3], [4, 3]), { blocks: 12, rows: 1, n: 1 });
  t.deepEqual(groupLayout([1, 3], [1, 3]), { blocks: 3, rows: 1, n: 1 });
  t.is(groupLayout([4, 3, 5], [1, 3, 1]), undefined);
  t.is(groupLayout([4, 3, 5], [5]), undefined);
});

test.serial("adam's weights are those of tfjs, to the bit", async (t) => {
  const weightsAfter = async (make: () => tf.Optimizer) => {
    await tf.setBackend('octensor');
    const weight = tf.variable(tf.tensor(numbers(37, 3)));
    const bias = tf.variable(tf.scalar(0.3));
    const optimizer = make();
    for (let step = 0; step < 7; step++) {
      const factor = tf.tensor(numbers(37, step + 20));
      optimizer.minimize(() => tf.add(tf.sum(tf.square(tf.mul(tf.sub(weight, bias), factor))), tf.square(bias)) as tf.Scalar);
      factor.dispose();
    }
    const state = (await optimizer.getWeights()).map(({ name, tensor }) => [name.replace(/\d+/g, ''), [...tensor.dataSync()]]);
    const result = { weight: [...weight.dataSync()], bias: [...bias.dataSync()], state };
    optimizer.dispose();
    tf.dispose([weight, bias]);
    return result;
  };
  await tf.setBackend('octensor');
  t.true(hasFused('OctensorAdam'));
  t.deepEqual(await weightsAfter(() => adam(0.01)), await weightsAfter(() => tf.train.adam(0.01)));
});

test.serial("adam's steps are relative to the size of a quantizer's weight below 1", async (t) => {
  const rate = 0.01;
  const starts = {
    'layer/quantizer_scale': [0.03, -0.04],
    'layer/quantizer_low': [0, 0],
    'layer/quantizer_high': [5, 6],
    'layer/kernel': [0.03, -0.04],
  };
  const sizes = [Math.hypot(0.03, 0.04) / Math.SQRT2, 1e-3, 1, 1];
  for (const backend of ['octensor', 'cpu']) {
    await tf.setBackend(backend);
    const variables = Object.entries(starts).map(([name, values]) => tf.variable(tf.tensor1d(values), true, name));
    const optimizer = adam(rate);
    // Adam's first step is the learning rate, against the sign of the gradient
    optimizer.minimize(() => tf.addN(variables.map((variable) => tf.sum(tf.mul(variable, [2, -3])))) as tf.Scalar);
    for (const [i, [name, [first, second]]] of Object.entries(starts).entries()) {
      const values = variables[i]!.dataSync();
      t.true(Math.abs(values[0]! - (first! - rate * sizes[i]!)) < 1e-6 * sizes[i]!, `${backend}, ${name}: ${values[0]}`);
      t.true(Math.abs(values[1]! - (second! + rate * sizes[i]!)) < 1e-6 * sizes[i]!, `${backend}, ${name}: ${values[1]}`);
    }
    optimizer.dispose();
    tf.dispose(variables);
  }
});
