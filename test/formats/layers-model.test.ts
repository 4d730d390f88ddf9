/** TensorFlow.js Layers models, imported: the same numbers as tfjs's CPU backend, on both of our backends. */
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { type Graph, InferenceSession, loadModel, Tensor } from 'octensor';
import { importLayers } from '#lib/formats/layers-model/import.js';
import {
  artifactsOf,
  type CheckOptions,
  expectGraphMatches,
  expectSameAsTfjs,
  randomizeWeights,
} from '../support/layers-models.js';

const { layers } = tfl;
type Layer = InstanceType<typeof layers.Layer>;
type Shape = readonly (number | null)[];

/** One layer, or some in a row, on an input of this shape. */
function chainOf(shape: Shape, ...list: readonly Layer[]): tfl.LayersModel {
  const input = tfl.input({ shape: [...shape] });
  const output = list.reduce((x, layer) => layer.apply(x) as tfl.SymbolicTensor, input);
  const model = tfl.model({ inputs: input, outputs: output });
  randomizeWeights(model, 7);
  return model;
}

function testLayers(
  title: string,
  cases: () => readonly (readonly [shape: Shape, layer: Layer | readonly Layer[], options?: CheckOptions])[],
): void {
  test(title, async (t) => {
    for (const [shape, layer, options] of cases()) {
      const list = Array.isArray(layer) ? (layer as readonly Layer[]) : [layer as Layer];
      await t.notThrowsAsync(
        expectSameAsTfjs(t, chainOf(shape, ...list), options),
        list.map((one) => one.getClassName()).join(', '),
      );
    }
  });
}

testLayers('convolutions', () => [
  [[7, 6, 3], layers.conv2d({ filters: 5, kernelSize: 3, activation: 'relu' })],
  [[7, 6, 3], layers.conv2d({ filters: 5, kernelSize: [3, 2], strides: 2, padding: 'same', activation: 'relu6' })],
  [[9, 9, 2], layers.conv2d({ filters: 4, kernelSize: 3, dilationRate: 2, useBias: false })],
  [[3, 7, 6], layers.conv2d({ filters: 4, kernelSize: 3, padding: 'same', dataFormat: 'channelsFirst' })],
  [[null, null, 3], layers.conv2d({ filters: 4, kernelSize: 3, padding: 'same', activation: 'tanh' })],
  [[11, 3], layers.conv1d({ filters: 5, kernelSize: 3, strides: 2, activation: 'elu' })],
  [[11, 3], layers.conv1d({ filters: 5, kernelSize: 3, dilationRate: 2, padding: 'same' })],
  [[7, 6, 3], layers.depthwiseConv2d({ kernelSize: 3, padding: 'same', activation: 'relu' })],
  [[7, 6, 3], layers.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, strides: [2, 2] })],
  [
    [7, 6, 3],
    layers.separableConv2d({ filters: 5, kernelSize: 3, depthMultiplier: 2, padding: 'same', activation: 'sigmoid' }),
  ],
]);

testLayers('transposed convolutions, with kernels larger and smaller than the stride', () => [
  [[4, 5, 3], layers.conv2dTranspose({ filters: 4, kernelSize: 3, strides: 2, padding: 'same', activation: 'relu' })],
  [[4, 5, 3], layers.conv2dTranspose({ filters: 4, kernelSize: 3, strides: 2, padding: 'valid' })],
  [[4, 5, 3], layers.conv2dTranspose({ filters: 2, kernelSize: [1, 2], strides: [3, 2], padding: 'valid' })],
  [[4, 5, 3], layers.conv2dTranspose({ filters: 2, kernelSize: 2, strides: 3, padding: 'same', useBias: false })],
]);

testLayers('products and normalization', () => [
  [[6], layers.dense({ units: 4, activation: 'softmax' })],
  [[3, 6], layers.dense({ units: 4, useBias: false })],
  [[5, 4, 3], layers.batchNormalization({})],
  [[5, 4, 3], layers.batchNormalization({ scale: false })],
  [[6], layers.batchNormalization({ center: false, epsilon: 0.01 })],
  [[5, 6], layers.layerNormalization({})],
  [[5, 6], layers.layerNormalization({ axis: [1, 2], center: false })],
  [[5, 6], layers.layerNormalization({ scale: false })],
  [[4, 4, 2], layers.rescaling({ scale: 1 / 3, offset: -1 })],
  [[5], layers.embedding({ inputDim: 9, outputDim: 4 }), { integers: true, range: [0, 8] }],
]);

const activations = [
  'elu',
  'hardSigmoid',
  'linear',
  'relu',
  'relu6',
  'selu',
  'sigmoid',
  'softmax',
  'softplus',
  'softsign',
  'tanh',
  'swish',
  'mish',
  'gelu',
  'gelu_new',
] as const;

