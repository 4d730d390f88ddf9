import test from 'ava';
import { type Graph, InferenceSession, Tensor } from 'octensor';
import { fuseHardSwish } from '#lib/passes/fuse-hard-swish.js';
import { float, floats, graphOf, type NodeSketch } from '../support/graphs.js';
import { rewritten } from '../support/pass-graphs.js';
import { expectSame } from '../support/same.js';

const add3: NodeSketch = { op: 'Add', inputs: ['x', 'three'], outputs: ['a'] };
const relu6: NodeSketch = { op: 'Relu6', inputs: ['a'], outputs: ['b'] };

function graph(nodes: readonly NodeSketch[], outputs: readonly string[] = ['y']): Graph {
  return graphOf({
    values: [
      ...['x', 'a', 'b', 'c', 'y'].map((name) => float(name, [1, 7])),
      float('three', []),
      float('six', []),
      float('sixth', []),
    ],
    inputs: ['x'],
    outputs,
    constants: {
      three: new Tensor('float32', [3], []),
      six: new Tensor('float32', [6], []),
      sixth: new Tensor('float32', [1 / 6], []),
    },
    nodes,
  });
}

const x = new Tensor('float32', floats(-5, -3, -1, 0, 1, 3, 5).data, [1, 7]);

for (const [title, nodes] of [
  [
    'the product, then the division',
    [add3, relu6, { op: 'Mul', inputs: ['x', 'b'], outputs: ['c'] }, { op: 'Div', inputs: ['c', 'six'], outputs: ['y'] }],
  ],
  [
    'the division, then the product',
    [add3, relu6, { op: 'Mul', inputs: ['b', 'sixth'], outputs: ['c'] }, { op: 'Mul', inputs: ['c', 'x'], outputs: ['y'] }],
  ],
  [
    'a Clip from 0 to 6',
    [
      add3,
      { op: 'Clip', inputs: ['a'], outputs: ['b'], attributes: { min: 0, max: 6 } },
      { op: 'Mul', inputs: ['b', 'x'], outputs: ['c'] },
      { op: 'Div', inputs: ['c', 'six'], outputs: ['y'] },
    ],
  ],
  [
    'HardSigmoid',
    [
      { op: 'HardSigmoid', inputs: ['x'], outputs: ['a'], attributes: { alpha: Math.fround(1 / 6), beta: 0.5 } },
      { op: 'Mul', inputs: ['x', 'a'], outputs: ['y'] },
    ],
  ],
] as const satisfies readonly (readonly [string, readonly NodeSketch[]])[]) {
  test(`${title}: one node that computes the same`, async (t) => {
    const before = graph(nodes);
    const { graph: after } = rewritten(before, fuseHardSwish);
    t.deepEqual(
      after.nodes.map(({ op, inputs, outputs }) => [op, inputs, outputs]),
      [['HardSwish', ['x'], ['y']]],
    );
    const results = await Promise.all(
      [before, after].map(async (each) => (await InferenceSession.create(each, { backend: 'reference' })).runSync({ x })),
    );
    expectSame(t, results[1]!, results[0]!, title);
  });
}

test('stays where another bound, another factor or another reader is', (t) => {
  const mul: NodeSketch = { op: 'Mul', inputs: ['x', 'b'], outputs: ['c'] };
  const div: NodeSketch = { op: 'Div', inputs: ['c', 'six'], outputs: ['y'] };
  for (const other of [
    graph([add3, { op: 'Relu', inputs: ['a'], outputs: ['b'] }, mul, div]),
    graph([add3, relu6, mul, { ...div, inputs: ['c', 'three'] }]),
    graph([add3, relu6, { ...mul, inputs: ['a', 'b'] }, div]),
    graph([add3, relu6, mul, div], ['y', 'b']),
  ]) {
    t.is(rewritten(other, fuseHardSwish).graph.nodes.length, 4);
  }
});
