/** Float ONNX and TFLite models as LayersModels: the same numbers. */
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import test, { type ExecutionContext } from 'ava';
import { type Attributes, type DataType, type Graph, InferenceSession, loadModel, Tensor } from 'octensor';
import { toLayersModel } from 'octensor/qat';
import { testData } from '../support/datasets.js';
import { float, graphOf } from '../support/graphs.js';
import { artifactsOf } from '../support/layers-models.js';
import { Random } from '../support/random.js';
import { throwsCode } from '../support/throws.js';

function randomTensor(dims: readonly number[], seed: number): Tensor<'float32'> {
  const random = new Random(seed);
  const size = dims.reduce((product, dim) => product * dim, 1);
  return new Tensor(
    'float32',
    Float32Array.from({ length: size }, () => random.uint32() / 2 ** 31 - 1),
    dims,
  );
}

/** [N, C, H, W] as [N, H, W, C]. */
function channelsLast({ data, dims }: Tensor): tf.Tensor {
  return tf.tidy(() => tf.transpose(tf.tensor(data as Float32Array, [...dims]), [0, 2, 3, 1]));
}

async function expectSame(t: ExecutionContext, graph: Graph, model: LayersModel, batch = 2, tolerance = 1e-4): Promise<void> {
  const feeds = graph.inputs.map((name, i) => {
    const dims = graph.values.get(name)!.dims!.map((dim) => (typeof dim === 'number' ? dim : batch));
    return [name, randomTensor(dims, i + 1)] as const;
  });
  const session = await InferenceSession.create(graph);
  const expected = await session.run(Object.fromEntries(feeds));
  await session.release();
  const inputs = feeds.map(([, tensor], i) => {
    const isSame = String(model.inputs[i]!.shape.slice(1)) === String(tensor.dims.slice(1));
    return isSame ? tf.tensor(tensor.data as Float32Array, [...tensor.dims]) : channelsLast(tensor);
  });
  const outputs = [model.predict(inputs.length === 1 ? inputs[0]! : inputs)].flat() as tf.Tensor[];
  for (const [i, name] of graph.outputs.entries()) {
    const { data } = expected[name]! as Tensor<'float32'>;
    const actual = outputs[i]!.dataSync();
    const largest = data.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    const error = data.reduce((max, value, k) => Math.max(max, Math.abs(value - actual[k]!)), 0);
    t.true(error <= tolerance * largest, `${name}: off by ${error}, largest ${largest}`);
    t.is(actual.length, data.length);
  }
  tf.dispose([...inputs, ...outputs]);
}

for (const path of [
  ['onnx', 'octensor', 'digits-mobilenet.onnx'],
  ['onnx', 'octensor', 'cifar10-mobilenetv2-float.onnx'],
  ['tflite', 'mlperf_tiny', 'ic_resnet8_float.tflite'],
  ['tflite', 'tflite_support', 'mobilenet_v1_0.25_224_float.tflite'],
]) {
  test.serial(`${path.at(-1)} and back`, async (t) => {
    const file = testData('models', ...path);
    if (file === undefined) {
      t.log('not run: OCTENSOR_TEST_DATA has no such model');
      t.pass();
      return;
    }
    const graph = await loadModel(file);
    const model = toLayersModel(graph);
    await expectSame(t, graph, model);
    // A graph again, which reads what the LayersModel does
    await expectSame(t, await loadModel(await artifactsOf(model)), model);
    model.dispose();
    t.is(tf.memory().numTensors, 0, 'nothing stays behind');
  });
}

type Input = readonly number[] | Tensor;

