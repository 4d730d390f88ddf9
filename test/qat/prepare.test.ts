import * as tf from '@tensorflow/tfjs-core';
import {
  input,
  type LayersModel,
  layers,
  loadLayersModel,
  model as makeModel,
  type SymbolicTensor,
  sequential,
} from '@tensorflow/tfjs-layers';
import test from 'ava';
import { calibrate, convert, FakeQuantize, type PrepareConfig, prepare, productsOf, qatSchemeNames } from 'octensor/qat';
import { chain, execute, network, predict, samples, seedWeights, train } from '../support/qat-networks.js';
import { throwsCode } from '../support/throws.js';

const float: PrepareConfig = { weights: { bits: 32 }, activations: { bits: 32 }, first: 'scheme', last: 'scheme' };

/** Names of the layers that a layer reads. */
function read(model: LayersModel, name: string): readonly string[] {
  return model.getLayer(name).inboundNodes[0]!.inboundLayers.map((layer) => layer.name);
}

const quantizers = (model: LayersModel) =>
  model.layers.filter((layer) => layer instanceof FakeQuantize).map(({ name }) => name);
const bitsOf = (layer: tf.serialization.Serializable) => (layer.getConfig().quantizer as { bits: number } | null)?.bits;

async function artifactsOf(model: LayersModel): Promise<tf.io.ModelArtifacts> {
  let saved: tf.io.ModelArtifacts | undefined;
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      // As it would come from a file
      saved = { ...artifacts, modelTopology: JSON.parse(JSON.stringify(artifacts.modelTopology)) };
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
    }),
  );
  return saved!;
}

test('quantizers stand behind activations, sums, means and inputs, and one for all that is concatenated', (t) => {
  const prepared = prepare(network());
  t.deepEqual(quantizers(prepared).sort(), [
    'both_quantizer',
    'depthwise_relu_quantizer',
    'image_quantizer',
    'left_depthwise_quantizer',
    'logits_quantizer',
    'mean_quantizer',
    'pool_quantizer',
    'project_norm_quantizer',
    'stem_relu_quantizer',
    'sum_quantizer',
  ]);
  t.deepEqual(read(prepared, 'stem_relu'), ['stem']);
  t.deepEqual(read(prepared, 'sum'), ['stem_relu_quantizer', 'project_norm_quantizer']);
  t.deepEqual(read(prepared, 'both'), ['left_activation', 'right_activation']);
  t.deepEqual(read(prepared, 'left_pointwise'), ['left_depthwise_quantizer']);
  t.is((prepared.getLayer('pool_quantizer') as FakeQuantize).leader.name, 'both_quantizer');
  t.false(prepared.layers.some((layer) => layer.getClassName() === 'BatchNormalization'));
});

test('what only moves elements stands behind the quantizer of what it moves', (t) => {
  const prepared = prepare(chain());
  t.deepEqual(
    quantizers(prepared).sort(),
    ['border_input_quantizer', 'hidden_quantizer', 'output_linear_quantizer', 'relu_quantizer'].sort(),
  );
  t.deepEqual(read(prepared, 'frame'), ['relu_quantizer']);
  t.deepEqual(read(prepared, 'hidden'), ['flat']);
  // The result of a softmax stays float
  t.deepEqual(prepared.outputNames, ['output_activation']);
});

for (const make of [network, chain]) {
  test(`${make.name}: with 32 bits it is the float model, whose weights are copied and stay as they are`, (t) => {
    const model = make();
    const before = model.getWeights().map((each) => [...each.dataSync()]);
    const prepared = prepare(model, float);
    const { x } = samples(8, 1);
    const [a, b] = [predict(model, x), predict(prepared, x)];
    t.true(a.every((value, i) => Math.abs(value - b[i]!) < 1e-4));
    t.deepEqual(quantizers(prepared), []);
    for (const each of prepared.getWeights()) t.is(each.isDisposed, false);
    prepared.dispose();
    t.deepEqual(
      model.getWeights().map((each) => [...each.dataSync()]),
      before,
    );
    t.deepEqual(predict(model, x), a);
  });
}

