import test, { type ExecutionContext } from 'ava';
import { type Graph, InferenceSession, Tensor, type Value } from 'octensor';
import { eliminateDeadNodes } from '#lib/passes/eliminate-dead-nodes.js';
import { fuseAttention } from '#lib/passes/fuse-attention.js';
import { fuseGelu } from '#lib/passes/fuse-gelu.js';
import { runPasses } from '#lib/passes/pass.js';
import { float, floats, graphOf, type NodeSketch } from '../support/graphs.js';
import { Random } from '../support/random.js';

/** The nodes that are left; what they compute has to have the same bits. */
async function fused(t: ExecutionContext, graph: Graph): Promise<Graph['nodes']> {
  const { graph: after } = runPasses(graph, [fuseGelu, fuseAttention, eliminateDeadNodes]);
  const random = new Random(3);
  const feeds = Object.fromEntries(
    graph.inputs.map((name) => {
      const dims = graph.values.get(name)!.dims as readonly number[];
      const length = dims.reduce((product, dim) => product * dim, 1);
      return [
        name,
        new Tensor(
          'float32',
          Float32Array.from({ length }, () => random.integer(-500, 500) / 211),
          dims,
        ),
      ];
    }),
  );
  const [expected, actual] = await Promise.all(
    [graph, after].map(async (each) => (await InferenceSession.create(each, { backend: 'reference' })).runSync(feeds)),
  );
  for (const name of graph.outputs) {
    const [a, b] = [actual, expected].map((results) => new Uint8Array((results![name]!.data as Float32Array).buffer));
    t.deepEqual(a, b, name);
  }
  return after.nodes;
}

function gelu({ scaled = 'Div', factor = Math.SQRT2, half = 0.5, outputs = ['y'] } = {}): Graph {
  const dims = [4, 7];
  return graphOf({
    values: [
      ...['x', 'a', 'b', 'c', 'd', 'y'].map((name) => float(name, dims)),
      ...['k', 'one', 'half'].map((name) => float(name, [])),
    ],
    inputs: ['x'],
    outputs,
    constants: Object.fromEntries(
      Object.entries({ k: factor, one: 1, half }).map(([name, value]) => [name, new Tensor('float32', [value], [])]),
    ),
    nodes: [
      { op: scaled, inputs: ['x', 'k'], outputs: ['a'] },
      { op: 'Erf', inputs: ['a'], outputs: ['b'] },
      { op: 'Add', inputs: ['b', 'one'], outputs: ['c'] },
      { op: 'Mul', inputs: ['x', 'c'], outputs: ['d'] },
      { op: 'Mul', inputs: ['half', 'd'], outputs: ['y'] },
    ],
  });
}

test('Gelu in five nodes is one that rounds as they do', async (t) => {
  for (const [options, form] of [
    [{}, 'divided'],
    [{ scaled: 'Mul', factor: Math.SQRT1_2 }, 'multiplied'],
  ] as const) {
    const nodes = await fused(t, gelu(options));
    t.deepEqual(
      nodes.map(({ op, inputs, attributes }) => [op, inputs, attributes]),
      [['ErfGelu', ['x'], { form }]],
    );
  }
});

test('what is no Gelu, or is read in between, stays', async (t) => {
  for (const options of [{ factor: 1.41 }, { scaled: 'Mul' }, { half: 0.25 }, { outputs: ['y', 'c'] }]) {
    t.is((await fused(t, gelu(options))).length, 5);
  }
});

interface Attention {
  readonly scale?: 'Div' | 'Mul';
  readonly factor?: number;
  readonly transposeB?: boolean;
  readonly vPerm?: readonly number[];
  readonly mask?: readonly number[];
  readonly isMaskFirst?: boolean;
  readonly outputs?: readonly string[];
}