/** One node; lists are shapes of inputs of the graph, tensors are constants. */
function nodeGraph(op: string, attributes: Attributes, inputs: readonly Input[], dims: readonly number[]): Graph {
  const names = inputs.map((_, i) => `x${i}`);
  const constants = Object.fromEntries(
    inputs.flatMap((input, i) => (input instanceof Tensor ? [[names[i]!, input as Tensor]] : [])),
  );
  return {
    ...graphOf({
      values: [
        ...inputs.map((input, i) =>
          input instanceof Tensor
            ? { name: names[i]!, type: input.type as DataType, dims: input.dims }
            : float(names[i]!, input),
        ),
        float('y', dims),
      ],
      inputs: names.filter((name) => !(name in constants)),
      outputs: ['y'],
      constants,
      nodes: [{ op, inputs: names, outputs: ['y'], attributes }],
    }),
    numerics: 'onnx',
  };
}

const w = (...dims: readonly number[]) => randomTensor(dims, 99);

const nodes: readonly (readonly [op: string, attributes: Attributes, inputs: readonly Input[], dims: readonly number[]])[] = [
  ['Conv2D', { pads: [1, 0, 2, 1], strides: [2, 1], activation: 'relu6' }, [[2, 7, 6, 3], w(4, 3, 3, 3), w(4)], [2, 4, 5, 4]],
  ['Conv2D', { padding: 'same-lower', strides: [2, 2] }, [[1, 6, 6, 3], w(4, 3, 3, 3)], [1, 3, 3, 4]],
  ['Conv2D', { padding: 'same', dilations: [2, 2] }, [[1, 6, 6, 3], w(4, 3, 3, 3)], [1, 6, 6, 4]],
  ['DepthwiseConv2D', { pads: [1, 1, 1, 1], activation: 'relu' }, [[1, 6, 6, 3], w(1, 3, 3, 6), w(6)], [1, 6, 6, 6]],
  ['TransposeConv2D', { padding: 'same', strides: [2, 2] }, [[1, 4, 5, 3], w(2, 3, 3, 3), w(2)], [1, 8, 10, 2]],
  ['FullyConnected', {}, [[2, 2, 2, 3], w(5, 12), w(5)], [2, 5]],
  ['FullyConnected', { keepDims: true, activation: 'relu' }, [[2, 3, 4], w(5, 4)], [2, 3, 5]],
  ['MatMul', {}, [[2, 3, 4], w(4, 5)], [2, 3, 5]],
  ['MaxPool2D', { size: [3, 3], strides: [2, 2], padding: 'same' }, [[1, 7, 6, 2]], [1, 4, 3, 2]],
  ['AveragePool2D', { size: [2, 3], activation: 'relu' }, [[1, 7, 6, 2]], [1, 6, 4, 2]],
  ['Mean', { axes: [1, 2], keepDims: true }, [[2, 4, 3, 5]], [2, 1, 1, 5]],
  ['Mean', { axes: [-2] }, [[2, 4, 5]], [2, 5]],
  ['ReduceMax', { axes: [2, 1] }, [[2, 4, 3, 5]], [2, 5]],
  ['ResizeNearest', { height: 6, width: 12 }, [[1, 3, 4, 2]], [1, 6, 12, 2]],
  ['ResizeBilinear', { height: 6, width: 4 }, [[1, 3, 4, 2]], [1, 6, 4, 2]],
  ['Pad', { pads: [0, 0, 1, 2, 0, 3, 0, 0] }, [[1, 3, 4, 2]], [1, 6, 7, 2]],
  ['Transpose', { perm: [0, 2, 1] }, [[2, 3, 4]], [2, 4, 3]],
  ['Transpose', { perm: [0, 3, 1, 2] }, [[2, 1, 1, 4]], [2, 4, 1, 1]],
  [
    'Concat',
    { axis: -1 },
    [
      [2, 3, 4],
      [2, 3, 1],
    ],
    [2, 3, 5],
  ],
  [
    'Add',
    { activation: 'relu' },
    [
      [2, 3],
      [2, 3],
    ],
    [2, 3],
  ],
  [
    'Sub',
    {},
    [
      [2, 3],
      [2, 3],
    ],
    [2, 3],
  ],
  ['Mul', {}, [[2, 3], w()], [2, 3]],
  ['Sub', {}, [w(1), [2, 3]], [2, 3]],
  [
    'Maximum',
    {},
    [
      [2, 3],
      [2, 3],
    ],
    [2, 3],
  ],
  ['PRelu', {}, [[2, 3, 4], w(4)], [2, 3, 4]],
  ['Clip', { min: 0, max: 0.5 }, [[2, 9]], [2, 9]],
  ['Softmax', {}, [[2, 9]], [2, 9]],
  ['HardSigmoid', { alpha: 1 / 6, beta: 0.5 }, [[2, 9]], [2, 9]],
  ['HardSwish', {}, [[2, 9]], [2, 9]],
  ...[
    'Relu',
    'Relu6',
    'Elu',
    'Logistic',
    'Tanh',
    'Softplus',
    'Softsign',
    'Mish',
    'Gelu',
    'LeakyRelu',
    'Swish',
    'HardSigmoid',
  ].map((op) => [op, {}, [[2, 9]], [2, 9]] as const),
];

