/** What scales and shifts channels, in the weights of the convolution before it. */
import test, { type ExecutionContext } from 'ava';
import { type Attributes, type Graph, InferenceSession, Tensor } from 'octensor';
import { randomTensor } from '#lib/cli/operands.js';
import { foldBatchNorm } from '#lib/passes/fold-batch-norm.js';
import { float, graphOf, type NodeSketch } from '../support/graphs.js';
import { int8, quantized, rewritten } from '../support/pass-graphs.js';
import { expectSame } from '../support/same.js';

const channels = 3;
const vector = (...data: readonly number[]) => new Tensor('float32', data);
const constants = {
  w: randomTensor('float32', [channels, 2, 2, 2], 1) as Tensor,
  d: randomTensor('float32', [1, 2, 2, channels], 2) as Tensor,
  f: randomTensor('float32', [channels, 2], 3) as Tensor,
  b: vector(0.5, -1, 2),
  scale: vector(1, 2, -3),
  bias: vector(0.25, 0, 1),
  mean: vector(0.5, 1, -1),
  variance: vector(1, 4, 0.25),
  one: new Tensor('float32', [2], []),
  row: new Tensor('float32', [1, 2, 3], [1, 1, 1, 3]),
  column: new Tensor('float32', [1, 2, 3], [3, 1]),
};

const window = { strides: [1, 1], padding: 'valid' };
const norm = (from: string, to: string, axis = 3): NodeSketch => {
  return {
    op: 'BatchNorm',
    inputs: [from, 'scale', 'bias', 'mean', 'variance'],
    outputs: [to],
    attributes: { axis, epsilon: 1e-3 },
  };
};
const node = (op: string, inputs: readonly string[], output: string, attributes: Attributes = {}): NodeSketch => {
  return { op, inputs, outputs: [output], attributes };
};
const conv = (attributes: Attributes = {}, ...bias: readonly string[]) => {
  return node('Conv2D', ['x', 'w', ...bias], 'c', { ...window, ...attributes });
};

/** x: [1, 3, 3, 2], of as many channels as the depthwise weights where those are used -> y: [1, 2, 2, 3]. */
function sketch(nodes: readonly NodeSketch[], outputs: readonly string[] = ['y'], depth = 2): Graph {
  const values = ['c', 'n', 'm', 'y'].map((name) => float(name, [1, 2, 2, channels]));
  const own = Object.entries(constants).map(([name, { dims }]) => float(name, dims));
  return graphOf({ values: [float('x', [1, 3, 3, depth]), ...values, ...own], inputs: ['x'], outputs, constants, nodes });
}

/** The operators that are left; the results are the same but for roundings. */
async function left(t: ExecutionContext, graph: Graph): Promise<readonly string[]> {
  const { graph: after } = rewritten(graph, foldBatchNorm);
  const { type, dims } = graph.values.get('x')!;
  const run = async (one: Graph) =>
    (await InferenceSession.create(one, { backend: 'reference' })).runSync({
      x: randomTensor(type, dims as readonly number[], 4),
    });
  expectSame(t, await run(after), await run(graph), 'folded');
  return after.nodes.map(({ op }) => op);
}

test('into a convolution without a bias, and with one', async (t) => {
  t.deepEqual(await left(t, sketch([conv(), norm('c', 'y')])), ['Conv2D']);
  t.deepEqual(await left(t, sketch([conv({}, 'b'), norm('c', 'y')])), ['Conv2D']);
});

test('into a depthwise convolution, whose channels are the last of the weights', async (t) => {
  const depthwise = node('DepthwiseConv2D', ['x', 'd'], 'c', window);
  t.deepEqual(await left(t, sketch([depthwise, norm('c', 'y')], ['y'], channels)), ['DepthwiseConv2D']);
});

test('Mul, Add and Sub of a constant for each channel, or for all, one after the other', async (t) => {
  const nodes = [conv(), node('Mul', ['row', 'c'], 'n'), node('Add', ['n', 'b'], 'm'), node('Sub', ['m', 'one'], 'y')];
  t.deepEqual(await left(t, sketch(nodes)), ['Conv2D']);
});

test('elsewhere it is a Mul and an Add, along whatever axis', async (t) => {
  t.deepEqual(await left(t, sketch([conv({ activation: 'relu' }), norm('c', 'y')])), ['Conv2D', 'Mul', 'Add']);
  const values = [float('x', [2, channels, 4]), float('y', [2, channels, 4])];
  const own = Object.entries(constants).map(([name, { dims }]) => float(name, dims));
  const graph = graphOf({ values: [...values, ...own], inputs: ['x'], outputs: ['y'], constants, nodes: [norm('x', 'y', 1)] });
  t.deepEqual(await left(t, graph), ['Mul', 'Add']);
});

