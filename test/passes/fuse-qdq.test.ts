/** Models of QuantizeLinear and DequantizeLinear pairs, as integer operators. */
import test, { type ExecutionContext } from 'ava';
import { type Graph, InferenceSession, Tensor } from 'octensor';
import { randomTensor } from '#lib/cli/operands.js';
import { importOnnx } from '#lib/formats/onnx/import.js';
import { fuseQdq } from '#lib/passes/fuse-qdq.js';
import { optimize } from '#lib/passes/index.js';
import { resolveGraph } from '#lib/plan/resolve.js';
import { specializeGraph } from '#lib/plan/specialize.js';
import { int, ints, type NodeInit, node, onnxModel, text, value } from '../support/onnx-file.js';
import { expectSame } from '../support/same.js';

type Constants = Readonly<Record<string, Tensor>>;

const scalar = (data: number) => new Tensor('float32', [data], []);
const byte = (data: number) => new Tensor('uint8', [data], []);
const signed = (data: number) => new Tensor('int8', [data], []);
const codes = (dims: readonly number[]) => randomTensor('int8', dims, 7);
const scales: Constants = { s: scalar(0.125), z: byte(128), s2: scalar(0.25), z2: byte(100), ws: scalar(0.5), wz: signed(0) };

/** q -> Dequantize as qd; the last value -> Quantize as y. */
const quantize = (from: string, to: string, scale = 's', zero = 'z') => node(`${to} = QuantizeLinear ${from} ${scale} ${zero}`);
const dequantize = (from: string, to = `${from}d`, scale = 's', zero = 'z') =>
  node(`${to} = DequantizeLinear ${from} ${scale} ${zero}`);

function load(
  nodes: readonly NodeInit[],
  constants: Constants = {},
  outputs: readonly string[] = ['y'],
  dims = [1, 4, 4, 4],
): Graph {
  return importOnnx(
    onnxModel({
      inputs: [value('q', 'uint8', dims), value('p', 'uint8', dims)],
      outputs: outputs.map((name) => value(name, name === 'f' ? 'float32' : 'uint8')),
      nodes: [dequantize('q'), dequantize('p', 'pd', 's2', 'z2'), ...nodes],
      initializers: { ...scales, ...constants },
    }),
  );
}

interface Fused {
  /** When passes have taken out what only changes the order of dimensions. */
  readonly ops: readonly string[];
  readonly log: readonly string[];
}

/** Whatever became integers rounds once where several operators did before; so results may be `off` by that many. */
async function fused(t: ExecutionContext, graph: Graph, off: number): Promise<Fused> {
  const { graph: after, log } = fuseQdq(graph);
  const dims = graph.inputs.map((name) => [name, graph.values.get(name)!.dims as readonly number[]] as const);
  const feeds = Object.fromEntries(dims.map(([name, each], i) => [name, randomTensor('uint8', each, i + 1)]));
  const run = async (one: Graph) => (await InferenceSession.create(one, { backend: 'reference' })).runSync(feeds);
  const [expected, actual] = [await run(graph), await run(after)];
  for (const [name, { data }] of Object.entries(expected)) {
    const found = actual[name]!.data as Uint8Array;
    const worst = (data as Uint8Array).reduce((most, code, i) => Math.max(most, Math.abs(code - found[i]!)), 0);
    t.true(worst <= off, `${name} is off by ${worst}`);
    t.true(new Set(data as Uint8Array).size > 4, `${name} says something`);
  }
  const native = await InferenceSession.create(after, { backend: 'native' });
  expectSame(t, native.runSync(feeds), actual, 'native');
  const { nodes } = optimize(specializeGraph(after, resolveGraph(after), new Map(dims))).graph;
  return { ops: nodes.map(({ op }) => op), log: log.map(({ op, reason }) => (reason === undefined ? op : `${op}: ${reason}`)) };
}

const weights: Constants = {
  w: codes([3, 4, 1, 1]),
  b: new Tensor('int32', [100, -50, 7]),
  bs: scalar(0.0625), // 0.125 · 0.5
  bz: new Tensor('int32', [0], []),
};
const dequantizedWeights = [dequantize('w', 'wd', 'ws', 'wz'), dequantize('b', 'bd', 'bs', 'bz')];
const conv = node('c = Conv qd wd bd', ints('kernel_shape', 1, 1));
const coarse = { s2: scalar(8), z2: byte(128) };

