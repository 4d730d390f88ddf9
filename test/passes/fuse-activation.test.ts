import test from 'ava';
import type { Attributes, Graph, QParams } from 'octensor';
import { fuseActivation } from '#lib/passes/fuse-activation.js';
import { float, graphOf } from '../support/graphs.js';
import { int8, quantized, rewritten } from '../support/pass-graphs.js';

const q = int8(0.05, -20);

function sumThen(
  relu: string,
  options: { attributes?: Attributes; from?: QParams; to?: QParams; outputs?: readonly string[] } = {},
): Graph {
  const { attributes = {}, from = q, to = from, outputs = ['y'] } = options;
  return graphOf({
    values: [quantized('x', [4], q), quantized('a', [4], from), quantized('y', [4], to)],
    inputs: ['x'],
    outputs,
    nodes: [
      { op: 'Add', inputs: ['x', 'x'], outputs: ['a'], attributes },
      { op: relu, inputs: ['a'], outputs: ['y'] },
    ],
  });
}

test('a Relu goes into what is before it, for all numerics', (t) => {
  for (const [relu, activation] of [
    ['Relu', 'relu'],
    ['Relu6', 'relu6'],
    ['ReluN1To1', 'relu-n1-to-1'],
  ] as const) {
    for (const numerics of ['tflite', 'single', 'onnx'] as const) {
      const { nodes, log } = rewritten({ ...sumThen(relu), numerics }, fuseActivation);
      t.deepEqual(nodes, [`y <- Add(x, x) activation=${activation}`]);
      t.deepEqual(log, [{ pass: 'fuse-activation', nodes: ['node1', 'node0'] }]);
    }
  }
});

test('of two activations the narrower one is left', (t) => {
  for (const [first, relu, expected] of [
    ['relu', 'Relu', 'relu'],
    ['relu6', 'Relu', 'relu6'],
    ['relu', 'Relu6', 'relu6'],
    ['relu-n1-to-1', 'ReluN1To1', 'relu-n1-to-1'],
  ] as const) {
    const { nodes } = rewritten(sumThen(relu, { attributes: { activation: first } }), fuseActivation);
    t.deepEqual(nodes, [`y <- Add(x, x) activation=${expected}`]);
  }
});

test('bounds that no activation has stay two nodes', (t) => {
  const graph = sumThen('Relu', { attributes: { activation: 'relu-n1-to-1' } }); // 0 to 1
  t.is(rewritten(graph, fuseActivation).graph, graph);
});

test('a Relu that rescales stays: it rounds a second time', (t) => {
  for (const to of [int8(0.04, -20), int8(0.05, -21)]) {
    const graph = sumThen('Relu', { to });
    t.is(rewritten(graph, fuseActivation).graph, graph);
  }
});

test('a value that something else reads, or that is an output, stays', (t) => {
  const output = sumThen('Relu', { outputs: ['y', 'a'] });
  t.is(rewritten(output, fuseActivation).graph, output);
  const graph = sumThen('Relu');
  const read = {
    ...graph,
    nodes: [...graph.nodes, { name: 'tanh', op: 'Tanh', attributes: {}, inputs: ['a'], outputs: ['z'] }],
  };
  const shared = {
    ...read,
    values: new Map([...graph.values, ['z', quantized('z', [4], int8(1 / 128, 0))]]),
    outputs: ['y', 'z'],
  };
  t.is(rewritten(shared, fuseActivation).graph, shared);
});

test('floats clamp wherever the operator before does', (t) => {
  const graph = graphOf({
    values: ['x', 'a', 'y', 'b', 'z'].map((name) => float(name, [4])),
    inputs: ['x'],
    outputs: ['y', 'z'],
    nodes: [
      { op: 'Div', inputs: ['x', 'x'], outputs: ['a'] },
      { op: 'Relu6', inputs: ['a'], outputs: ['y'] },
      { op: 'Tanh', inputs: ['x'], outputs: ['b'] },
      { op: 'Relu', inputs: ['b'], outputs: ['z'] },
    ],
  });
  t.deepEqual(rewritten(graph, fuseActivation).nodes, ['y <- Div(x, x) activation=relu6', 'b <- Tanh(x)', 'z <- Relu(b)']);
});
