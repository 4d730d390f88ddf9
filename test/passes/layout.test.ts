/** Transposes that are moved down until they meet. Every graph computes the same before and after. */
import test, { type ExecutionContext } from 'ava';
import { type Attributes, type Graph, InferenceSession, type QParams, Tensor, type Value } from 'octensor';
import { randomTensor } from '#lib/cli/operands.js';
import { eliminateDeadNodes } from '#lib/passes/eliminate-dead-nodes.js';
import { cancelTransposes } from '#lib/passes/layout.js';
import { runPasses } from '#lib/passes/pass.js';
import { removeIdentities } from '#lib/passes/remove-identities.js';
import { float, graphOf, type NodeSketch } from '../support/graphs.js';
import { int8, ones, quantized, rewritten } from '../support/pass-graphs.js';
import { expectSame } from '../support/same.js';

const [toNchw, toNhwc] = [
  [0, 3, 1, 2],
  [0, 2, 3, 1],
];
const node = (op: string, inputs: readonly string[], output: string, attributes: Attributes = {}): NodeSketch => {
  return { op, inputs, outputs: [output], attributes };
};
const transpose = (from: string, to: string, perm: readonly number[]) => node('Transpose', [from], to, { perm });
const nhwc = (name: string) => float(name, [1, 2, 3, 4]);
const nchw = (name: string) => float(name, [1, 4, 2, 3]);
const ramp = (dims: readonly number[]) => {
  const size = dims.reduce((product, dim) => product * dim, 1);
  return new Tensor(
    'float32',
    Float32Array.from({ length: size }, (_, i) => i + 1),
    dims,
  );
};

interface Sketch {
  readonly outputs?: readonly string[];
  /** Those that are not [1, 4, 2, 3]. */
  readonly values?: readonly Value[];
  readonly constants?: Readonly<Record<string, Tensor>>;
}

/** x and z of [1, 2, 3, 4] -> y of the same, if nothing else is said, and between them values of [1, 4, 2, 3]. */
function between(nodes: readonly NodeSketch[], { outputs = ['y'], values = [], constants = {} }: Sketch = {}): Graph {
  const own = new Map([nhwc('x'), nhwc('z'), nhwc('y'), ...values].map((each) => [each.name, each]));
  for (const [name, { type, dims }] of Object.entries(constants)) own.set(name, { name, type, dims });
  for (const name of nodes.flatMap((each) => each.outputs)) if (!own.has(name)) own.set(name, nchw(name));
  return graphOf({ values: [...own.values()], inputs: ['x', 'z'], outputs, constants, nodes });
}

/** The operators that are left, when everything around a Transpose that came to nothing is gone too. */
async function left(t: ExecutionContext, graph: Graph): Promise<readonly string[]> {
  const { graph: after } = runPasses(graph, [removeIdentities, cancelTransposes, eliminateDeadNodes]);
  const feeds = Object.fromEntries(
    graph.inputs.map((name, i) => {
      const { type, dims } = graph.values.get(name)!;
      return [name, randomTensor(type, dims as readonly number[], i + 1)];
    }),
  );
  const run = async (one: Graph) => (await InferenceSession.create(one, { backend: 'reference' })).runSync(feeds);
  expectSame(t, await run(after), await run(graph), 'after the pass');
  return after.nodes.map(({ op }) => op);
}

test('Transposes around element-wise operators go', async (t) => {
  const graph = between([
    transpose('x', 'a', toNchw),
    node('Relu', ['a'], 'b'),
    node('Tanh', ['b'], 'c'),
    transpose('c', 'y', toNhwc),
  ]);
  t.deepEqual(await left(t, graph), ['Relu', 'Tanh']);
  const { nodes, log } = rewritten(graph, cancelTransposes);
  t.deepEqual(nodes, ['b:0 <- Relu(x)', 'c:1 <- Tanh(b:0)', 'y <- Reshape(c:1) shape=[1, 2, 3, 4]']);
  t.deepEqual(log, [{ pass: 'layout', nodes: ['node1', 'node2', 'node3'] }]);
});