test.serial('one node of each operator', async (t) => {
  for (const [op, attributes, inputs, dims] of nodes) {
    const graph = nodeGraph(op, attributes, inputs, dims);
    const model = toLayersModel(graph);
    await t.notThrowsAsync(expectSame(t, graph, model), op);
    t.true(
      model.layers.some(({ name }) => name.startsWith('node0')),
      op,
    );
    model.dispose();
  }
  t.is(tf.memory().numTensors, 0);
});

test.serial('what no layer computes is refused, naming the node', (t) => {
  const refused: typeof nodes = [
    ['Conv2D', { groups: 2 }, [[1, 6, 6, 4], w(4, 3, 3, 2)], [1, 4, 4, 4]],
    [
      'Conv2D',
      {},
      [
        [1, 6, 6, 4],
        [4, 3, 3, 4],
      ],
      [1, 4, 4, 4],
    ],
    ['Erf', {}, [[2, 3]], [2, 3]],
    ['Mean', { axes: [0] }, [[2, 3]], [3]],
    ['Reshape', { shape: [3, 2] }, [[2, 3]], [3, 2]],
    ['MaxPool2D', { size: [3, 3], pads: [1, 1, 0, 0] }, [[1, 6, 6, 2]], [1, 5, 5, 2]],
    ['ResizeBilinear', { height: 6, width: 8, alignCorners: true }, [[1, 3, 4, 2]], [1, 6, 8, 2]],
    ['Add', {}, [[2, 3], w(3)], [2, 3]],
    ['Softmax', { axis: 1 }, [[2, 3, 4]], [2, 3, 4]],
  ];
  for (const [op, ...rest] of refused)
    throwsCode(t, () => toLayersModel(nodeGraph(op, ...rest)), 'ERR_UNSUPPORTED_OP', 'node0', op);
  t.is(tf.memory().numTensors, 0);
});

test.serial('dimensions that are open have to be given, the batch apart', (t) => {
  const graph = nodeGraph('Relu', {}, [[2, 3]], [2, 3]);
  const open = {
    ...graph,
    values: new Map([...graph.values].map(([name, value]) => [name, { ...value, dims: [null, null] }])),
  };
  throwsCode(t, () => toLayersModel(open), 'ERR_SHAPE', '"x0"');
  t.deepEqual(toLayersModel(open, { x0: [1, 7] }).outputs[0]!.shape, [null, 7]);
});

test.serial('quantized models and integers are refused', (t) => {
  const value = { name: 'x0', type: 'int8', dims: [2], qparams: { dtype: 'int8', scale: 1, zeroPoint: 0 } } as const;
  const graph = nodeGraph('Relu', {}, [[2]], [2]);
  throwsCode(
    t,
    () => toLayersModel({ ...graph, values: new Map([...graph.values, ['x0', value]]) }),
    'ERR_QUANTIZATION',
    '"x0"',
  );
  const { qparams: _, ...plain } = value;
  throwsCode(
    t,
    () => toLayersModel({ ...graph, values: new Map([...graph.values, ['x0', plain]]) }),
    'ERR_UNSUPPORTED_OP',
    'int8',
  );
});
