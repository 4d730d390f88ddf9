import test from 'ava';
import { removeIdentities } from '#lib/passes/remove-identities.js';
import { float, graphOf } from '../support/graphs.js';
import { int8, quantized, rewritten, uint8 } from '../support/pass-graphs.js';

const q = int8(0.5, 3);

test('nodes that change nothing go, their readers read what they read', (t) => {
  const dims = [1, 2, 3];
  const names = ['x', 'a', 'b', 'c', 'd', 'e'];
  const graph = graphOf({
    values: [...names.map((name) => quantized(name, dims, q)), quantized('y', dims, q)],
    inputs: ['x'],
    outputs: ['y'],
    nodes: [
      { op: 'Reshape', inputs: ['x'], outputs: ['a'], attributes: { shape: [1, 2, 3] } },
      { op: 'Transpose', inputs: ['a'], outputs: ['b'], attributes: { perm: [0, 1, 2] } },
      { op: 'Cast', inputs: ['b'], outputs: ['c'], attributes: { to: 'int8' } },
      { op: 'Concat', inputs: ['c'], outputs: ['d'], attributes: { axis: 0 } },
      { op: 'Quantize', inputs: ['d'], outputs: ['e'], attributes: { to: 'int8' } },
      { op: 'Add', inputs: ['e', 'x'], outputs: ['y'] },
    ],
  });
  const { nodes, log } = rewritten(graph, removeIdentities);
  t.deepEqual(nodes, ['y <- Add(x, x)']);
  t.deepEqual(log, [{ pass: 'remove-identities', nodes: ['node0', 'node1', 'node2', 'node3', 'node4'] }]);
});

test('an output keeps its name: what computes its value takes it', (t) => {
  const graph = graphOf({
    values: ['x', 'a', 'b', 'y'].map((name) => float(name, [2])),
    inputs: ['x'],
    outputs: ['y', 'b'],
    nodes: [
      { op: 'Relu', inputs: ['x'], outputs: ['a'] },
      { op: 'Reshape', inputs: ['a'], outputs: ['y'], attributes: { shape: [2] } },
      { op: 'Tanh', inputs: ['a'], outputs: ['b'] },
    ],
  });
  t.deepEqual(rewritten(graph, removeIdentities).nodes, ['y <- Relu(x)', 'b <- Tanh(y)']);
});

test('a node between an input and an output stays, and so does one between two outputs', (t) => {
  const reshape = (from: string, to: string) => ({ op: 'Reshape', inputs: [from], outputs: [to], attributes: { shape: [2] } });
  const graph = graphOf({
    values: ['x', 'a', 'y', 'z'].map((name) => float(name, [2])),
    inputs: ['x'],
    outputs: ['a', 'y', 'z'],
    nodes: [reshape('x', 'a'), { op: 'Relu', inputs: ['x'], outputs: ['y'] }, reshape('y', 'z')],
  });
  t.is(rewritten(graph, removeIdentities).graph, graph);
});

test('of two nodes that give one value two output names, one goes', (t) => {
  const reshape = (to: string) => ({ op: 'Reshape', inputs: ['a'], outputs: [to], attributes: { shape: [2] } });
  const graph = graphOf({
    values: ['x', 'a', 'y', 'z'].map((name) => float(name, [2])),
    inputs: ['x'],
    outputs: ['y', 'z'],
    nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['a'] }, reshape('y'), reshape('z')],
  });
  t.deepEqual(rewritten(graph, removeIdentities).nodes, ['y <- Relu(x)', 'z <- Reshape(y) shape=[2]']);
});

test('a node whose output means something else by its integers stays', (t) => {
  const other = int8(0.25, 3);
  const graph = graphOf({
    values: [quantized('x', [2], q), quantized('a', [2], other), quantized('y', [2], other)],
    inputs: ['x'],
    outputs: ['y'],
    nodes: [
      { op: 'Reshape', inputs: ['x'], outputs: ['a'], attributes: { shape: [2] } },
      { op: 'Relu', inputs: ['a'], outputs: ['y'] },
    ],
  });
  t.is(rewritten(graph, removeIdentities).graph, graph);
});

test('a Quantize between scales that only look equal stays', (t) => {
  for (const to of [int8(0.5, 4), int8(0.5000001, 3), uint8(0.5, 3)]) {
    const graph = graphOf({
      values: [quantized('x', [2], q), quantized('a', [2], to), float('y', [2])],
      inputs: ['x'],
      outputs: ['y'],
      nodes: [
        { op: 'Quantize', inputs: ['x'], outputs: ['a'], attributes: { to: to.dtype } },
        { op: 'Dequantize', inputs: ['a'], outputs: ['y'] },
      ],
    });
    t.is(rewritten(graph, removeIdentities).graph, graph);
  }
});

test('shapes that are not known are not taken for equal', (t) => {
  const graph = graphOf({
    values: [float('x', ['n', 2]), float('a', [null, 2]), float('y', [null, 2])],
    inputs: ['x'],
    outputs: ['y'],
    nodes: [
      { op: 'Reshape', inputs: ['x'], outputs: ['a'], attributes: { shape: [-1, 2] } },
      { op: 'Relu', inputs: ['a'], outputs: ['y'] },
    ],
  });
  t.is(rewritten(graph, removeIdentities).graph, graph);
});

test('of nodes in a row that give a shape the last one counts', (t) => {
  const graph = graphOf({
    values: [float('x', [2, 1, 3]), float('a', [6]), float('b', [1, 6]), float('y', [1, 6, 1]), float('z', [3, 2])],
    inputs: ['x'],
    outputs: ['y', 'z'],
    nodes: [
      { op: 'Reshape', inputs: ['x'], outputs: ['a'], attributes: { shape: [6] } },
      { op: 'ExpandDims', inputs: ['a'], outputs: ['b'], attributes: { axis: 0 } },
      { op: 'ExpandDims', inputs: ['b'], outputs: ['y'], attributes: { axis: 2 } },
      { op: 'Reshape', inputs: ['b'], outputs: ['z'], attributes: { shape: [3, -1] } },
    ],
  });
  const { nodes } = rewritten(graph, removeIdentities);
  t.deepEqual(nodes.slice(2), ['y <- Reshape(x) shape=[1, 6, 1]', 'z <- Reshape(x) shape=[3, -1]']);
});

test('two Transposes are one, or none', (t) => {
  const transpose = (from: string, to: string, perm: readonly number[]) => ({
    op: 'Transpose',
    inputs: [from],
    outputs: [to],
    attributes: { perm },
  });
  const graph = graphOf({
    values: [float('x', [2, 3, 4]), float('a', [4, 2, 3]), float('b', [3, 4, 2]), float('c', [2, 3, 4]), float('y', [2, 3, 4])],
    inputs: ['x'],
    outputs: ['b', 'y'],
    nodes: [
      transpose('x', 'a', [2, 0, 1]),
      transpose('a', 'b', [2, 0, 1]),
      transpose('b', 'c', [2, 0, 1]),
      { op: 'Relu', inputs: ['c'], outputs: ['y'] },
    ],
  });
  const { nodes } = rewritten(graph, removeIdentities);
  t.deepEqual(nodes.slice(1), ['b <- Transpose(x) perm=[1, 2, 0]', 'y <- Relu(x)']);
});