test('branches that meet go together, constants are reordered', async (t) => {
  const graph = between(
    [
      transpose('x', 'a', toNchw),
      transpose('z', 'b', toNchw),
      node('Mul', ['a', 'k'], 'c'),
      node('Add', ['b', 's'], 'd'),
      node('Sub', ['c', 'd'], 'e'),
      transpose('e', 'y', toNhwc),
    ],
    { constants: { k: ramp([4, 1, 1]), s: new Tensor('float32', [7], []) } },
  );
  t.deepEqual(await left(t, graph), ['Mul', 'Add', 'Sub']);
  const { graph: after, nodes } = rewritten(graph, cancelTransposes);
  t.deepEqual(nodes.slice(0, 3), ['c:1 <- Mul(x, k:0)', 'd:2 <- Add(z, s)', 'e:3 <- Sub(c:1, d:2)']);
  const { dims, data } = after.constants.get('k:0')!;
  t.deepEqual(
    [dims, [...(data as Float32Array)]],
    [
      [1, 1, 1, 4],
      [1, 2, 3, 4],
    ],
  );
});

test('a constant of all dimensions is moved element by element', async (t) => {
  const graph = graphOf({
    values: [float('x', [2, 3]), float('a', [3, 2]), float('b', [3, 2]), float('k', [3, 2]), float('y', [2, 3])],
    inputs: ['x'],
    outputs: ['y'],
    constants: { k: ramp([3, 2]) },
    nodes: [transpose('x', 'a', [1, 0]), node('Add', ['k', 'a'], 'b'), transpose('b', 'y', [1, 0])],
  });
  t.deepEqual(await left(t, graph), ['Add']);
  const { graph: after } = rewritten(graph, cancelTransposes);
  t.deepEqual([...(after.constants.get('k:0')!.data as Float32Array)], [1, 3, 5, 2, 4, 6]);
});

test('a residual is added in the order in which both branches were computed', async (t) => {
  // As importers write it: each convolution between two Transposes, the sum between none
  const pool = (from: string, to: string) => [
    transpose(from, `${to}/in`, toNhwc),
    node('AveragePool2D', [`${to}/in`], `${to}/out`, { size: [1, 1], strides: [1, 1], padding: 'valid' }),
    transpose(`${to}/out`, to, toNchw),
  ];
  const values = ['a', 'b', 'c'].flatMap((name) => [nhwc(`${name}/in`), nhwc(`${name}/out`)]);
  const nodes = [
    transpose('x', 'first', toNchw),
    ...pool('first', 'a'),
    node('Relu', ['a'], 'r'),
    ...pool('r', 'b'),
    node('Add', ['b', 'r'], 'sum'),
    ...pool('sum', 'c'),
    transpose('c', 'y', toNhwc),
  ];
  t.deepEqual(await left(t, between(nodes, { values })), ['AveragePool2D', 'Relu', 'AveragePool2D', 'Add', 'AveragePool2D']);
});

test('what is read in both orders is transposed once', async (t) => {
  const nodes = [
    transpose('x', 'a', toNchw),
    node('Relu', ['a'], 'b'),
    node('Softmax', ['b'], 'c', { axis: -1 }),
    node('ReverseAxes', ['b'], 'd'),
    transpose('b', 'y', toNhwc),
  ];
  const graph = between(nodes, { outputs: ['c', 'd', 'y'], values: [float('d', [3, 2, 4, 1])] });
  t.deepEqual(await left(t, graph), ['Relu', 'Transpose', 'Softmax', 'ReverseAxes']);
});

test('outputs of the graph keep their order and their names', async (t) => {
  const nodes = [transpose('x', 'a', toNchw), node('Relu', ['a'], 'b'), transpose('b', 'y', toNhwc)];
  const graph = between(nodes, { outputs: ['a', 'b', 'y'] });
  t.deepEqual((await left(t, graph)).toSorted(), ['Relu', 'Transpose', 'Transpose']);
});

