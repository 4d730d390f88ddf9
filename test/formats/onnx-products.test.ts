/** Convolutions, poolings, products and quantized operators of ONNX files: which of our operators they become, and what is refused. */
import test, { type ExecutionContext } from 'ava';
import { type DataType, type Graph, InferenceSession, loadModel, type OctensorError, Tensor } from 'octensor';
import { encodeOnnxModel, type OnnxAttribute, type OnnxModel, type OnnxModelNode } from '../support/onnx-model.js';
import { rejectsCode } from '../support/throws-async.js';

const zeros = (type: DataType, dims: readonly number[]): Tensor => {
  const size = dims.reduce((product, dim) => product * dim, 1);
  return new Tensor<DataType>(type, new Array<number>(size).fill(0), dims) as Tensor;
};
const scalar = (type: DataType, value: number): Tensor => new Tensor<DataType>(type, [value], []) as Tensor;

function model(nodes: readonly OnnxModelNode[], options: Partial<OnnxModel>): Uint8Array {
  return encodeOnnxModel({ feeds: {}, constants: {}, outputs: { y: 'float32' }, ...options, nodes });
}

function node(
  op: string,
  inputs: string,
  attributes: Readonly<Record<string, OnnxAttribute>> = {},
  outputs = 'y',
): OnnxModelNode {
  return { op, inputs: inputs.split(' ').map((name) => (name === '-' ? '' : name)), outputs: outputs.split(' '), attributes };
}

const opsOf = (graph: Graph) => graph.nodes.map(({ op }) => op).join(' ');

function refuses(t: ExecutionContext, bytes: Uint8Array, code: OctensorError['code'], part: string): Promise<void> {
  return rejectsCode(t, loadModel(bytes), code, part);
}

test('a convolution stands between Transposes; weights with one filter for each channel are depthwise', async (t) => {
  const feeds = { x: zeros('float32', [1, 4, 5, 5]) };
  const convolution = (w: Tensor, group: number) => model([node('Conv', 'x w', { group })], { feeds, constants: { w } });
  const plain = await loadModel(convolution(zeros('float32', [6, 4, 3, 3]), 1));
  t.is(opsOf(plain), 'Transpose Transpose Conv2D Transpose');
  t.is(opsOf(await loadModel(convolution(zeros('float32', [6, 2, 3, 3]), 2))), opsOf(plain));
  const depthwise = await loadModel(convolution(zeros('float32', [8, 1, 3, 3]), 4));
  t.is(opsOf(depthwise), 'Transpose Transpose DepthwiseConv2D Transpose');
});

test('groups that are not those of the input are refused', async (t) => {
  const constants = { w: zeros('float32', [8, 1, 3, 3]) };
  const feeds = { x: zeros('float32', [1, 8, 5, 5]) };
  const bytes = model([node('Conv', 'x w', { group: 4 })], { feeds, constants });
  await rejectsCode(t, InferenceSession.create(bytes, { backend: 'reference' }), 'ERR_SHAPE', '4 groups');
});

test('what has three spatial dimensions, or weights of an unknown number of them, is refused', async (t) => {
  const feeds = { x: zeros('float32', [1, 2, 4, 4, 4]) };
  const constants = { w: zeros('float32', [3, 2, 2, 2, 2]) };
  for (const op of ['Conv', 'ConvTranspose']) {
    await refuses(
      t,
      model([node(op, 'x w')], { feeds, constants }),
      'ERR_UNSUPPORTED_OP',
      'one or two spatial dimensions, got 3',
    );
  }
  const computed = [node('Relu', 'v', {}, 'w'), node('Conv', 'x w')];
  const image = { x: zeros('float32', [1, 2, 4, 4]), v: zeros('float32', [3, 2, 2, 2]) };
  await refuses(t, model(computed, { feeds: image }), 'ERR_UNSUPPORTED_OP', 'kernel_shape');
  const known = [computed[0]!, node('Conv', 'x w', { kernel_shape: [2, 2] })];
  const session = await InferenceSession.create(model(known, { feeds: image }), { backend: 'reference' });
  t.deepEqual((await session.run(image)).y?.dims, [1, 3, 3, 3]);
});

test('attributes that do not fit are refused', async (t) => {
  const feeds = { x: zeros('float32', [1, 2, 4, 4]) };
  const pool = (attributes: Readonly<Record<string, OnnxAttribute>>) => model([node('MaxPool', 'x', attributes)], { feeds });
  await refuses(t, pool({}), 'ERR_MODEL_FORMAT', 'kernel_shape');
  await refuses(t, pool({ kernel_shape: [2, 2], strides: [1] }), 'ERR_MODEL_FORMAT', 'strides');
  await refuses(t, pool({ kernel_shape: [2, 2], pads: [0, 0] }), 'ERR_MODEL_FORMAT', 'pads');
  await refuses(t, pool({ kernel_shape: [2, 2], pads: [-1, 0, 0, 0] }), 'ERR_UNSUPPORTED_OP', 'pads');
  await refuses(t, pool({ kernel_shape: [2, 2], auto_pad: 'SAME' }), 'ERR_UNSUPPORTED_OP', 'auto_pad');
});