test('a convolution and its Relu', async (t) => {
  const graph = load([...dequantizedWeights, conv, node('r = Relu c'), quantize('r', 'y', 's2', 'z2')], {
    ...weights,
    ...coarse,
  });
  const { ops, log } = await fused(t, graph, 1);
  t.deepEqual(ops, ['Transpose', 'Conv2D', 'Transpose']);
  t.deepEqual(log, ['Conv2D']);
  const { nodes } = fuseQdq(graph).graph;
  t.is(nodes.find(({ op }) => op === 'Conv2D')!.attributes.activation, 'relu');
});

test('weights that are quantized per channel, with a bias of as many scales', async (t) => {
  const per = {
    ...weights,
    ws: new Tensor('float32', [0.5, 0.25, 1]),
    wz: new Tensor('int8', [0, 0, 0]),
    bs: new Tensor('float32', [0.0625, 0.03125, 0.125]),
    bz: new Tensor('int32', [0, 0, 0]),
    ...coarse,
  };
  const nodes = [
    node('wd = DequantizeLinear w ws wz', int('axis', 0)),
    node('bd = DequantizeLinear b bs bz', int('axis', 0)),
    conv,
    quantize('c', 'y', 's2', 'z2'),
  ];
  const { ops } = await fused(t, load(nodes, per), 1);
  t.deepEqual(ops, ['Transpose', 'Conv2D', 'Transpose']);
});

test('depthwise: the channels of the weights are the last of ours', async (t) => {
  const per = {
    w: codes([4, 1, 3, 3]),
    ws: new Tensor('float32', [0.5, 0.25, 1, 0.125]),
    wz: new Tensor('int8', [0, 0, 0, 0]),
  };
  const nodes = [
    node('wd = DequantizeLinear w ws wz', int('axis', 0)),
    node('c = Conv qd wd', ints('kernel_shape', 3, 3), int('group', 4), ints('pads', 1, 1, 1, 1)),
    quantize('c', 'y', 's2', 'z2'),
  ];
  const { ops } = await fused(t, load(nodes, { ...per, ...coarse }), 1);
  t.deepEqual(ops, ['PlanarDepthwiseConv2D']);
});

test('a bias at another scale than the products stays float', async (t) => {
  for (const bs of [scalar(0.0626), scalar(0.5)]) {
    const nodes = [...dequantizedWeights, conv, quantize('c', 'y', 's2', 'z2')];
    const { log } = await fused(t, load(nodes, { ...weights, ...coarse, bs }), 0);
    t.deepEqual(log, ['Conv2D: its bias b is not int32 at the scale of the products']);
  }
});

test('a bias that is float stays float', async (t) => {
  const nodes = [dequantizedWeights[0]!, node('c = Conv qd wd fb'), quantize('c', 'y', 's2', 'z2')];
  const { log } = await fused(t, load(nodes, { ...weights, ...coarse, fb: new Tensor('float32', [1, 2, 3]) }), 0);
  t.deepEqual(log, ['Conv2D: its input fb is not quantized']);
});

test('a residual sum of values with different scales, one of them read twice', async (t) => {
  const nodes = [
    node('r = Relu qd'),
    quantize('r', 'rq'),
    dequantize('rq'),
    node('sum = Add rqd pd'),
    quantize('sum', 'y', 's2', 'z2'),
    node('other = Mul rqd rqd'),
    quantize('other', 'v', 's2', 'z2'),
  ];
  const { ops, log } = await fused(t, load(nodes, {}, ['y', 'v']), 1);
  t.deepEqual(ops, ['Relu', 'Add', 'Mul']);
  t.deepEqual(log, ['Relu', 'Add', 'Mul']);
});

test('a Dequantize that a float operator reads as well', async (t) => {
  const nodes = [
    node('sum = Add qd pd'),
    quantize('sum', 'y', 's2', 'z2'),
    node('e = Exp qd'), // has no integer form
    quantize('e', 'v', 's2', 'z2'),
  ];
  const { ops, log } = await fused(t, load(nodes, {}, ['y', 'v']), 1);
  t.deepEqual(ops.toSorted(), ['Add', 'Dequantize', 'Exp', 'Quantize']);
  t.deepEqual(log, ['Add']);
});

test('results that several read, or that leave the graph, stay float', async (t) => {
  const nodes = [node('f = Add qd pd'), quantize('f', 'y', 's2', 'z2')];
  for (const [more, outputs] of [
    [[], ['y', 'f']],
    [
      [node('g = Neg f'), quantize('g', 'v', 's2', 'z2')],
      ['y', 'v'],
    ],
  ] as const) {
    const { log } = await fused(t, load([...nodes, ...more], {}, outputs), 0);
    t.deepEqual(log, ['Add: nothing quantizes its result']);
  }
});