test('axes are those of the order before', async (t) => {
  const split = { op: 'Split', inputs: ['a'], outputs: ['p', 'q'], attributes: { axis: 1 } };
  const half = [float('p', [1, 2, 2, 3]), float('q', [1, 2, 2, 3])];
  const nodes = [
    transpose('x', 'a', toNchw),
    split,
    node('Concat', ['q', 'p'], 'b', { axis: -3 }),
    transpose('b', 'y', toNhwc),
  ];
  const graph = between(nodes, { values: half });
  t.deepEqual(await left(t, graph), ['Split', 'Concat']);
  const axes = rewritten(graph, cancelTransposes).graph.nodes.map(({ attributes }) => attributes.axis);
  t.deepEqual(axes.slice(0, 2), [3, 3]);
});

test('Concat with a constant', async (t) => {
  const nodes = [transpose('x', 'a', toNchw), node('Concat', ['a', 'k'], 'b', { axis: 2 }), transpose('b', 'y', toNhwc)];
  const values = [float('b', [1, 4, 3, 3]), float('y', [1, 3, 3, 4])];
  t.deepEqual(await left(t, between(nodes, { values, constants: { k: ramp([1, 4, 1, 3]) } })), ['Concat']);
});

test('Pad', async (t) => {
  const pads = [0, 0, 1, 2, 3, 4, 0, 5];
  const nodes = [transpose('x', 'a', toNchw), node('Pad', ['a'], 'b', { pads }), transpose('b', 'y', toNhwc)];
  const graph = between(nodes, { values: [float('b', [1, 7, 9, 8]), float('y', [1, 9, 8, 7])] });
  t.deepEqual(await left(t, graph), ['Pad']);
  t.deepEqual(rewritten(graph, cancelTransposes).graph.nodes[0]!.attributes.pads, [0, 0, 3, 4, 0, 5, 1, 2]);
});

test('Mean over the picture: nothing is left to transpose', async (t) => {
  for (const [keepDims, dims] of [
    [false, [1, 4]],
    [true, [1, 4, 1, 1]],
  ] as const) {
    const nodes = [transpose('x', 'a', toNchw), node('Mean', ['a'], 'm', { axes: [-2, 3], keepDims })];
    const graph = between(nodes, { outputs: ['m'], values: [float('m', dims)] });
    // What is [1, 4, 1, 1] is [1, 1, 1, 4] by another name
    t.deepEqual(await left(t, graph), keepDims ? ['Mean', 'Reshape'] : ['Mean']);
    t.deepEqual(rewritten(graph, cancelTransposes).graph.nodes[0]!.attributes.axes, [1, 2]);
  }
});

test('Mean of which the rest would be in another order', async (t) => {
  const nodes = [transpose('x', 'a', toNchw), node('Mean', ['a'], 'm', { axes: [3], keepDims: false })];
  const graph = between(nodes, { outputs: ['m'], values: [float('m', [1, 4, 2])] });
  t.deepEqual(await left(t, graph), ['Transpose', 'Mean']);
});

test('BatchNorm of channels, whose parameters stay vectors', async (t) => {
  const names = ['scale', 'bias', 'mean', 'variance'];
  const nodes = [
    transpose('x', 'a', toNchw),
    node('BatchNorm', ['a', ...names], 'b', { axis: 1, epsilon: 1e-5 }),
    transpose('b', 'y', toNhwc),
  ];
  const constants = Object.fromEntries(names.map((name) => [name, ramp([4])]));
  t.deepEqual(await left(t, between(nodes, { constants })), ['BatchNorm']);
});

