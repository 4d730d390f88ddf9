import test from 'ava';
import { type Graph, Tensor } from 'octensor';
import { cancelTransposes } from '#lib/passes/layout.js';
import { float, graphOf, type NodeSketch } from '../support/graphs.js';
import { int8, quantized, rewritten } from '../support/pass-graphs.js';

const [toNchw, toNhwc] = [
  [0, 3, 1, 2],
  [0, 2, 3, 1],
];
const transpose = (from: string, to: string, perm: readonly number[]): NodeSketch => ({
  op: 'Transpose',
  inputs: [from],
  outputs: [to],
  attributes: { perm },
});
const nhwc = (name: string) => float(name, [1, 2, 3, 4]);
const nchw = (name: string) => float(name, [1, 4, 2, 3]);

function between(nodes: readonly NodeSketch[], outputs: readonly string[] = ['y']): Graph {
  return graphOf({
    values: [nhwc('x'), nhwc('z'), ...['a', 'b', 'c', 'd', 'e'].map(nchw), nhwc('y'), float('k', [4, 1, 1]), float('s', [])],
    inputs: ['x', 'z'],
    outputs,
    constants: { k: new Tensor('float32', [1, 2, 3, 4], [4, 1, 1]), s: new Tensor('float32', [7], []) },
    nodes,
  });
}

test('Transposes around element-wise operators go', (t) => {
  const graph = between([
    transpose('x', 'a', toNchw),
    { op: 'Relu', inputs: ['a'], outputs: ['b'] },
    { op: 'Tanh', inputs: ['b'], outputs: ['c'] },
    transpose('c', 'y', toNhwc),
  ]);
  const { graph: after, nodes, log } = rewritten(graph, cancelTransposes);
  t.deepEqual(nodes.slice(1), ['b <- Relu(x)', 'y <- Tanh(b)']);
  t.deepEqual(after.values.get('b')?.dims, [1, 2, 3, 4]);
  t.deepEqual(log, [{ pass: 'layout', nodes: ['node3', 'node2', 'node1', 'node0'] }]);
});

test('branches that meet go together, constants are reordered', (t) => {
  const graph = between([
    transpose('x', 'a', toNchw),
    transpose('z', 'b', toNchw),
    { op: 'Mul', inputs: ['a', 'k'], outputs: ['c'] },
    { op: 'Add', inputs: ['b', 's'], outputs: ['d'] },
    { op: 'Sub', inputs: ['c', 'd'], outputs: ['e'] },
    transpose('e', 'y', toNhwc),
  ]);
  const { graph: after, nodes } = rewritten(graph, cancelTransposes);
  t.deepEqual(nodes.slice(2), ['c <- Mul(x, k:0)', 'd <- Add(z, s)', 'y <- Sub(c, d)']);
  const reordered = after.constants.get('k:0')!;
  t.deepEqual(
    [reordered.dims, [...(reordered.data as Float32Array)]],
    [
      [1, 1, 1, 4],
      [1, 2, 3, 4],
    ],
  );
});

test('a constant of all dimensions is moved element by element', (t) => {
  const graph = graphOf({
    values: [float('x', [2, 3]), float('a', [3, 2]), float('b', [3, 2]), float('k', [3, 2]), float('y', [2, 3])],
    inputs: ['x'],
    outputs: ['y'],
    constants: { k: new Tensor('float32', [1, 2, 3, 4, 5, 6], [3, 2]) },
    nodes: [transpose('x', 'a', [1, 0]), { op: 'Add', inputs: ['k', 'a'], outputs: ['b'] }, transpose('b', 'y', [1, 0])],
  });
  const { graph: after, nodes } = rewritten(graph, cancelTransposes);
  t.deepEqual(nodes.slice(1), ['y <- Add(k:0, x)']);
  t.deepEqual([...(after.constants.get('k:0')!.data as Float32Array)], [1, 3, 5, 2, 4, 6]);
});

const relu = { op: 'Relu', inputs: ['a'], outputs: ['b'] };
for (const [what, nodes, outputs] of [
  [
    'the second one does not undo the first',
    [transpose('x', 'a', toNchw), relu, transpose('b', 'c', toNhwc.toReversed())],
    ['c'],
  ],
  [
    'another input enters as it is',
    [transpose('x', 'a', toNchw), { ...relu, op: 'Add', inputs: ['a', 'z'] }, transpose('b', 'y', toNhwc)],
    ['y'],
  ],
  ['something else reads a value between them', [transpose('x', 'a', toNchw), relu, transpose('b', 'y', toNhwc)], ['y', 'b']],
  [
    'an operator between them works along a dimension',
    [transpose('x', 'a', toNchw), { ...relu, op: 'Softmax' }, transpose('b', 'y', toNhwc)],
    ['y'],
  ],
] as const) {
  test(`Transposes stay where ${what}`, (t) => {
    const graph = between(nodes, outputs);
    t.is(rewritten(graph, cancelTransposes).graph, graph);
  });
}

test('a Transpose whose output means something else by its integers stays', (t) => {
  const [q, other] = [int8(0.5, 0), int8(0.25, 0)];
  const graph = graphOf({
    values: [quantized('x', [2, 3], q), quantized('a', [3, 2], q), quantized('b', [3, 2], q), quantized('y', [2, 3], other)],
    inputs: ['x'],
    outputs: ['y'],
    nodes: [transpose('x', 'a', [1, 0]), { op: 'Relu', inputs: ['a'], outputs: ['b'] }, transpose('b', 'y', [1, 0])],
  });
  t.is(rewritten(graph, cancelTransposes).graph, graph);
});