testLayers('activations', () => [
  ...activations.map((activation) => [[3, 5], layers.activation({ activation }), { range: [-5, 8] }] as const),
  [[3, 5], layers.reLU({})],
  [[3, 5], layers.reLU({ maxValue: 6 }), { range: [-8, 8] }],
  [[3, 5], layers.reLU({ maxValue: 1.5 })],
  [[3, 5], layers.leakyReLU({ alpha: 0.1 })],
  [[3, 5], layers.leakyReLU({})],
  [[3, 5], layers.elu({})],
  [[3, 5], layers.thresholdedReLU({ theta: 0.6 })],
  [[3, 4, 5], layers.prelu({ sharedAxes: [1, 2] })],
  [[3, 5], layers.prelu({})],
  [[3, 5], layers.softmax({ axis: -1 })],
  [[5], layers.softmax({})],
]);

testLayers('poolings', () => [
  [[7, 6, 3], layers.maxPooling2d({ poolSize: 2 })],
  [[7, 6, 3], layers.maxPooling2d({ poolSize: 3, strides: 2, padding: 'same' })],
  [[7, 6, 3], layers.averagePooling2d({ poolSize: 3, strides: 2, padding: 'same' })],
  [[3, 7, 6], layers.averagePooling2d({ poolSize: [2, 3], dataFormat: 'channelsFirst' })],
  [[9, 3], layers.maxPooling1d({ poolSize: 2, strides: 2 })],
  [[9, 3], layers.averagePooling1d({ poolSize: 3, padding: 'same' })],
  [[9, 3], layers.globalAveragePooling1d({})],
  [[9, 3], layers.globalMaxPooling1d({})],
  [[5, 4, 3], layers.globalAveragePooling2d({})],
  [[3, 5, 4], layers.globalAveragePooling2d({ dataFormat: 'channelsFirst' })],
  [[5, 4, 3], layers.globalMaxPooling2d({})],
]);

testLayers('shapes', () => [
  [[2, 3, 4], layers.flatten()],
  [[2, 3, 4], layers.flatten({ dataFormat: 'channelsFirst' })],
  [[2, 6], layers.reshape({ targetShape: [3, 4] })],
  [[2, 6], layers.reshape({ targetShape: [-1, 2] })],
  [[2, 3, 4], layers.permute({ dims: [3, 1, 2] })],
  [[5], layers.repeatVector({ n: 3 })],
  [
    [4, 5, 2],
    layers.zeroPadding2d({
      padding: [
        [1, 0],
        [2, 3],
      ],
    }),
  ],
  [[2, 4, 5], layers.zeroPadding2d({ padding: 1, dataFormat: 'channelsFirst' })],
  [
    [5, 6, 2],
    layers.cropping2D({
      cropping: [
        [1, 0],
        [2, 1],
      ],
    }),
  ],
  [[5, 6, 2], layers.cropping2D({ cropping: 2 })],
  [[3, 4, 2], layers.upSampling2d({ size: [2, 3] })],
  [[3, 4, 2], layers.upSampling2d({ size: [2, 3], interpolation: 'bilinear' })],
  [[2, 3, 4], layers.upSampling2d({ size: [2, 2], dataFormat: 'channelsFirst' })],
  [[6], [layers.dropout({ rate: 0.5 }), layers.gaussianNoise({ stddev: 1 }), layers.alphaDropout({ rate: 0.3 })]],
]);

const recurrent = { recurrentInitializer: 'glorotUniform' } as const;

testLayers('recurrent layers', () => [
  [[5, 3], layers.simpleRNN({ units: 4, ...recurrent })],
  [[5, 3], layers.simpleRNN({ units: 4, returnSequences: true, activation: 'relu', useBias: false, ...recurrent })],
  [[5, 3], layers.gru({ units: 4, ...recurrent })],
  [[5, 3], layers.gru({ units: 4, returnSequences: true, recurrentActivation: 'sigmoid', ...recurrent })],
  [[5, 3], layers.lstm({ units: 4, ...recurrent })],
  [[5, 3], layers.lstm({ units: 4, returnSequences: true, goBackwards: true, recurrentActivation: 'sigmoid', ...recurrent })],
  ...(['concat', 'sum', 'mul', 'ave'] as const).flatMap((mergeMode) =>
    [true, false].map((returnSequences) => {
      const layer = layers.lstm({ units: 3, returnSequences, ...recurrent }) as never;
      return [[5, 3], layers.bidirectional({ layer, mergeMode })] as const;
    }),
  ),
]);