test('Softmax over the last dimension, which stays the last', async (t) => {
  const swap = [0, 2, 1, 3];
  const values = [float('a', [1, 3, 2, 4]), float('b', [1, 3, 2, 4])];
  const along = (axis: number) => [transpose('x', 'a', swap), node('Softmax', ['a'], 'b', { axis }), transpose('b', 'y', swap)];
  t.deepEqual(await left(t, between(along(-1), { values })), ['Softmax']);
});

test('a Transpose of dimensions of 1 moves nothing', async (t) => {
  const graph = graphOf({
    values: [float('x', [2, 1, 1, 5]), float('y', [2, 5, 1, 1])],
    inputs: ['x'],
    outputs: ['y'],
    nodes: [transpose('x', 'y', toNchw)],
  });
  t.deepEqual(await left(t, graph), ['Reshape']);
});

for (const [what, nodes] of [
  ['the second one does not undo the first', [node('Relu', ['a'], 'b'), transpose('b', 'c', [0, 1, 3, 2])]],
  ['another input enters as it is', [node('Add', ['a', 'w'], 'b'), transpose('b', 'c', toNhwc)]],
  ['an operator works along a dimension', [node('Softmax', ['a'], 'b', { axis: -1 }), transpose('b', 'c', toNhwc)]],
] as const) {
  test(`something is transposed where ${what}`, async (t) => {
    const dims = (nodes[1].attributes!.perm as readonly number[]).map((axis) => [1, 4, 2, 3][axis]!);
    const all = [transpose('x', 'a', toNchw), node('Reshape', ['z'], 'w', { shape: [1, 4, 2, 3] }), ...nodes];
    const ops = await left(t, between(all, { outputs: ['c'], values: [float('c', dims)] }));
    t.true(ops.includes('Transpose'));
  });
}

test('a value that is quantized per channel stays where it is', (t) => {
  const perChannel: QParams = { dtype: 'int8', scale: Float32Array.of(1, 2, 3), zeroPoint: 0, axis: 1 };
  const values = [quantized('x', [3, 2], { ...perChannel, axis: 0 }), quantized('a', [2, 3], perChannel)];
  const graph = graphOf({
    values: [...values, float('b', [2, 3]), float('y', [3, 2])],
    inputs: ['x'],
    outputs: ['y'],
    nodes: [transpose('x', 'a', [1, 0]), node('Dequantize', ['a'], 'b'), transpose('b', 'y', [1, 0])],
  });
  t.deepEqual(rewritten(graph, cancelTransposes).graph, graph);
});

test('a Transpose whose output means something else by its integers stays', async (t) => {
  const [q, other] = [int8(0.5, 0), int8(0.25, 0)];
  const graph = graphOf({
    values: [quantized('x', [2, 3], q), quantized('a', [3, 2], q), quantized('b', [3, 2], q), quantized('y', [2, 3], other)],
    inputs: ['x'],
    outputs: ['y'],
    nodes: [transpose('x', 'a', [1, 0]), node('Relu', ['a'], 'b'), transpose('b', 'y', [1, 0])],
  });
  const { nodes } = rewritten(graph, cancelTransposes);
  t.deepEqual(nodes, ['b:0 <- Relu(x)', 'b <- Transpose(b:0) perm=[1, 0]', 'y <- Transpose(b) perm=[1, 0]']);
});

test('graphs without anything to do come back as they are', (t) => {
  for (const nodes of [
    [node('Relu', ['x'], 'y')],
    [transpose('x', 'y', [0, 2, 1, 3])],
    [transpose('k', 'a', toNchw), transpose('a', 'y', toNhwc)],
  ]) {
    const graph = between(nodes, {
      values: nodes.length === 1 ? [float('y', [1, 3, 2, 4])] : [],
      constants: { k: ones([1, 2, 3, 4]) },
    });
    const after = rewritten(graph, cancelTransposes);
    if (nodes.length === 1) t.is(after.graph, graph);
    else t.is(after.nodes.length, 2, 'what is constant is folded, not moved');
  }
});
