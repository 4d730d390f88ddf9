import test from 'ava';
import type { Attributes, Graph, Tensor, Value } from 'octensor';
import { fusePad } from '#lib/passes/fuse-pad.js';
import { makePlan } from '#lib/plan/plan.js';
import { resolveGraph } from '#lib/plan/resolve.js';
import { float, graphOf } from '../support/graphs.js';
import { bytes, int8, ones, quantized, rewritten } from '../support/pass-graphs.js';

const frame = [0, 0, 1, 2, 0, 3, 0, 0];
const q = int8(0.1, -5);

interface Options {
  readonly pad?: Attributes;
  readonly convolution?: Attributes;
  readonly x?: Value;
  readonly padded?: Value;
  readonly w?: Value;
  readonly weights?: Tensor;
  readonly outputs?: readonly string[];
}

function padded(options: Options = {}): Graph {
  const { pad = {}, convolution = {}, x = quantized('x', [1, 4, 4, 2], q), outputs = ['y'] } = options;
  const { padded = { ...x, name: 'a', dims: [1, null, null, 2] } } = options;
  const { w = quantized('w', [3, 2, 2, 2], int8(0.02, 0)), weights = bytes([3, 2, 2, 2]) } = options;
  return graphOf({
    values: [x, padded, w, { ...x, name: 'y', dims: [1, null, null, 3] }],
    inputs: ['x'],
    outputs,
    constants: { w: weights },
    nodes: [
      { op: 'Pad', inputs: ['x'], outputs: ['a'], attributes: { pads: frame, ...pad } },
      { op: 'Conv2D', inputs: ['a', 'w'], outputs: ['y'], attributes: convolution },
    ],
  });
}

test('a Pad with zeros goes into the convolution behind it', (t) => {
  const { nodes, log } = rewritten(padded({ convolution: { padding: 'valid', strides: [2, 2] } }), fusePad);
  t.deepEqual(nodes, ['y <- Conv2D(x, w) strides=[2, 2] pads=[1, 0, 2, 3]']);
  t.deepEqual(log, [{ pass: 'fuse-pad', nodes: ['node0', 'node1'] }]);
});

test('explicit padding adds up', (t) => {
  t.deepEqual(rewritten(padded({ convolution: { pads: [1, 1, 0, 1] } }), fusePad).nodes, [
    'y <- Conv2D(x, w) pads=[2, 1, 2, 4]',
  ]);
});

test('dimensions that are not known stay so', (t) => {
  const x = quantized('x', ['n', 'h', null, 2], q);
  const { graph } = rewritten(padded({ x, convolution: { dilations: [2, 1] } }), fusePad);
  const shapeOf = (dims: readonly number[]) => makePlan(graph, resolveGraph(graph), new Map([['x', dims]])).outputs[0]!.dims;
  t.throws(() => shapeOf([2, 6, 5, 2]), { message: /\[1, \?, \?, 3\]/ }); // as declared, one batch
  t.deepEqual(shapeOf([1, 6, 5, 2]), [1, 6 + 3 - 2, 5 + 3 - 1, 3]);
  t.deepEqual(shapeOf([1, 9, 1, 2]), [1, 9 + 3 - 2, 1 + 3 - 1, 3]);
});

test('all readers are convolutions, or none is changed', (t) => {
  const graph = padded();
  const both = {
    ...graph,
    values: new Map([...graph.values, ['z', quantized('z', [1, 7, 7, 2], q)], ['v', quantized('v', [1, 2, 2, 2], q)]]),
    constants: new Map([...graph.constants, ['v', bytes([1, 2, 2, 2])]]),
    outputs: ['y', 'z'],
  };
  const reader = { name: 'node2', inputs: ['a'], outputs: ['z'], attributes: {} };
  const depthwise = { ...reader, op: 'DepthwiseConv2D', inputs: ['a', 'v'] };
  t.deepEqual(rewritten({ ...both, nodes: [...graph.nodes, depthwise] }, fusePad).nodes, [
    'y <- Conv2D(x, w) pads=[1, 0, 2, 3]',
    'z <- DepthwiseConv2D(x, v) pads=[1, 0, 2, 3]',
  ]);
  const relu = { ...both, nodes: [...graph.nodes, { ...reader, op: 'Relu' }] };
  t.is(rewritten(relu, fusePad).graph, relu);
});

for (const [what, options] of Object.entries<Options>({
  'a value that is not 0': { pad: { value: 1 } },
  'a mirror': { pad: { mode: 'reflect' } },
  batches: { pad: { pads: [1, 0, 1, 1, 1, 1, 0, 0] } },
  channels: { pad: { pads: [0, 0, 1, 1, 1, 1, 1, 0] } },
  'another scale': { padded: quantized('a', [1, 7, 7, 2], int8(0.2, -5)) },
  'what a convolution pads by itself': { convolution: { padding: 'same' } },
  'an output': { outputs: ['y', 'a'] },
  'more than a convolution takes': { pad: { pads: [0, 0, 65536, 0, 0, 0, 0, 0] }, convolution: { pads: [1, 0, 0, 0] } },
})) {
  test(`stays: ${what}`, (t) => {
    const graph = padded(options);
    t.is(rewritten(graph, fusePad).graph, graph);
  });
}

test('floats: weights that make no zeros of zeros, and int8 weights, keep the Pad', (t) => {
  const dims = [3, 2, 2, 2];
  const floatGraph = (weights: Tensor, w: Value = float('w', dims)) => padded({ x: float('x', [1, 4, 4, 2]), w, weights });
  t.is(rewritten(floatGraph(ones(dims)), fusePad).nodes.length, 1);
  const infinite = ones(dims);
  infinite.data[3] = Infinity;
  t.is(rewritten(floatGraph(infinite), fusePad).nodes.length, 2);
  t.is(rewritten(floatGraph(bytes(dims), quantized('w', dims, int8(0.1, 0))), fusePad).nodes.length, 2);
});

test('a value that quantizes to the zero point is a real zero', (t) => {
  t.is(rewritten(padded({ pad: { value: 0.04 } }), fusePad).nodes.length, 1);
  t.is(rewritten(padded({ pad: { value: 0.06 } }), fusePad).nodes.length, 2);
});
