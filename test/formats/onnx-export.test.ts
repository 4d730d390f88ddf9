import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Graph, InferenceSession, loadModel, type QParams, saveModel, Tensor, type Value } from 'octensor';
import { exportOnnx } from '#lib/formats/onnx/export.js';
import { readOnnxModel } from '#lib/formats/onnx/model.js';
import { readTensor } from '#lib/formats/onnx/tensors.js';
import { ops } from '#lib/ops/index.js';
import { accumulator, float, graphOf } from '../support/graphs.js';
import { throwsCode } from '../support/throws.js';
import { rejectsCode } from '../support/throws-async.js';

const int8 = (name: string, dims: readonly number[], scale: number, zeroPoint: number): Value => ({
  name,
  type: 'int8',
  dims,
  qparams: { dtype: 'int8', scale, zeroPoint },
});
const ramp = (length: number) => Array.from({ length }, (_, i) => ((i * 37) % 101) - 50);

/** Two convolutions of images in NHWC, as TFLite has them. */
function convolutions(): Graph {
  return graphOf({
    values: [
      float('x', [1, 5, 5, 2]),
      float('w', [3, 3, 3, 2]),
      float('b', [3]),
      float('h', [1, 5, 5, 3]),
      float('r', [1, 5, 5, 3]),
      float('v', [1, 3, 3, 3]),
      float('y', [1, 3, 3, 3]),
    ],
    inputs: ['x'],
    outputs: ['y'],
    constants: {
      w: new Tensor('float32', ramp(54), [3, 3, 3, 2]),
      b: new Tensor('float32', [1, 2, 3]),
      v: new Tensor('float32', ramp(27), [1, 3, 3, 3]),
    },
    nodes: [
      { op: 'Conv2D', inputs: ['x', 'w', 'b'], outputs: ['h'], attributes: { padding: 'same' } },
      { op: 'HardSwish', inputs: ['h'], outputs: ['r'] },
      { op: 'DepthwiseConv2D', inputs: ['r', 'v'], outputs: ['y'], attributes: { activation: 'relu6' } },
    ],
  });
}

/** One quantized convolution with a scale for each channel. */
function quantizedConvolution(activation: string, zeroPoint: number): Graph {
  const scales: QParams = { dtype: 'int8', scale: Float32Array.of(0.25, 0.5, 1), zeroPoint: 0, axis: 0 };
  return graphOf({
    values: [
      int8('x', [1, 4, 4, 2], 0.5, -3),
      { name: 'w', type: 'int8', dims: [3, 1, 1, 2], qparams: scales },
      { name: 'b', type: 'int32', dims: [3] },
      int8('y', [1, 4, 4, 3], 0.75, zeroPoint),
    ],
    inputs: ['x'],
    outputs: ['y'],
    constants: { w: new Tensor('int8', [1, 2, 3, 4, 5, -6], [3, 1, 1, 2]), b: new Tensor('int32', [7, -8, 9]) },
    nodes: [{ op: 'Conv2D', inputs: ['x', 'w', 'b'], outputs: ['y'], attributes: { activation } }],
  });
}

function written(graph: Graph) {
  const model = readOnnxModel(exportOnnx(graph));
  const initializers = new Map(model.graph!.initializer.map((proto) => [proto.name, readTensor(proto, 'test')]));
  return { model, initializers, nodes: model.graph!.node, operators: model.graph!.node.map(({ opType }) => opType) };
}

async function expectSameBits(t: ExecutionContext, graph: Graph, feeds: Record<string, Tensor>): Promise<void> {
  const again = await loadModel(exportOnnx(graph));
  t.is(again.numerics, graph.numerics);
  const run = async (model: Graph) => (await InferenceSession.create(model, { backend: 'reference' })).runSync(feeds);
  const [actual, expected] = [await run(again), await run(graph)];
  t.deepEqual(Object.keys(actual), Object.keys(expected));
  for (const [name, { data, dims }] of Object.entries(expected)) {
    t.deepEqual([...actual[name]!.dims], [...dims]);
    t.deepEqual(actual[name]!.data, data);
  }
}

