import test from 'ava';
import { type Graph, Tensor } from 'octensor';
import { eliminateDeadNodes } from '#lib/passes/eliminate-dead-nodes.js';
import { optimize } from '#lib/passes/index.js';
import { type Pass, runPasses } from '#lib/passes/pass.js';
import { accumulator, chain, float, floats, graphOf } from '../support/graphs.js';
import { rewritten } from '../support/pass-graphs.js';

test('nodes nobody reads go, with the constants that only they read', (t) => {
  const graph = graphOf({
    values: ['x', 'unread', 'k', 'l', 'a', 'b', 'c', 'y'].map((name) => float(name, [2])),
    inputs: ['x', 'unread'],
    outputs: ['y'],
    constants: { k: floats(1, 2), l: floats(3, 4) },
    nodes: [
      { op: 'Add', inputs: ['x', 'k'], outputs: ['a'] },
      { op: 'Relu', inputs: ['a'], outputs: ['b'] },
      { op: 'Tanh', inputs: ['b'], outputs: ['c'] },
      { op: 'Mul', inputs: ['x', 'l'], outputs: ['y'] },
    ],
  });
  const { graph: after, nodes, log } = rewritten(graph, eliminateDeadNodes);
  t.deepEqual(nodes, ['y <- Mul(x, l)']);
  t.deepEqual([...after.values.keys()], ['x', 'unread', 'l', 'y']);
  t.deepEqual([...after.constants.keys()], ['l']);
  t.deepEqual(log, [{ pass: 'eliminate-dead-nodes', nodes: ['node0', 'node1', 'node2'] }]);
});

test('states, and what they become, stay', (t) => {
  const graph = { ...accumulator(), outputs: [] };
  t.is(rewritten(graph, eliminateDeadNodes).graph, graph);
});

test('a node stays for one of its outputs', (t) => {
  const graph = graphOf({
    values: [float('x', [2]), float('a', [1]), float('b', [1])],
    inputs: ['x'],
    outputs: ['b'],
    nodes: [{ op: 'Split', inputs: ['x'], outputs: ['a', 'b'], attributes: { axis: 0 } }],
  });
  t.is(rewritten(graph, eliminateDeadNodes).graph, graph);
});

test('a graph with nothing to do is given back as it is', (t) => {
  const graph = chain(3);
  t.deepEqual(optimize(graph), { graph, log: [] });
});

test('what one pass leaves another finds', (t) => {
  // Behind the constant there is a pair of Transposes, behind those a Relu for the Add.
  const graph = graphOf({
    values: ['x', 'a', 'b', 'c', 'y'].map((name) => float(name, [2, 2])).concat(float('k', [4]), float('m', [2, 2])),
    inputs: ['x'],
    outputs: ['y'],
    constants: { k: new Tensor('float32', [1, 2, 3, 4], [4]) },
    nodes: [
      { op: 'Reshape', inputs: ['k'], outputs: ['m'], attributes: { shape: [2, 2] } },
      { op: 'Transpose', inputs: ['x'], outputs: ['a'], attributes: { perm: [1, 0] } },
      { op: 'Add', inputs: ['a', 'm'], outputs: ['b'] },
      { op: 'Transpose', inputs: ['b'], outputs: ['c'], attributes: { perm: [1, 0] } },
      { op: 'Relu', inputs: ['c'], outputs: ['y'] },
    ],
  });
  const { graph: after, log } = optimize(graph);
  t.deepEqual(
    after.nodes.map(({ name, op, inputs, outputs, attributes }) => ({ name, op, inputs, outputs, attributes })),
    [{ name: 'node2', op: 'Add', inputs: ['x', 'm:0'], outputs: ['y'], attributes: { activation: 'relu' } }],
  );
  t.deepEqual(
    log.map(({ pass }) => pass),
    // The second Transpose is a Reshape to the same shape at first
    ['fold-constants', 'layout', 'eliminate-dead-nodes', 'remove-identities', 'fuse-activation', 'eliminate-dead-nodes'],
  );
  t.deepEqual([...after.constants.get('m:0')!.data], [1, 3, 2, 4]);
  t.deepEqual([...graph.nodes.map(({ op }) => op)], ['Reshape', 'Transpose', 'Add', 'Transpose', 'Relu']); // not touched
});

test('passes that never come to an end are stopped', (t) => {
  let runs = 0;
  const restless: Pass = {
    name: 'restless',
    run: (graph: Graph) => ({ graph: { ...graph, name: String(runs++) }, nodes: [] }),
  };
  const { log } = runPasses(chain(1), [restless]);
  t.is(log.length, runs);
  t.true(runs < 100);
});