test('models in models are taken apart, layers that are called twice keep one set of weights', async (t) => {
  const shared = layers.dense({ units: 5, activation: 'relu', name: 'shared' });
  const x = input({ shape: [5], name: 'x' });
  const inner = sequential({
    name: 'inner',
    layers: [layers.dense({ units: 5, inputShape: [5], name: 'dense' }), layers.reLU({ name: 'relu' })],
  });
  const once = shared.apply(inner.apply(x)) as SymbolicTensor;
  const twice = shared.apply(once) as SymbolicTensor;
  const model = seedWeights(
    makeModel({ inputs: x, outputs: layers.dense({ units: 2, name: 'out' }).apply(twice) as SymbolicTensor }),
    4,
  );
  const prepared = prepare(model);
  t.deepEqual(
    productsOf(prepared).map(({ name }) => name),
    ['inner_dense', 'shared', 'out'],
  );
  const data = tf.randomNormal([20, 5], 0, 1, 'float32', 3);
  calibrate(prepared, data);
  const [a, b] = [predict(model, data), predict(prepared, data)];
  const largest = Math.max(...a.map(Math.abs));
  t.true(a.every((value, i) => Math.abs(value - b[i]!) < 0.05 * largest));
  const executed = await execute(await convert(prepared), data);
  t.true(executed.every((value, i) => Math.abs(value - b[i]!) < 0.05 * largest));
});

test('bits and quantizers are chosen layer by layer, and otherwise at the ends', (t) => {
  const low = prepare(network(), {
    scheme: 'lsq',
    weights: { bits: 2 },
    activations: { bits: 3 },
    layers: { project: { weights: { bits: 5 }, activations: { bits: 6 } }, right: 'float' },
  });
  const bits = (name: string) => bitsOf(low.getLayer(name));
  t.deepEqual(['stem', 'depthwise', 'project', 'left_pointwise', 'logits'].map(bits), [8, 2, 5, 2, 8]);
  t.deepEqual(
    ['image', 'stem_relu', 'project_norm', 'sum', 'both', 'mean', 'logits'].map((name) => bits(`${name}_quantizer`)),
    [8, 3, 6, 3, 3, 8, 8],
  );
  t.is(low.getLayer('right').getClassName(), 'Conv2D');
  const same = prepare(network(), { scheme: 'lsq', weights: { bits: 2 }, first: 'scheme', last: { weights: { bits: 4 } } });
  t.deepEqual(
    ['stem', 'logits'].map((name) => bitsOf(same.getLayer(name))),
    [2, 4],
  );
  const ends = prepare(network(), { first: 'float', last: 'float' });
  t.deepEqual(
    ['stem', 'logits'].map((name) => ends.getLayer(name).getClassName()),
    ['Conv2D', 'Dense'],
  );
  t.false(quantizers(ends).includes('image_quantizer'));
});

for (const scheme of qatSchemeNames) {
  test(`${scheme}: trained, saved and loaded again, it predicts the same and goes on from the same step`, async (t) => {
    const prepared = prepare(chain(), { scheme, batchNorm: { moving: 2 }, delay: 1 });
    await train(prepared, 2);
    const loaded = await loadLayersModel(tf.io.fromMemory(await artifactsOf(prepared)));
    const { x } = samples(8, 2);
    t.deepEqual(predict(loaded, x), predict(prepared, x));
    const steps = (model: LayersModel) => productsOf(model).map(({ step, phase }) => ({ step, phase }));
    t.deepEqual(steps(loaded), steps(prepared));
    t.is(steps(loaded)[0]!.step, 2);
    await convert(loaded);
  });
}

test('nothing is quantized in training before the delay is over, and ranges follow the data meanwhile', (t) => {
  const model = network();
  const prepared = prepare(model, { delay: 2, batchNorm: { freeze: 0 } });
  const reference = prepare(model, { ...float, batchNorm: { freeze: 0 } });
  const { x } = samples(16, 3);
  const step = (of: LayersModel) => (of.apply(x, { training: true }) as tf.Tensor).dataSync<'float32'>();
  t.deepEqual(step(prepared), step(reference));
  t.deepEqual(step(prepared), step(reference));
  t.notDeepEqual(step(prepared), step(reference));
  const inference = predict(prepared, x);
  t.notDeepEqual(inference, predict(reference, x));
});

test('all that is trained has a gradient from the first batch on: optimizers keep moments by place', (t) => {
  for (const scheme of qatSchemeNames) {
    const prepared = prepare(chain(), { scheme, batchNorm: { moving: 2, freeze: 3 }, delay: 2 });
    const { x } = samples(8, 1);
    const variables = prepared.trainableWeights.map((weight) => (weight as unknown as { val: tf.Variable }).val);
    const names = variables.map(({ name }) => name).sort();
    for (let step = 0; step < 5; step++) {
      const { grads } = tf.variableGrads(() => tf.mean(prepared.apply(x, { training: true }) as tf.Tensor), variables);
      t.deepEqual(Object.keys(grads).sort(), names, `${scheme}, batch ${step}`);
    }
  }
});