function attention(options: Attention = {}): Graph {
  const { scale, factor = 8, transposeB = false, vPerm = [0, 2, 1, 3], mask, isMaskFirst = false, outputs = ['y'] } = options;
  const [batches, heads, queries, keys, depth, width] = [2, 3, 4, 5, 6, 7];
  const values: Value[] = [
    float('q', [batches, queries, heads, depth]),
    float('k', [batches, keys, heads, depth]),
    float('v', String(vPerm) === '0,2,1,3' ? [batches, keys, heads, width] : [batches, heads, keys, width]),
    float('qt', [batches, heads, queries, depth]),
    float('kt', transposeB ? [batches, heads, keys, depth] : [batches, heads, depth, keys]),
    float('vt', [batches, heads, keys, width]),
    ...['scores', 'scaled', 'masked', 'weights'].map((name) => float(name, [batches, heads, queries, keys])),
    float('context', [batches, heads, queries, width]),
    float('y', [batches, queries, heads, width]),
    float('factor', [1]),
    ...(mask === undefined ? [] : [float('mask', mask)]),
  ];
  const scaled = scale === undefined ? 'scores' : 'scaled';
  const sum = isMaskFirst ? ['mask', scaled] : [scaled, 'mask'];
  const nodes: NodeSketch[] = [
    { op: 'Transpose', inputs: ['q'], outputs: ['qt'], attributes: { perm: [0, 2, 1, 3] } },
    { op: 'Transpose', inputs: ['k'], outputs: ['kt'], attributes: { perm: transposeB ? [0, 2, 1, 3] : [0, 2, 3, 1] } },
    { op: 'Transpose', inputs: ['v'], outputs: ['vt'], attributes: { perm: vPerm } },
    { op: 'MatMul', inputs: ['qt', 'kt'], outputs: ['scores'], attributes: { transposeB } },
    ...(scale === undefined ? [] : [{ op: scale, inputs: ['scores', 'factor'], outputs: ['scaled'] }]),
    ...(mask === undefined ? [] : [{ op: 'Add', inputs: sum, outputs: ['masked'] }]),
    { op: 'Softmax', inputs: [mask === undefined ? scaled : 'masked'], outputs: ['weights'], attributes: { axis: -1 } },
    { op: 'MatMul', inputs: ['weights', 'vt'], outputs: ['context'] },
    { op: 'Transpose', inputs: ['context'], outputs: ['y'], attributes: { perm: [0, 2, 1, 3] } },
  ];
  const inputs = ['q', 'k', 'v', ...(mask === undefined ? [] : ['mask'])];
  return graphOf({ values, inputs, outputs, nodes, constants: { factor: floats(factor) } });
}

test('attention is one operator, whatever scales it', async (t) => {
  for (const [options, attributes] of [
    [{}, {}],
    [{ transposeB: true }, {}],
    [{ scale: 'Div' }, { scale: 8, isDivided: true }],
    [
      { scale: 'Mul', factor: 0.3 },
      { scale: Math.fround(0.3), isDivided: false },
    ],
    [
      { scale: 'Div', factor: 2.6 },
      { scale: Math.fround(2.6), isDivided: true },
    ],
  ] as const) {
    const nodes = await fused(t, attention(options));
    t.deepEqual(
      nodes.map((node) => [node.op, node.inputs, node.attributes]),
      [['HeadAttention', ['q', 'k', 'v'], attributes]],
    );
  }
});

test('a mask that is added to scores is part of it', async (t) => {
  for (const mask of [[2, 1, 1, 5], [4, 5], [1, 3, 4, 5], [2, 3, 4, 1], []]) {
    for (const scaling of [{}, { scale: 'Div' }, { scale: 'Mul' }] as const) {
      for (const isMaskFirst of [false, true]) {
        const nodes = await fused(t, attention({ mask, ...scaling, isMaskFirst }));
        t.deepEqual(
          nodes.map((node) => [node.op, node.inputs]),
          [['HeadAttention', ['q', 'k', 'v', 'mask']]],
        );
      }
    }
  }
});

test('a mask that is added to something else, or masked scores that somebody else reads, stay', async (t) => {
  t.is((await fused(t, attention({ mask: [4, 5], outputs: ['y', 'masked'] }))).length, 8);
  t.is((await fused(t, attention({ mask: [4, 5], outputs: ['y', 'scores'] }))).length, 8);
});

test('scores that somebody else reads, other orders and negative scales stay', async (t) => {
  t.is((await fused(t, attention({ outputs: ['y', 'scores'] }))).length, 7);
  t.is((await fused(t, attention({ outputs: ['y', 'weights'] }))).length, 7);
  t.is((await fused(t, attention({ scale: 'Mul', factor: -1 }))).length, 8);
  t.is((await fused(t, attention({ vPerm: [0, 1, 2, 3] }))).length, 7);
});