test('states of recurrent layers are outputs and inputs', async (t) => {
  const x = tfl.input({ shape: [5, 3] });
  const [y, h, c] = layers.lstm({ units: 4, returnState: true, ...recurrent }).apply(x) as tfl.SymbolicTensor[];
  const next = layers.lstm({ units: 4, returnSequences: true, ...recurrent });
  const z = next.apply(x, { initialState: [h!, c!] }) as tfl.SymbolicTensor;
  const model = tfl.model({ inputs: x, outputs: [y!, h!, c!, z] });
  randomizeWeights(model, 3);
  await expectSameAsTfjs(t, model);
});

test('layers of several inputs', async (t) => {
  const image = () => tfl.input({ shape: [4, 5, 3] });
  const [a, b, c, vector] = [image(), image(), image(), tfl.input({ shape: [3] })] as const;
  const outputs = [
    layers.add().apply([a, b, c]),
    layers.multiply().apply([a, b]),
    layers.average().apply([a, b, c]),
    layers.maximum().apply([a, b]),
    layers.minimum().apply([b, c]),
    layers.concatenate().apply([a, b, c]),
    layers.concatenate({ axis: 2 }).apply([a, b]),
    layers.add().apply([a, vector]),
  ] as tfl.SymbolicTensor[];
  await expectSameAsTfjs(t, tfl.model({ inputs: [a, b, c, vector], outputs }));
});

test('Dot of vectors and matrices', async (t) => {
  const input = (...shape: number[]) => tfl.input({ shape });
  const [a, b, p, q] = [input(6), input(6), input(3, 4), input(5, 4)] as const;
  const outputs = [layers.dot({ axes: 1 }).apply([a, b]), layers.dot({ axes: 2 }).apply([p, q])] as tfl.SymbolicTensor[];
  await expectSameAsTfjs(t, tfl.model({ inputs: [a, b, p, q], outputs }));
});

test('a Sequential, one inside another, and a layer called twice', async (t) => {
  const inner = tfl.sequential({
    name: 'inner',
    layers: [layers.dense({ units: 5, activation: 'relu', inputShape: [4] }), layers.dense({ units: 4 })],
  });
  const outer = tfl.sequential({
    layers: [inner, layers.dropout({ rate: 0.2 }), layers.dense({ units: 3, activation: 'softmax' })],
  });
  randomizeWeights(outer, 5);
  await expectSameAsTfjs(t, outer);

  const [x, y] = [tfl.input({ shape: [4] }), tfl.input({ shape: [4] })];
  const shared = layers.dense({ units: 4, activation: 'tanh', name: 'shared' });
  const ends = [x, y].map((one) => shared.apply(inner.apply(one)) as tfl.SymbolicTensor);
  const model = tfl.model({ inputs: [x, y], outputs: [layers.multiply().apply(ends) as tfl.SymbolicTensor, ...ends] });
  randomizeWeights(model, 6);
  const graph = await expectSameAsTfjs(t, model);
  t.is(graph.constants.size, 6, 'three layers have their weights once');
});

/** The model's graph after a change of its topology's text: what Keras writes and tfjs has no class or no right result for. */
async function edited(model: tfl.LayersModel, change: (topology: string) => string): Promise<Graph> {
  const artifacts = await artifactsOf(model);
  return loadModel({ ...artifacts, modelTopology: JSON.parse(change(JSON.stringify(artifacts.modelTopology))) as object });
}

test('BatchNormalization over another axis than the last', async (t) => {
  // tfjs's CPU backend takes every channel axis for the last one: there, the channels are brought to the end and back
  const last = chainOf(
    [4, 3, 5],
    layers.permute({ dims: [2, 3, 1] }),
    layers.batchNormalization({}),
    layers.permute({ dims: [3, 1, 2] }),
  );
  const first = chainOf([4, 3, 5], layers.batchNormalization({ axis: 1 }));
  first.setWeights(last.getWeights());
  await expectGraphMatches(t, last, await loadModel(await artifactsOf(first)));
});

