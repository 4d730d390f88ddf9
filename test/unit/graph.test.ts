import test from 'ava';
import type { Graph, Value } from '#lib/graph/graph.js';
import { printGraph } from '#lib/graph/print.js';
import { verifyGraph } from '#lib/graph/verify.js';
import { type DataType, Tensor } from '#lib/tensor.js';
import { throwsCode } from '../support/throws.js';

const x: Value = { name: 'x', type: 'int8', dims: ['batch', null, 2], qparams: { dtype: 'int8', scale: 0.5, zeroPoint: -3 } };
const w: Value = {
  name: 'w',
  type: 'int8',
  dims: [2, 2],
  qparams: { dtype: 'int8', scale: Float32Array.of(1, 2), zeroPoint: 0, axis: 0 },
};
const y: Value = { name: 'y', type: 'int8', dims: [1, 2], qparams: { dtype: 'int8', scale: 0.25, zeroPoint: 0 } };
const memory: Value = { name: 'a memory', type: 'float32', dims: [1] };
const next: Value = { name: 'next', type: 'float32', dims: [1] };

const valid: Graph = {
  name: 'small',
  numerics: 'tflite',
  inputs: ['x'],
  outputs: ['y'],
  values: new Map([x, w, y, memory, next].map((value) => [value.name, value])),
  constants: new Map([['w', new Tensor<DataType>('int8', [1, 2, 3, 4], [2, 2])]]),
  states: [{ current: 'a memory', next: 'next', initial: new Tensor<DataType>('float32', [0]) }],
  nodes: [
    { name: 'fc', op: 'FullyConnected', attributes: { activation: 'relu' }, inputs: ['x', 'w', ''], outputs: ['y'] },
    {
      name: 'keep',
      op: 'Add',
      attributes: { alpha: 0.1, list: [1, 2.5] },
      inputs: ['a memory', 'a memory'],
      outputs: ['next'],
    },
  ],
  metadata: {},
};

const ops = new Map([
  ['FullyConnected', { inputs: [2, 3], outputs: [1, 1] }],
  ['Add', { inputs: [2, 2], outputs: [1, 1] }],
] as const);

test('a graph is printed with one line per node', (t) => {
  t.deepEqual(printGraph(valid).split('\n'), [
    'small numerics=tflite',
    'x: int8[batch, ?, 2] (0.5, -3) <- input',
    'w: int8[2, 2] (2 scales, 0, axis 0) <- constant',
    '"a memory": float32[1] <- state, next next',
    'y: int8[1, 2] (0.25, 0) <- FullyConnected(x, w, -) activation=relu',
    'next: float32[1] <- Add("a memory", "a memory") alpha=0.1 list=[1, 2.5]',
    'output y',
    '',
  ]);
});

test('names from files cannot break a line', (t) => {
  const renamed = { ...valid, outputs: ['y\n<- Evil()'] };
  t.is(printGraph(renamed).trimEnd().split('\n').at(-1), 'output "y\\n<- Evil()"');
});

test('a graph that is well formed passes', (t) => {
  t.notThrows(() => verifyGraph(valid));
  t.notThrows(() => verifyGraph(valid, ops));
});

const [fc, keep] = valid.nodes as [Graph['nodes'][number], Graph['nodes'][number]];
const withValue = (value: Value): Graph => ({ ...valid, values: new Map([...valid.values, [value.name, value]]) });
const withNode = (node: Partial<typeof fc>): Graph => ({ ...valid, nodes: [{ ...fc, ...node }, keep] });

const bad: readonly (readonly [name: string, graph: Graph, ...texts: string[]])[] = [
  ['two nodes of one name', { ...valid, nodes: [fc, { ...keep, name: 'fc' }] }, '"fc" (Add)'],
  ['a node without a name', withNode({ name: '' }), 'FullyConnected'],
  ['a node that reads what nothing produces', withNode({ inputs: ['x', 'lost'] }), '"fc"', '"lost"'],
  ['a node that reads what comes later', withNode({ inputs: ['next', 'w'] }), '"fc"', '"next"'],
  ['a node that reads itself', withNode({ inputs: ['y', 'w'] }), '"fc"', '"y"'],
  ['a value with two producers', withNode({ outputs: ['next'] }), '"keep"', '"next"'],
  ['a node that writes an input', withNode({ outputs: ['x'] }), '"fc"', '"x"'],
  ['a node that writes another value', withNode({ outputs: ['lost'] }), 'outputs', '"y"'],
  ['a node that writes a value without a name', withNode({ outputs: [''] }), '"fc"'],
  ['an input that is no value', { ...valid, inputs: ['lost'] }, 'inputs', '"lost"'],
  ['an output that is no value', { ...valid, outputs: ['lost'] }, 'outputs', '"lost"'],
  ['an output that nothing produces', { ...valid, nodes: [keep] }, 'outputs', '"y"'],
  ['a constant of another shape', withValue({ ...w, dims: [2, 3] }), '"w"', 'int8[2, 3]', 'int8[2, 2]'],
  ['a constant of another type', withValue({ name: 'w', type: 'uint8', dims: [2, 2] }), '"w"', 'uint8'],
  ['a state of another shape', withValue({ ...memory, dims: [2] }), '"a memory"'],
  ['a state that changes its type', withValue({ ...next, type: 'int32' }), '"a memory"', 'int32'],
  ['a state that nothing computes', { ...valid, nodes: [fc] }, '"next"'],
  ['parameters of another type', withValue({ ...x, type: 'uint8' }), '"x"', 'uint8'],
  ['a scale of 0', withValue({ ...y, qparams: { dtype: 'int8', scale: 0, zeroPoint: 0 } }), '"y"', 'scale'],
  ['scales that are too few', withValue({ ...w, qparams: { ...w.qparams!, scale: Float32Array.of(1) } }), '"w"', 'scale'],
  ['dimensions that are too large', withValue({ ...x, dims: ['batch', 65536, 65536] }), '"x"', '2^31'],
  ['a negative dimension', withValue({ ...x, dims: [-1] }), '"x"'],
  ['a value under another name', { ...valid, values: new Map([...valid.values, ['z', x]]) }, '"z"', '"x"'],
  ['too few inputs', withNode({ inputs: ['x'] }), '"fc"', '2 to 3 inputs'],
  ['too few outputs', withNode({ outputs: [] }), '"fc"', 'expected 1 outputs'],
];

for (const [name, graph, ...texts] of bad) {
  test(`${name}: refused`, (t) => throwsCode(t, () => verifyGraph(graph, ops), 'ERR_MODEL_FORMAT', ...texts));
}

test('an operator that does not exist is refused, where operators are known', (t) => {
  const graph = withNode({ op: 'Dream' });
  t.notThrows(() => verifyGraph(graph));
  throwsCode(t, () => verifyGraph(graph, ops), 'ERR_UNSUPPORTED_OP', '"fc"', '"Dream"');
});
