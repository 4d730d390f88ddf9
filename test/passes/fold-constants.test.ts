import test from 'ava';
import { foldConstants } from '#lib/passes/fold-constants.js';
import { float, floats, graphOf } from '../support/graphs.js';
import { bytes, int8, quantized, rewritten } from '../support/pass-graphs.js';
import { throwsCode } from '../support/throws.js';

test('what is computed from constants alone becomes constant', (t) => {
  const graph = graphOf({
    values: [quantized('w', [2], int8(0.5, 0)), ...['x', 'a', 'b', 'y'].map((name) => float(name, [2]))],
    inputs: ['x'],
    outputs: ['y'],
    constants: { w: bytes([2]) },
    nodes: [
      { op: 'Dequantize', inputs: ['w'], outputs: ['a'] },
      { op: 'Add', inputs: ['a', 'a'], outputs: ['b'] },
      { op: 'Mul', inputs: ['x', 'b'], outputs: ['y'] },
    ],
  });
  const { graph: folded, nodes, log } = rewritten(graph, foldConstants);
  t.deepEqual(nodes, ['y <- Mul(x, b)']);
  t.deepEqual([...folded.constants.get('b')!.data], [1, 1]);
  t.deepEqual(log, [{ pass: 'fold-constants', nodes: ['node0', 'node1'] }]);
});

test('the shape of a value whose shape is known is constant, and only of such a one', (t) => {
  const graph = graphOf({
    values: [
      float('x', [2, 3]),
      float('free', ['n', 3]),
      { name: 'y', type: 'int32', dims: [2] },
      { name: 'z', type: 'int32', dims: [2] },
    ],
    inputs: ['x', 'free'],
    outputs: ['y', 'z'],
    nodes: [
      { op: 'Shape', inputs: ['x'], outputs: ['y'] },
      { op: 'Shape', inputs: ['free'], outputs: ['z'] },
    ],
  });
  const { graph: folded, nodes } = rewritten(graph, foldConstants);
  t.deepEqual([...folded.constants.get('y')!.data], [2, 3]);
  t.is(nodes.length, 1);
});

test('what would be large stays a node', (t) => {
  const wide = [2 ** 14, 2 ** 14];
  const graph = graphOf({
    values: [float('one', [1]), float('y', wide)],
    inputs: [],
    outputs: ['y'],
    constants: { one: floats(1) },
    nodes: [{ op: 'BroadcastTo', inputs: ['one'], outputs: ['y'], attributes: { shape: wide } }],
  });
  t.is(rewritten(graph, foldConstants).graph, graph);
});

test('a node that contradicts what the graph declares is left to the plan, one that cannot run is an error', (t) => {
  const graphWith = (dims: readonly number[]) =>
    graphOf({
      values: [float('a', [2]), float('b', [3]), float('y', dims)],
      inputs: [],
      outputs: ['y'],
      constants: { a: floats(1, 2), b: floats(1, 2, 3) },
      nodes: [{ op: 'Add', inputs: dims[0] === 3 ? ['a', 'a'] : ['a', 'b'], outputs: ['y'] }],
    });
  const contradicted = graphWith([3]);
  t.is(rewritten(contradicted, foldConstants).graph, contradicted);
  throwsCode(t, () => rewritten(graphWith([2]), foldConstants), 'ERR_SHAPE', '"node0" (Add)');
});