test.serial('training leaves no tensors behind', async (t) => {
  for (const scheme of ['krishnamoorthi', 'dsq', 'deep-compression'] as const) {
    const prepared = prepare(network(), { scheme });
    await train(prepared, 1);
    const optimizer = tf.train.sgd(0.001);
    prepared.compile({ optimizer, loss: 'meanSquaredError' });
    const { x } = samples(4, 1);
    const y = tf.zeros([4, 4]);
    await prepared.trainOnBatch(x, y);
    predict(prepared, x);
    const before = tf.memory().numTensors;
    for (let i = 0; i < 3; i++) await prepared.trainOnBatch(x, y);
    predict(prepared, x);
    await convert(prepared);
    t.is(tf.memory().numTensors, before, scheme);
    tf.dispose([x, y]);
    optimizer.dispose();
  }
});

test.serial('preparing and disposing of it leaves no tensors behind', (t) => {
  const model = network();
  const before = tf.memory().numTensors;
  prepare(model, { scheme: 'lsq' }).dispose();
  t.is(tf.memory().numTensors, before);
});

function single(layer: layers.Layer, shape = [4, 4, 3]): LayersModel {
  const x = input({ shape, name: 'x' });
  return makeModel({ inputs: x, outputs: layer.apply(x) as SymbolicTensor });
}

test('what cannot be rewritten is named', (t) => {
  const refused = [
    layers.conv2dTranspose({ filters: 2, kernelSize: 2, name: 'odd' }),
    layers.layerNormalization({ name: 'odd' }),
    layers.conv2d({ filters: 2, kernelSize: 2, dataFormat: 'channelsFirst', name: 'odd' }),
    layers.timeDistributed({ layer: layers.dense({ units: 2 }), name: 'odd' }),
  ];
  for (const layer of refused) throwsCode(t, () => prepare(single(layer)), 'ERR_UNSUPPORTED_OP', '"odd"', layer.getClassName());
  const x = input({ shape: [4] });
  const norm = layers
    .batchNormalization({ name: 'odd' })
    .apply(layers.dense({ units: 3, activation: 'relu' }).apply(x)) as SymbolicTensor;
  throwsCode(t, () => prepare(makeModel({ inputs: x, outputs: norm })), 'ERR_UNSUPPORTED_OP', '"odd"', 'follow');
  t.is(
    prepare(single(refused[0]!), { layers: { odd: 'float' } })
      .getLayer('odd')
      .getClassName(),
    'Conv2DTranspose',
  );
});

test('choices that are none are errors', (t) => {
  const model = chain();
  const wrong = (config: unknown, code: 'ERR_OPTION' | 'ERR_QUANTIZATION', ...texts: string[]) => {
    throwsCode(t, () => prepare(model, config as PrepareConfig), code, ...texts);
  };
  wrong({ scheme: 'magic' }, 'ERR_OPTION', 'scheme', 'krishnamoorthi', 'magic');
  wrong({ scheme: 'toString' }, 'ERR_OPTION', 'scheme');
  wrong({ weights: { bits: 9 } }, 'ERR_QUANTIZATION', 'weights.bits', '1 to 8');
  wrong({ activations: { bits: 0 } }, 'ERR_QUANTIZATION', 'activations.bits');
  wrong({ layers: { conv: { weights: { bits: 2.5 } } } }, 'ERR_QUANTIZATION', 'layers.conv.weights.bits');
  wrong({ layers: { nowhere: 'float' } }, 'ERR_OPTION', 'nowhere');
  wrong({ weights: { quantizer: 'guess' } }, 'ERR_OPTION', 'guess');
  wrong({ weights: { quantizer: 'pact' } }, 'ERR_OPTION', 'pact');
  wrong({ scheme: 'bwn', weights: { bits: 4 } }, 'ERR_QUANTIZATION', 'bwn');
  wrong({ delay: -1 }, 'ERR_OPTION', 'delay');
  wrong({ batchNorm: { freeze: Number.NaN } }, 'ERR_OPTION', 'batchNorm.freeze');
  wrong(null, 'ERR_OPTION', 'config');
  throwsCode(t, () => prepare(sequential()), 'ERR_OPTION', 'model');
  throwsCode(t, () => prepare(undefined as unknown as LayersModel), 'ERR_OPTION', 'model');
});