test('classes and options that only Keras has', async (t) => {
  const [a, b] = [tfl.input({ shape: [6] }), tfl.input({ shape: [6] })];
  const merge = tfl.model({ inputs: [a, b], outputs: layers.add({ name: 'merge' }).apply([a, b]) as tfl.SymbolicTensor });
  const subtract = await edited(merge, (text) => text.replace('"Add"', '"Subtract"'));
  t.deepEqual(await run(subtract, [1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 1, 2]), [0, 1, 2, 3, 4, 4]);

  const relu = chainOf([4], layers.reLU({ maxValue: 3 }));
  const leaky = await edited(relu, (text) => text.replace('"max_value":3', '"max_value":3,"negative_slope":0.5,"threshold":0'));
  t.deepEqual(await run(leaky, [-2, 1, 2, 7]), [-1, 1, 2, 3]);

  const elu = await edited(chainOf([2], layers.elu({})), (text) => text.replace('"alpha":1', '"alpha":0.5'));
  t.deepEqual(await run(elu, [2, -1]), [2, Math.fround(0.5 * Math.expm1(-1))]);

  const flags = chainOf([5, 4, 3], layers.globalAveragePooling2d({}));
  const kept = await edited(flags, (text) => text.replace('"data_format"', '"keepdims":true,"data_format"'));
  t.deepEqual(kept.values.get(kept.outputs[0]!)!.dims, ['batch', 1, 1, 3]);

  const causal = chainOf([6, 2], layers.conv1d({ filters: 3, kernelSize: 3, dilationRate: 2, padding: 'valid' }));
  const padded = await edited(causal, (text) => text.replace('"padding":"valid"', '"padding":"causal"'));
  t.deepEqual(padded.values.get(padded.outputs[0]!)!.dims, ['batch', 6, 3]);
});

/** Feeds each input with one row. */
async function run(graph: Graph, ...rows: readonly (readonly number[])[]): Promise<readonly number[]> {
  const session = await InferenceSession.create(graph, { backend: 'reference' });
  const feeds = graph.inputs.map((name, i) => [name, new Tensor('float32', rows[i]!, [1, rows[i]!.length])] as const);
  const outputs = await session.run(Object.fromEntries(feeds));
  return [...(outputs[graph.outputs[0]!]!.data as Float32Array)];
}

function mobileNet(): tfl.LayersModel {
  const image = tfl.input({ shape: [16, 16, 3], name: 'image' });
  const apply = (layer: Layer, x: tfl.SymbolicTensor | tfl.SymbolicTensor[]) => layer.apply(x) as tfl.SymbolicTensor;
  const block = (x: tfl.SymbolicTensor, i: number) => {
    let y = apply(layers.conv2d({ filters: 16, kernelSize: 1, useBias: false, name: `expand${i}` }), x);
    y = apply(
      layers.reLU({ maxValue: 6, name: `expand${i}_relu` }),
      apply(layers.batchNormalization({ name: `expand${i}_bn` }), y),
    );
    y = apply(layers.depthwiseConv2d({ kernelSize: 3, padding: 'same', useBias: false, name: `depth${i}` }), y);
    y = apply(
      layers.reLU({ maxValue: 6, name: `depth${i}_relu` }),
      apply(layers.batchNormalization({ name: `depth${i}_bn` }), y),
    );
    y = apply(layers.conv2d({ filters: 8, kernelSize: 1, useBias: false, name: `project${i}` }), y);
    return apply(layers.add({ name: `add${i}` }), [x, apply(layers.batchNormalization({ name: `project${i}_bn` }), y)]);
  };
  let y = apply(layers.conv2d({ filters: 8, kernelSize: 3, strides: 2, padding: 'same', name: 'stem' }), image);
  y = block(block(y, 1), 2);
  y = apply(layers.dense({ units: 10, name: 'logits' }), apply(layers.globalAveragePooling2d({ name: 'pool' }), y));
  const model = tfl.model({ inputs: image, outputs: apply(layers.softmax({ axis: -1, name: 'scores' }), y) });
  randomizeWeights(model, 11);
  return model;
}

test('a MobileNetV2 in small: names and shapes are the layers own', async (t) => {
  const graph: Graph = await expectSameAsTfjs(t, mobileNet());
  t.deepEqual(graph.inputs, ['image']);
  t.deepEqual(graph.outputs, ['scores']);
  t.deepEqual(graph.values.get('image')!.dims, ['batch', 16, 16, 3]);
  t.deepEqual(graph.values.get('add1')!.dims, ['batch', 8, 8, 8]);
  t.deepEqual(graph.values.get('scores')!.dims, ['batch', 10]);
  t.is(graph.nodes.find(({ name }) => name === 'depth1')!.op, 'DepthwiseConv2D');
});

test('the values of each layer are known by its name', async (t) => {
  const { graph, layerValues } = importLayers(await artifactsOf(mobileNet()));
  t.deepEqual(layerValues.get('pool'), ['pool']);
  for (const names of layerValues.values()) for (const name of names) t.true(graph.values.has(name));
});

test('sizes that are left open stay open', async (t) => {
  const model = chainOf(
    [null, null, 2],
    layers.conv2d({ filters: 3, kernelSize: 3, padding: 'same' }),
    layers.upSampling2d({ size: [2, 2] }),
  );
  const graph = await expectSameAsTfjs(t, model);
  t.deepEqual(graph.values.get(graph.inputs[0]!)!.dims, ['batch', null, null, 2]);
  t.deepEqual(await loadModel(await artifactsOf(model)), graph);
});
