/** Products with int16 as products of 8 bits. */
import test, { type ExecutionContext } from 'ava';
import { type Graph, InferenceSession, type QParams, Tensor } from 'octensor';
import { randomTensor } from '#lib/cli/operands.js';
import { splitWideProducts } from '#lib/passes/split-wide-products.js';
import { graphOf, type NodeSketch } from '../support/graphs.js';
import { int8, quantized, rewritten } from '../support/pass-graphs.js';
import { Random } from '../support/random.js';
import { expectSame } from '../support/same.js';

const int16 = (scale: number): QParams => ({ dtype: 'int16', scale: Math.fround(scale), zeroPoint: 0 });
const weights = (dims: readonly number[]) => randomTensor('int8', dims, 3) as Tensor;

function shorts(dims: readonly number[]): Tensor {
  const random = new Random(5);
  const size = dims.reduce((product, dim) => product * dim, 1);
  return new Tensor(
    'int16',
    Int16Array.from({ length: size }, () => random.uint32()),
    dims,
  );
}

interface Sketch {
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly y: readonly number[];
  readonly from?: QParams;
  readonly to?: QParams;
  readonly nodes: readonly NodeSketch[];
  readonly others?: Readonly<Record<string, readonly number[]>>;
  readonly constants?: Readonly<Record<string, Tensor>>;
}

function sketch({ x, w, y, from = int16(1e-4), to = int16(4e-4), nodes, others = {}, constants = {} }: Sketch): Graph {
  const own = Object.entries(constants).map(([name, { type, dims }]) => ({ name, type, dims }));
  const graph = graphOf({
    values: [
      quantized('x', x, from),
      quantized('w', w, int8(0.005, 0)),
      quantized('y', y, to),
      ...Object.entries(others).map(([name, dims]) => quantized(name, dims, to)),
      ...own,
    ],
    inputs: ['x'],
    outputs: nodes.flatMap(({ outputs }) => outputs),
    constants: { w: weights(w), ...constants },
    nodes,
  });
  return { ...graph, numerics: 'onnx' };
}

/** What is left, after a look at the bits. */
async function split(t: ExecutionContext, graph: Graph): Promise<readonly string[]> {
  const { graph: after, nodes } = rewritten(graph, splitWideProducts);
  const x = graph.values.get('x')!;
  const feeds = {
    x: x.type === 'int16' ? shorts(x.dims as readonly number[]) : randomTensor(x.type, x.dims as readonly number[], 5),
  };
  const run = async (each: Graph) => (await InferenceSession.create(each, { backend: 'reference' })).runSync(feeds);
  const expected = await run(graph);
  expectSame(t, await run(after), expected, 'before and after');
  t.true(new Set(expected[graph.outputs[0]!]!.data as Int16Array).size > 3, 'says something');
  return nodes.map(opOf);
}

const opOf = (text: string) => text.replace(/.*<- (\w+)\(.*/, '$1');

test('a convolution, grouped and clamped, with a bias', async (t) => {
  const bias = new Tensor('int32', [2 ** 31 - 1, -5, 100_000, 7], [4]);
  const nodes = [
    { op: 'Conv2D', inputs: ['x', 'w', 'b'], outputs: ['y'], attributes: { groups: 2, padding: 'same', activation: 'relu' } },
  ];
  const graph = sketch({ x: [1, 4, 3, 6], w: [4, 3, 3, 3], y: [1, 4, 3, 4], nodes, constants: { b: bias } });
  t.deepEqual(await split(t, graph), ['SplitInt16', 'ConvInteger', 'ConvInteger', 'JoinSums']);
});

test('what is fully connected: rows of any shape', async (t) => {
  const fully = (keepDims: boolean) => [
    { op: 'FullyConnected', inputs: ['x', 'w'], outputs: ['y'], attributes: { keepDims, to: 'int16' } },
  ];
  const kept = sketch({ x: [2, 3, 8], w: [5, 8], y: [2, 3, 5], nodes: fully(true) });
  const shapes = ['SplitInt16', 'Reshape', 'Reshape', 'MatMulInteger', 'MatMulInteger', 'JoinSums', 'Reshape'];
  t.deepEqual([...(await split(t, kept))].sort(), shapes.sort());
  const flat = sketch({ x: [2, 8], w: [5, 8], y: [2, 5], nodes: fully(false) });
  t.deepEqual(await split(t, flat), ['SplitInt16', 'MatMulInteger', 'MatMulInteger', 'JoinSums']);
});

test('a matrix product, transposed or not, and 8 bits on one side', async (t) => {
  for (const transposeB of [false, true]) {
    const nodes = [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'], attributes: { transposeB } }];
    const graph = sketch({ x: [2, 3, 8], w: transposeB ? [5, 8] : [8, 5], y: [2, 3, 5], nodes });
    t.deepEqual(await split(t, graph), ['SplitInt16', 'MatMulInteger', 'MatMulInteger', 'JoinSums']);
  }
  const to = [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'], attributes: { to: 'int16' } }];
  t.deepEqual(await split(t, sketch({ x: [3, 8], w: [8, 5], y: [3, 5], from: int8(0.05, 9), nodes: to })), [
    'MatMulInteger',
    'JoinSums',
  ]);
  const from = [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'], attributes: { to: 'int8' } }];
  const narrow = sketch({ x: [3, 8], w: [8, 5], y: [3, 5], to: int8(0.2, 9), nodes: from });
  t.deepEqual(await split(t, narrow), ['SplitInt16', 'MatMulInteger', 'MatMulInteger', 'JoinSums']);
});

test('what several read is split once', async (t) => {
  const nodes = ['y', 'z'].map((name) => ({ op: 'Conv2D', inputs: ['x', 'w'], outputs: [name] }));
  const graph = sketch({ x: [1, 4, 4, 2], w: [3, 1, 1, 2], y: [1, 4, 4, 3], others: { z: [1, 4, 4, 3] }, nodes });
  const ops = await split(t, graph);
  t.is(ops.filter((op) => op === 'SplitInt16').length, 1);
  t.is(ops.filter((op) => op === 'JoinSums').length, 2);
});

test('sums that int32 might not hold, computed weights, 8 bits on both sides and other numerics stay', (t) => {
  const nodes = [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }];
  const ops = (graph: Graph) => rewritten(graph, splitWideProducts).nodes.map(opOf);
  const long = sketch({ x: [1, 150_000], w: [150_000, 1], y: [1, 1], nodes });
  t.deepEqual(ops(long), ['MatMul']);
  const graph = sketch({ x: [3, 8], w: [8, 5], y: [3, 5], nodes });
  t.deepEqual(ops({ ...graph, inputs: ['x', 'w'], constants: new Map() }), ['MatMul']);
  t.deepEqual(ops({ ...graph, numerics: 'tflite' }), ['MatMul']);
  t.deepEqual(ops(sketch({ x: [3, 8], w: [8, 5], y: [3, 5], from: int8(0.1, 0), to: int8(0.1, 0), nodes })), ['MatMul']);
});