test('images are NCHW inside, with one Transpose at each border', async (t) => {
  const { operators, nodes, initializers } = written(convolutions());
  t.deepEqual(operators, ['Transpose', 'Conv', 'HardSwish', 'Conv', 'Clip', 'Transpose']);
  t.deepEqual(initializers.get(nodes[1]!.input[1]!)!.dims, [3, 2, 3, 3]);
  t.deepEqual(initializers.get(nodes[3]!.input[1]!)!.dims, [3, 1, 3, 3]);
  await expectSameBits(t, convolutions(), { x: new Tensor('float32', ramp(50), [1, 5, 5, 2]) });
});

test('a network that is NCHW has no Transpose, and keeps the names of its values', (t) => {
  const graph = graphOf({
    values: [float('x', [1, 2, 5, 5]), float('w', [3, 2, 3, 3]), float('y', [1, 3, 3, 3])],
    inputs: ['x'],
    outputs: ['y'],
    constants: { w: new Tensor('float32', ramp(54), [3, 2, 3, 3]) },
    nodes: [
      { op: 'Transpose', inputs: ['x'], outputs: ['x/nhwc'], attributes: { perm: [0, 2, 3, 1] } },
      { op: 'Transpose', inputs: ['w'], outputs: ['w/ohwi'], attributes: { perm: [0, 2, 3, 1] } },
      { op: 'Conv2D', inputs: ['x/nhwc', 'w/ohwi'], outputs: ['y/nhwc'] },
      { op: 'Transpose', inputs: ['y/nhwc'], outputs: ['h'], attributes: { perm: [0, 3, 1, 2] } },
      { op: 'Relu', inputs: ['h'], outputs: ['y'] },
    ],
  });
  const { operators, nodes, initializers } = written(graph);
  t.deepEqual(operators, ['Conv', 'Relu']);
  t.deepEqual(
    nodes.map(({ output }) => output),
    [['h'], ['y']],
  );
  t.deepEqual(initializers.get(nodes[0]!.input[1]!)!.data, graph.constants.get('w')!.data);
});

test('quantized operators stand between DequantizeLinear and QuantizeLinear', async (t) => {
  const graph = quantizedConvolution('none', 4);
  const { model, nodes, initializers } = written(graph);
  const conv = nodes.find(({ opType }) => opType === 'Conv')!;
  const producers = conv.input.map((name) => nodes.find(({ output }) => output.includes(name))!);
  t.deepEqual(
    producers.map(({ opType }) => opType),
    ['DequantizeLinear', 'DequantizeLinear', 'DequantizeLinear'],
  );
  const [, weights, bias] = producers;
  t.is(initializers.get(weights!.input[0]!)!.type, 'int8');
  t.deepEqual(initializers.get(weights!.input[1]!)!.data, Float32Array.of(0.25, 0.5, 1));
  t.is(initializers.get(bias!.input[0]!)!.type, 'int32');
  t.deepEqual(initializers.get(bias!.input[1]!)!.data, Float32Array.of(0.125, 0.25, 0.5), 'sx · sw');
  t.is(bias!.input.length, 2, '32-bit integers have no zero point');
  const types = [...model.graph!.input, ...model.graph!.output].map(({ type }) => type!.value.value);
  t.deepEqual(
    types.map((type) => (type as { elemType: number }).elemType),
    [3, 3],
    'int8 outside',
  );
  await expectSameBits(t, graph, { x: new Tensor('int8', ramp(32), [1, 4, 4, 2]) });
});

test('inputs and outputs of the model keep what their integers mean', async (t) => {
  const again = await loadModel(exportOnnx(quantizedConvolution('none', 4)));
  t.deepEqual(again.values.get('x')!.qparams, { dtype: 'int8', scale: 0.5, zeroPoint: -3 });
  t.deepEqual(again.values.get('y')!.qparams, { dtype: 'int8', scale: 0.75, zeroPoint: 4 });
});

test('an activation that only saturates needs no node; one that clips has one', async (t) => {
  const clamps = (graph: Graph) => written(graph).operators.filter((name) => name === 'Relu' || name === 'Clip');
  t.deepEqual(clamps(quantizedConvolution('relu', -128)), []);
  t.deepEqual(clamps(quantizedConvolution('relu', 4)), ['Relu']);
  t.deepEqual(clamps(quantizedConvolution('relu6', -128)), ['Clip']);
  for (const activation of ['relu', 'relu6']) {
    await expectSameBits(t, quantizedConvolution(activation, 4), { x: new Tensor('int8', ramp(32), [1, 4, 4, 2]) });
  }
});

