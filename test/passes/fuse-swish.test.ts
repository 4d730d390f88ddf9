import test from 'ava';
import { type Graph, InferenceSession, Tensor } from 'octensor';
import { fuseSwish } from '#lib/passes/fuse-swish.js';
import { float, floats, graphOf, type NodeSketch } from '../support/graphs.js';
import { rewritten } from '../support/pass-graphs.js';
import { expectSame } from '../support/same.js';

const gate: NodeSketch = { op: 'Logistic', inputs: ['x'], outputs: ['a'] };
const scaled: NodeSketch = { op: 'Mul', inputs: ['x', 'factor'], outputs: ['s'] };
const scaledGate: NodeSketch = { op: 'Logistic', inputs: ['s'], outputs: ['a'] };
const product: NodeSketch = { op: 'Mul', inputs: ['x', 'a'], outputs: ['y'] };

function graph(nodes: readonly NodeSketch[], outputs: readonly string[] = ['y']): Graph {
  const values = ['x', 's', 'a', 'y', 'z'].map((name) => float(name, [1, 7]));
  return graphOf({
    values: [...values, float('factor', []), float('row', [1, 7])],
    inputs: ['x'],
    outputs,
    constants: {
      factor: new Tensor('float32', [1.5], []),
      row: new Tensor('float32', floats(1, 2, 3, 4, 5, 6, 7).data, [1, 7]),
    },
    nodes,
  });
}

const x = new Tensor('float32', floats(-5, -3, -1, 0, 1, 3, 50).data, [1, 7]);

for (const [title, nodes, alpha] of [
  ['x first', [gate, product], 1],
  ['the gate first', [gate, { ...product, inputs: ['a', 'x'] }], 1],
  ['scaled', [scaled, scaledGate, product], 1.5],
  ['scaled, the factor first', [{ ...scaled, inputs: ['factor', 'x'] }, scaledGate, product], 1.5],
] as const satisfies readonly (readonly [string, readonly NodeSketch[], number])[]) {
  test(`${title}: one node that computes the same`, async (t) => {
    const before = graph(nodes);
    const { graph: after, log } = rewritten(before, fuseSwish);
    t.deepEqual(
      after.nodes.map(({ op, inputs, outputs, attributes }) => [op, inputs, outputs, attributes]),
      [['Swish', ['x'], ['y'], { alpha }]],
    );
    t.is(log[0]!.nodes.length, nodes.length);
    for (const backend of ['reference', 'native'] as const) {
      const [expected, actual] = await Promise.all(
        [before, after].map(async (each) => (await InferenceSession.create(each, { backend })).runSync({ x })),
      );
      expectSame(t, actual!, expected!, `${title}, ${backend}`);
    }
  });
}

test('stays where another value, another factor or another reader is', (t) => {
  for (const [nodes, outputs] of [
    [[gate, { ...product, inputs: ['row', 'a'] }], ['y']],
    [[gate, { ...product, inputs: ['a', 'a'] }], ['y']],
    [[gate, { ...product, attributes: { activation: 'relu' } }], ['y']],
    [
      [gate, product],
      ['y', 'a'],
    ],
    [
      [gate, product, { op: 'Relu', inputs: ['a'], outputs: ['z'] }],
      ['y', 'z'],
    ],
    [[{ ...scaled, inputs: ['x', 'row'] }, scaledGate, product], ['y']],
    [[{ op: 'Tanh', inputs: ['x'], outputs: ['a'] }, product], ['y']],
  ] as const satisfies readonly (readonly [readonly NodeSketch[], readonly string[]])[]) {
    const before = graph(nodes, outputs);
    t.is(rewritten(before, fuseSwish).graph, before);
  }
  // Of a factor that others read, too, the product stays
  const shared = graph([scaled, scaledGate, product, { op: 'Relu', inputs: ['s'], outputs: ['z'] }], ['y', 'z']);
  t.is(rewritten(shared, fuseSwish).graph, shared);
});