test('types that do not go together', async (t) => {
  const nodes = [
    node('sum = Add qd pd'),
    quantize('sum', 'i', 's2', 'i2'),
    dequantize('i', 'id', 's2', 'i2'),
    quantize('id', 'y'),
  ];
  const { log } = await fused(t, load(nodes, { i2: signed(3) }), 0);
  t.deepEqual(log, ['Add: it would have uint8 and int8 in one operator']);
});

test('weights that a Transpose turned', async (t) => {
  const constants = { w: codes([3, 4]), ...coarse };
  const nodes = [
    dequantize('w', 'wd', 'ws', 'wz'),
    node('turned = Transpose wd', ints('perm', 1, 0)),
    node('c = MatMul qd turned'),
    quantize('c', 'y', 's2', 'z2'),
  ];
  const { ops, log } = await fused(t, load(nodes, constants, ['y'], [2, 4]), 1);
  t.deepEqual(ops, ['MatMul']);
  t.deepEqual(log, ['MatMul']);
});

test('what only moves elements does so in 8 bits', async (t) => {
  for (const [what, line, ops, dims] of [
    ['MaxPool', node('m = MaxPool qd', ints('kernel_shape', 2, 2)), ['Transpose', 'MaxPool2D', 'Transpose'], undefined],
    ['Transpose', node('m = Transpose qd', ints('perm', 1, 0)), ['Transpose'], [3, 4]],
    ['Slice', node('m = Slice qd from to'), ['SliceAxes'], [8, 3]],
    [
      'Resize',
      node('m = Resize qd - twice', text('mode', 'nearest'), text('coordinate_transformation_mode', 'asymmetric')),
      ['Resize'],
      undefined,
    ],
  ] as const) {
    const constants = {
      twice: new Tensor('float32', [1, 1, 2, 2]),
      from: new Tensor('int64', [1n]),
      to: new Tensor('int64', [6n]),
    };
    const same = await fused(t, load([line, quantize('m', 'y')], constants, ['y'], dims && [...dims]), 0);
    t.deepEqual(same.ops, ops, what);
    // By other parameters, elements are quantized again: once, wherever that is
    const other = await fused(t, load([line, quantize('m', 'y', 's2', 'z2')], constants, ['y'], dims && [...dims]), 0);
    t.deepEqual(other.ops.filter((op) => op === 'Dequantize' || op === 'Quantize').length, 2, what);
  }
});

test('MaxPool between two convolutions', async (t) => {
  const small = { s2: scalar(8), z2: byte(128), w2: codes([2, 3, 1, 1]), s3: scalar(1024), z3: byte(128) };
  const nodes = [
    ...dequantizedWeights,
    conv,
    quantize('c', 'cq', 's2', 'z2'),
    dequantize('cq', 'cd', 's2', 'z2'),
    node('m = MaxPool cd', ints('kernel_shape', 2, 2)),
    quantize('m', 'mq', 's2', 'z2'),
    dequantize('mq', 'md', 's2', 'z2'),
    dequantize('w2', 'w2d', 'ws', 'wz'),
    node('d = Conv md w2d'),
    quantize('d', 'y', 's3', 'z3'),
  ];
  const { ops, log } = await fused(t, load(nodes, { ...weights, ...small }), 2);
  t.deepEqual(ops, ['Transpose', 'Conv2D', 'MaxPool2D', 'Conv2D', 'Transpose']);
  t.deepEqual(log, ['Conv2D', 'Conv2D']);
});

test('a clamp that a Quantize does itself stays apart from operators that do not clamp', async (t) => {
  const nodes = [node('l = Sigmoid qd'), node('r = Relu l'), quantize('r', 'y', 's3', 'z3')];
  const graph = load(nodes, { s3: scalar(1 / 256), z3: byte(0) });
  const { log } = await fused(t, graph, 1);
  t.deepEqual(log, ['Logistic: Relu stands between it and what quantizes its result', 'Relu: its input l is not quantized']);
});

test('graphs without Dequantize come back as they are', (t) => {
  const inputs = [value('x', 'float32', [2])];
  const graph = importOnnx(
    onnxModel({ inputs, outputs: [value('y', 'uint8')], nodes: [quantize('x', 'y')], initializers: scales }),
  );
  t.is(fuseQdq(graph).graph, graph);
});