test('the opset is 17, higher only for what needs it', (t) => {
  const opset = (graph: Graph) => Number(written(graph).model.opsetImport[0]!.version);
  t.is(opset(convolutions()), 17);
  const qparams: QParams = { dtype: 'int16', scale: 0.5, zeroPoint: 0 };
  const wide = graphOf({
    values: [float('x', [3]), { name: 'y', type: 'int16', dims: [3], qparams }],
    inputs: ['x'],
    outputs: ['y'],
    nodes: [{ op: 'Quantize', inputs: ['x'], outputs: ['y'], attributes: { to: 'int16' } }],
  });
  t.is(opset(wide), 21);
});

test('metadata is kept, and what the importer finds out is not', async (t) => {
  const metadata = { author: 'somebody', format: 'tflite', opset: '1' };
  const again = await loadModel(exportOnnx({ ...convolutions(), metadata }));
  t.is(again.metadata.author, 'somebody');
  t.is(again.metadata.format, 'onnx');
  t.is(again.metadata.opset, '17');
});

test('an input or a constant that is an output has a node', async (t) => {
  const graph = graphOf({
    values: [float('x', [2]), float('c', [2]), float('y', [2]), float('z', [2])],
    inputs: ['x'],
    outputs: ['y', 'z', 'c'],
    constants: { c: new Tensor('float32', [3, 4]) },
    nodes: [
      { op: 'Add', inputs: ['x', 'c'], outputs: ['y'] },
      { op: 'Sub', inputs: ['y', 'c'], outputs: ['z'] },
    ],
  });
  t.deepEqual(written(graph).operators, ['Add', 'Sub', 'Identity']);
  await expectSameBits(t, graph, { x: new Tensor('float32', [1, 2]) });
});

test('what ONNX cannot express names its node and operator', (t) => {
  throwsCode(t, () => exportOnnx(accumulator()), 'ERR_UNSUPPORTED_OP', 'node "node0" (Add)', 'state');
  const detection = [...ops.get('DetectionPostProcess')!.cases()][0]!.graph;
  throwsCode(t, () => exportOnnx(detection), 'ERR_UNSUPPORTED_OP', '(DetectionPostProcess)');
  const hybrid = graphOf({
    values: [
      float('x', [1, 2]),
      { name: 'w', type: 'int8', dims: [1, 2], qparams: { dtype: 'int8', scale: 1, zeroPoint: 0 } },
      float('y', [1, 1]),
    ],
    inputs: ['x'],
    outputs: ['y'],
    constants: { w: new Tensor('int8', [1, 2], [1, 2]) },
    nodes: [{ op: 'FullyConnected', inputs: ['x', 'w'], outputs: ['y'] }],
  });
  throwsCode(t, () => exportOnnx(hybrid), 'ERR_UNSUPPORTED_OP', 'node "node0" (FullyConnected)', 'integer weights');
});

test('a file is replaced at once, and nothing is left of one that failed', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'octensor-'));
  try {
    const path = join(folder, 'model.onnx');
    await writeFile(path, 'what was there before');
    await rejectsCode(t, saveModel(accumulator(), path), 'ERR_UNSUPPORTED_OP');
    t.is(await readFile(path, 'utf8'), 'what was there before');
    await saveModel(convolutions(), path, { format: 'onnx' });
    t.is((await loadModel(path)).nodes.length > 0, true);
    await rejectsCode(t, saveModel(convolutions(), join(folder, 'nowhere', 'model.onnx')), 'ERR_MODEL_FORMAT', 'cannot write');
    t.deepEqual(await readdir(folder), ['model.onnx']);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('arguments that are none are refused', async (t) => {
  await rejectsCode(t, saveModel(convolutions(), ''), 'ERR_OPTION', 'path');
  await rejectsCode(t, saveModel(undefined as unknown as Graph, 'x.onnx'), 'ERR_OPTION', 'graph');
  await rejectsCode(t, saveModel(convolutions(), 'x.onnx', { format: 'tflite' as 'onnx' }), 'ERR_OPTION', 'format');
});