test('a pooling is one of images unless it does more than those can', async (t) => {
  const feeds = { x: zeros('float32', [1, 2, 4, 4]) };
  const ops = async (op: string, attributes: Readonly<Record<string, OnnxAttribute>>, outputs = 'y') => {
    const bytes = model([node(op, 'x', { kernel_shape: [2, 2], ...attributes }, outputs)], { feeds });
    return opsOf(await loadModel(bytes));
  };
  t.is(await ops('MaxPool', {}), 'Transpose MaxPool2D Transpose');
  t.is(await ops('MaxPool', { dilations: [2, 2] }), 'PoolNd');
  t.is(await ops('MaxPool', {}, 'y places'), 'PoolNd');
  t.is(await ops('AveragePool', { pads: [1, 1, 1, 1], count_include_pad: 1 }), 'Transpose Pad AveragePool2D Transpose');
  t.is(await ops('AveragePool', { auto_pad: 'SAME_UPPER', count_include_pad: 1 }), 'PoolNd');
});

const quantization = { s: scalar('float32', 0.5), z: scalar('uint8', 3), t: scalar('float32', 0.25) };

test('constant scales become what a value means; a second meaning is another value of the same integers', async (t) => {
  const nodes = [
    node('QuantizeLinear', 'x s z', {}, 'q'),
    node('DequantizeLinear', 'q s z', {}, 'a'),
    node('DequantizeLinear', 'q t z', {}, 'b'),
    node('Add', 'a b'),
  ];
  const graph = await loadModel(model(nodes, { feeds: { x: zeros('float32', [4]) }, constants: quantization }));
  const readers = new Map(graph.nodes.map(({ op, outputs, inputs }) => [outputs[0], { op, input: inputs[0] }]));
  t.deepEqual(readers.get('a'), { op: 'Dequantize', input: 'q' });
  const other = readers.get('b')!.input!;
  t.deepEqual(readers.get(other), { op: 'Reinterpret', input: 'q' });
  t.deepEqual(graph.values.get(other)?.qparams, { dtype: 'uint8', scale: 0.25, zeroPoint: 3 });
  t.deepEqual(graph.values.get('q')?.qparams, { dtype: 'uint8', scale: 0.5, zeroPoint: 3 });
});

test('computed scales are inputs; where operators need them beforehand they are refused', async (t) => {
  const feeds = { x: zeros('uint8', [4]), ...quantization };
  const graph = await loadModel(model([node('DequantizeLinear', 'x s z')], { feeds }));
  t.is(opsOf(graph), 'DequantizeLinear');
  const add = node('com.microsoft.QLinearAdd', 'x s z x s z t z');
  await refuses(t, model([add], { feeds, outputs: { y: 'uint8' } }), 'ERR_UNSUPPORTED_OP', 'constant scale');
});

test('scales that no value can have stay inputs', async (t) => {
  const feeds = { x: zeros('uint8', [4]) };
  for (const s of [0, -1, Number.NaN, Infinity]) {
    const constants = { s: scalar('float32', s), z: quantization.z };
    t.is(opsOf(await loadModel(model([node('DequantizeLinear', 'x s z')], { feeds, constants }))), 'DequantizeLinear');
  }
});

test('C of Gemm is a bias where it is constant and belongs to columns', async (t) => {
  const feeds = { x: zeros('float32', [2, 3]) };
  const ops = async (c: Tensor, attributes: Readonly<Record<string, OnnxAttribute>> = {}) => {
    const constants = { b: zeros('float32', [3, 4]), c };
    return opsOf(await loadModel(model([node('Gemm', 'x b c', attributes)], { feeds, constants })));
  };
  t.is(await ops(zeros('float32', [4])), 'MatMul');
  t.is(await ops(zeros('float32', [1, 4])), 'Reshape MatMul');
  t.is(await ops(zeros('float32', [2, 1])), 'MatMul Add');
  t.is(await ops(zeros('float32', [4]), { alpha: { float: 2 } }), 'MatMul Mul Add');
  t.is(await ops(zeros('float32', [4]), { beta: { float: 0 } }), 'MatMul');
});

test('weights of MatMulNBits are as many as its attributes say', async (t) => {
  const feeds = { x: zeros('float32', [2, 32]) };
  const attributes = { K: 32, N: 3, bits: 4, block_size: 16 };
  const bits = (b: Tensor, changes: Readonly<Record<string, OnnxAttribute>> = {}, inputs = 'x b s') => {
    const constants = { b, s: zeros('float32', [6]), g: zeros('int32', [32]) };
    return model([node('com.microsoft.MatMulNBits', inputs, { ...attributes, ...changes })], { feeds, constants });
  };
  t.is(opsOf(await loadModel(bits(zeros('uint8', [3, 2, 8])))), 'MatMul');
  await refuses(t, bits(zeros('uint8', [3, 2, 7])), 'ERR_MODEL_FORMAT', 'expected 48 elements');
  await refuses(t, bits(zeros('uint8', [3, 2, 8]), { N: 2 ** 40 }), 'ERR_MODEL_FORMAT', 'elements');
  await refuses(t, bits(zeros('uint8', [3, 2, 8]), { bits: 3 }), 'ERR_UNSUPPORTED_OP', 'bits');
  await refuses(t, bits(zeros('uint8', [3, 2, 8]), { block_size: 0 }), 'ERR_MODEL_FORMAT', 'power of two');
  await refuses(t, bits(zeros('uint8', [3, 2, 8]), {}, 'x b s - g'), 'ERR_UNSUPPORTED_OP', 'index of groups');
});