for (const [what, nodes, outputs] of [
  ['the convolution clamps first', [conv({ activation: 'relu6' }), node('Mul', ['c', 'b'], 'y')], ['y']],
  ['something else reads what it computes', [conv(), node('Mul', ['c', 'b'], 'y'), node('Relu', ['c'], 'n')], ['y', 'n']],
  ['what it computes is an output', [conv(), node('Mul', ['c', 'b'], 'y')], ['y', 'c']],
  ['the sum ends in a clamp of its own', [conv(), node('Add', ['c', 'b'], 'y', { activation: 'relu' })], ['y']],
  ['what is subtracted from is the constant', [conv(), node('Sub', ['b', 'c'], 'y')], ['y']],
  ['both are computed', [conv(), node('Mul', ['c', 'c'], 'y')], ['y']],
] as const) {
  test(`nothing is folded where ${what}`, async (t) => {
    const graph = sketch(nodes, outputs);
    t.is(rewritten(graph, foldBatchNorm).graph, graph);
    await t.notThrowsAsync(left(t, graph));
  });
}

test('nothing is folded where the constant goes along other dimensions', (t) => {
  const values = [float('x', [1, 5, 4, 2]), float('c', [1, 4, 3, 3]), float('y', [1, 4, 3, 3])];
  const own = Object.entries(constants).map(([name, { dims }]) => float(name, dims));
  const nodes = [conv(), node('Mul', ['c', 'column'], 'y')];
  const graph = graphOf({ values: [...values, ...own], inputs: ['x'], outputs: ['y'], constants, nodes });
  t.is(rewritten(graph, foldBatchNorm).graph, graph);
});

test('quantized values stay as they are', (t) => {
  const q = int8(0.5, 0);
  const graph = graphOf({
    values: [quantized('x', [2, 3], q), quantized('k', [3], q), quantized('y', [2, 3], q)],
    inputs: ['x'],
    outputs: ['y'],
    constants: { k: new Tensor('int8', [1, 2, 3]) },
    nodes: [node('Mul', ['x', 'k'], 'y')],
  });
  t.is(rewritten(graph, foldBatchNorm).graph, graph);
});

/** Two convolutions of x, [1, 2, 2, 3] each: `c` and `n`. */
const two = [conv({}, 'b'), { ...conv(), inputs: ['x', 'w'], outputs: ['n'] }];
const joined = (op: string, attributes: Attributes = {}, inputs: readonly string[] = ['c', 'n']) =>
  node(op, inputs, 'm', attributes);

test('behind a sum, into both of what is summed', async (t) => {
  t.deepEqual(await left(t, sketch([...two, joined('Add'), norm('m', 'y')])), ['Conv2D', 'Conv2D', 'Add']);
  t.deepEqual(await left(t, sketch([...two, joined('Add'), node('Mul', ['m', 'row'], 'y')])), ['Conv2D', 'Conv2D', 'Add']);
});

/** As `sketch`, for a Concat m of c and n along `axis`, and y of its shape. */
function sideBySide(axis: number, nodes: readonly NodeSketch[], constantsOf: Readonly<Record<string, Tensor>> = {}): Graph {
  const graph = sketch([...two, joined('Concat', { axis }), ...nodes]);
  const dims = [1, 2, 2, channels].map((dim, i) => (i === (axis + 4) % 4 ? 2 * dim : dim));
  const values = new Map([...graph.values, ...['m', 'y'].map((name) => [name, float(name, dims)] as const)]);
  for (const [name, tensor] of Object.entries(constantsOf)) values.set(name, float(name, tensor.dims));
  return { ...graph, values, constants: new Map([...graph.constants, ...Object.entries(constantsOf)]) };
}

test('behind a Concat, into each part', async (t) => {
  const wide = {
    scale: vector(1, 2, -3, 4, 5, 6),
    bias: vector(0.25, 0, 1, -1, 2, 3),
    mean: vector(0.5, 1, -1, 0, 2, 1),
    variance: vector(1, 4, 0.25, 9, 1, 2),
  };
  for (const axis of [3, -1]) {
    t.deepEqual(await left(t, sideBySide(axis, [norm('m', 'y')], wide)), ['Conv2D', 'Conv2D', 'Concat']);
  }
  // Along the height, each part has all of the channels
  t.deepEqual(await left(t, sideBySide(1, [norm('m', 'y')])), ['Conv2D', 'Conv2D', 'Concat']);
});

for (const [what, nodes, outputs] of [
  ['a part is no layer', [conv(), node('Relu', ['c'], 'n'), joined('Add'), norm('m', 'y')], ['y']],
  ['a part is an output', [...two, joined('Add'), norm('m', 'y')], ['y', 'c']],
  ['both parts are one', [conv(), joined('Add', {}, ['c', 'c']), norm('m', 'y')], ['y']],
  ['the sum is clamped', [...two, joined('Add', { activation: 'relu' }), norm('m', 'y')], ['y']],
  ['a part is clamped', [conv({ activation: 'relu' }), two[1]!, joined('Add'), norm('m', 'y')], ['y']],
  ['the sum is an output', [...two, joined('Add'), norm('m', 'y')], ['y', 'm']],
] as const) {
  test(`not through a sum where ${what}`, async (t) => {
    const before = sketch(nodes, outputs);
    const operators = await left(t, before);
    t.is(operators.length, nodes.length + 1, 'BatchNorm is a Mul and an Add');
  });
}
