import * as tf from '@tensorflow/tfjs-core';
import { input, type LayersModel, layers, model as makeModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import test, { type ExecutionContext } from 'ava';
import { type PrepareConfig, prepare, productsOf, type QuantizedProduct, setBatchNormPhase, stepOf } from 'octensor/qat';
import { normals } from '../support/normals.js';
import { seedWeights } from '../support/qat-networks.js';
import { throwsCode } from '../support/throws.js';

const float: PrepareConfig = { weights: { bits: 32 }, activations: { bits: 32 }, first: 'scheme', last: 'scheme' };
const dims = [6, 5, 5, 3];

type Make = () => layers.Layer;
const products: Readonly<Record<string, { readonly make: Make; readonly dims: number[] }>> = {
  Conv2D: { make: () => layers.conv2d({ filters: 4, kernelSize: 3, strides: 2, padding: 'same', name: 'product' }), dims },
  'Conv2D without bias': { make: () => layers.conv2d({ filters: 4, kernelSize: 2, useBias: false, name: 'product' }), dims },
  DepthwiseConv2D: { make: () => layers.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, name: 'product' }), dims },
  SeparableConv2D: { make: () => layers.separableConv2d({ filters: 4, kernelSize: 3, name: 'product' }), dims },
  Conv1D: { make: () => layers.conv1d({ filters: 4, kernelSize: 3, name: 'product' }), dims: [6, 7, 3] },
  Dense: { make: () => layers.dense({ units: 4, name: 'product' }), dims: [6, 9] },
};

function network(make: Make, shape: readonly number[], norm: object = {}): LayersModel {
  const x = input({ shape: shape.slice(1) });
  const y = make().apply(x) as SymbolicTensor;
  const z = layers.batchNormalization({ name: 'norm', momentum: 0.8, epsilon: 0.01, ...norm }).apply(y) as SymbolicTensor;
  return seedWeights(makeModel({ inputs: x, outputs: z }), 3);
}

const data = (shape: readonly number[], seed = 5) => {
  const size = shape.reduce((product, dim) => product * dim, 1);
  return tf.tensor(normals(size, seed), [...shape]);
};

const numbers = (x: tf.Tensor) => [...x.dataSync<'float32'>()];
const inTraining = (model: LayersModel, x: tf.Tensor) => model.apply(x, { training: true }) as tf.Tensor;
const inInference = (model: LayersModel, x: tf.Tensor) => model.apply(x, { training: false }) as tf.Tensor;

function near(t: ExecutionContext, actual: readonly number[], expected: readonly number[], tolerance = 1e-4): void {
  t.is(actual.length, expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  const worst = Math.max(...actual.map((value, i) => Math.abs(value - expected[i]!)));
  t.true(worst <= tolerance * scale, `${worst} of ${scale}`);
}

const layerOf = (model: LayersModel): QuantizedProduct => productsOf(model).at(-1)!;
const weight = (model: LayersModel, name: string) => {
  const found = model.weights.find(({ originalName }) => originalName.endsWith(name));
  return numbers(found!.read());
};

for (const [name, { make, dims: shape }] of Object.entries(products)) {
  test(`${name}: by batch statistics, the correction leaves what BatchNormalization computes`, (t) => {
    const model = network(make, shape);
    const prepared = prepare(model, float);
    const x = data(shape);
    t.is(layerOf(prepared).phase, 'batch');
    for (const _ of [0, 1]) near(t, numbers(inTraining(prepared, x)), numbers(inTraining(model, x)));
    for (const moving of ['moving_mean', 'moving_variance']) near(t, weight(prepared, moving), weight(model, moving));
    near(t, numbers(inInference(prepared, x)), numbers(inInference(model, x)));
  });

  test(`${name}: gradients by batch statistics are those of BatchNormalization`, (t) => {
    const model = network(make, shape);
    const prepared = prepare(model, float);
    const x = data(shape);
    const gradients = (of: LayersModel) => {
      const target = data(of.outputs[0]!.shape.with(0, shape[0]!) as number[], 9);
      const { grads } = tf.variableGrads(() => tf.sum(tf.mul(tf.square(inTraining(of, x)), target)) as tf.Scalar);
      const named = of.trainableWeights.map((each) => [each.originalName.split('/')[1]!, each] as const);
      const ids = new Map(named.map(([key, each]) => [(each as unknown as { val: tf.Variable }).val.name, key]));
      return new Map(Object.entries(grads).flatMap(([id, grad]) => (ids.has(id) ? [[ids.get(id)!, numbers(grad)]] : [])));
    };
    const [actual, expected] = [gradients(prepared), gradients(model)];
    t.deepEqual(
      [...actual.keys()].sort(),
      [...expected.keys()].map((key) => (name.startsWith('Sep') && key === 'pointwise_kernel' ? 'kernel' : key)).sort(),
    );
    for (const key of ['beta', 'gamma', name === 'DepthwiseConv2D' || name.startsWith('Sep') ? 'depthwise_kernel' : 'kernel']) {
      near(t, actual.get(key)!, expected.get(key)!, 1e-3);
    }
  });

  test(`${name}: by moving statistics, training computes what inference does, and goes on updating them`, (t) => {
    const model = network(make, shape);
    const prepared = prepare(model, { ...float, batchNorm: { moving: 0 } });
    const x = data(shape);
    t.is(layerOf(prepared).phase, 'moving');
    const before = numbers(inInference(model, x));
    near(t, numbers(inTraining(prepared, x)), before);
    inTraining(model, x);
    for (const moving of ['moving_mean', 'moving_variance']) near(t, weight(prepared, moving), weight(model, moving));
  });

  test(`${name}: frozen, training computes what inference does and nothing else changes`, (t) => {
    const prepared = prepare(network(make, shape), { batchNorm: { freeze: 0 }, activations: { bits: 32 } });
    const x = data(shape);
    const weights = ['moving_mean', 'moving_variance'].map((moving) => weight(prepared, moving));
    t.is(layerOf(prepared).phase, 'frozen');
    t.deepEqual(numbers(inTraining(prepared, x)), numbers(inInference(prepared, x)));
    t.deepEqual(
      ['moving_mean', 'moving_variance'].map((moving) => weight(prepared, moving)),
      weights,
    );
  });
}

test('what is quantized is scaled by moving statistics, whatever the batch is', (t) => {
  const { make, dims: shape } = products.Conv2D!;
  const prepared = prepare(network(make, shape), {
    weights: { bits: 4 },
    activations: { bits: 32 },
    first: 'scheme',
    last: 'scheme',
  });
  const layer = layerOf(prepared);
  setBatchNormPhase(prepared, 'frozen');
  const x = data(shape);
  const before = numbers(layer.float().kernel);
  t.true(new Set(before).size <= 15 * 4);
  setBatchNormPhase(prepared, 'batch');
  const wide = tf.mul(x, 7);
  // Seven times the input are normalized to the same values: so the integers are the same, and the correction is not
  const [a, b] = [numbers(inTraining(prepared, x)), numbers(inTraining(prepared, wide))];
  t.true(a.some((value, i) => Math.abs(value - b[i]!) < 0.5));
});

test('phases follow the schedule, batch by batch, and may be set', (t) => {
  const { make, dims: shape } = products.Conv2D!;
  const prepared = prepare(network(make, shape), { batchNorm: { moving: 2, freeze: 4 } });
  const x = data(shape);
  const phases = Array.from({ length: 5 }, () => {
    const { phase } = layerOf(prepared);
    inTraining(prepared, x);
    inInference(prepared, x);
    return phase;
  });
  t.deepEqual(phases, ['batch', 'batch', 'moving', 'moving', 'frozen']);
  t.is(stepOf(prepared), 5);
  setBatchNormPhase(prepared, 'batch');
  t.is(layerOf(prepared).phase, 'batch');
  setBatchNormPhase(prepared, null);
  t.is(layerOf(prepared).phase, 'frozen');
  throwsCode(t, () => setBatchNormPhase(prepared, 'warm' as 'batch'), 'ERR_OPTION', 'phase', 'warm');
});

test('a layer that is not trainable keeps its statistics, its ranges and its weights', async (t) => {
  const { make, dims: shape } = products.Conv2D!;
  const prepared = prepare(network(make, shape));
  const x = data(shape);
  inTraining(prepared, x);
  for (const layer of prepared.layers) layer.trainable = false;
  t.is(prepared.trainableWeights.length, 0);
  const before = prepared.weights.map((each) => numbers(each.read()));
  const out = numbers(inTraining(prepared, tf.mul(x, 3)));
  t.deepEqual(
    prepared.weights.map((each) => numbers(each.read())),
    before,
  );
  t.deepEqual(out, numbers(inInference(prepared, tf.mul(x, 3))));
});

test('BatchNormalization without scale or center is folded, too', (t) => {
  const { make, dims: shape } = products.Conv2D!;
  for (const norm of [{ scale: false }, { center: false }, { scale: false, center: false }]) {
    const model = network(make, shape, norm);
    const x = data(shape);
    near(t, numbers(inInference(prepare(model, float), x)), numbers(inInference(model, x)));
    const full = prepare(model, float);
    const [mean, variance] = [weight(full, 'moving_mean'), weight(full, 'moving_variance')];
    inTraining(full, x);
    t.notDeepEqual([weight(full, 'moving_mean'), weight(full, 'moving_variance')], [mean, variance]);
  }
});
