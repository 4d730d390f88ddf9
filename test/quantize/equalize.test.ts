import test from 'ava';
import type { Graph, Tensor } from 'octensor';
import { equalize, equalizedValues } from '#lib/quant/algorithms/equalize.js';
import { dequantizeArray } from '#lib/quant/qparams.js';
import { schemes } from '#lib/quant/schemes.js';
import { channelRanges, quantizeWeights, weightLimits, weightParameters } from '#lib/quant/weights.js';
import { floatGraph, normal, relativeError, runGraph } from '../support/float-layers.js';
import { throwsCode } from '../support/throws.js';

/**
 * Convolution, what stands between, depthwise convolution, Relu, convolution: the channels of the first two differ by
 * thousands.
 */
function chain(op: string, attributes = {}, bias = 1): Graph {
  const scaleOf = (channel: number) => 10 ** ((channel % 4) - 2);
  const constants = {
    w1: normal([8, 3, 3, 3], 1, (i) => scaleOf(Math.floor(i / 27))),
    b1: normal([8], 2, (i) => bias * scaleOf(i)),
    w2: normal([1, 3, 3, 8], 3, (i) => 1 / scaleOf(i % 8)),
    b2: normal([8], 4),
    w3: normal([5, 1, 1, 8], 5, (i) => scaleOf((i + 1) % 8)),
  };
  const image = [1, 6, 6, 8];
  return floatGraph([1, 6, 6, 3], { c1: image, a1: image, c2: image, a2: image, y: [1, 6, 6, 5] }, constants, [
    { op: 'Conv2D', inputs: ['x', 'w1', 'b1'], outputs: ['c1'], attributes: { padding: 'same' } },
    { op, inputs: ['c1'], outputs: ['a1'], attributes },
    { op: 'DepthwiseConv2D', inputs: ['a1', 'w2', 'b2'], outputs: ['c2'], attributes: { padding: 'same' } },
    { op: 'Relu', inputs: ['c2'], outputs: ['a2'] },
    { op: 'Conv2D', inputs: ['a2', 'w3'], outputs: ['y'] },
  ]);
}

const x = normal([1, 6, 6, 3], 9);
const weights = (graph: Graph, name: string): Tensor<'float32'> => graph.constants.get(name) as Tensor<'float32'>;
const peaks = (graph: Graph, name: string, axis: number): number[] =>
  channelRanges(weights(graph, name).data, weights(graph, name).dims, axis).map(([min, max]) => Math.max(-min, max));

/** With weights of 8 bits, one scale for each tensor. */
function quantized(graph: Graph): Graph {
  const scheme = { ...schemes.default.weights, granularity: 'per-tensor' } as const;
  const constants = new Map(graph.constants);
  for (const [name, tensor] of graph.constants) {
    if (!name.startsWith('w')) continue;
    const { data, dims } = tensor as Tensor<'float32'>;
    const integers = quantizeWeights(data, dims, weightParameters(data, dims, 0, scheme), weightLimits(scheme));
    constants.set(name, { ...tensor, data: dequantizeArray(integers.data, integers.qparams, dims), dims } as Tensor);
  }
  return { ...graph, constants };
}

test('equalized layers have the same range for a channel on both sides, through a depthwise convolution', (t) => {
  const graph = equalize(chain('Relu'));
  const [first, middle] = [peaks(graph, 'w1', 0), peaks(graph, 'w2', 3)];
  const last = peaks(graph, 'w3', 3);
  for (const [i, peak] of first.entries()) {
    t.true(Math.abs(Math.log(peak / middle[i]!)) < 0.01, `channel ${i}: ${peak} and ${middle[i]}`);
    t.true(Math.abs(Math.log(middle[i]! / last[i]!)) < 0.01, `channel ${i}: ${middle[i]} and ${last[i]}`);
  }
});

for (const [op, attributes] of [
  ['Relu', {}],
  ['LeakyRelu', { alpha: 0.2 }],
  ['Clip', { min: 0 }],
  ['MaxPool2D', { size: [1, 1] }],
] as const) {
  test(`the function stays through ${op}`, async (t) => {
    const graph = chain(op, attributes);
    const equalized = equalize(graph);
    t.notDeepEqual(weights(equalized, 'w1').data, weights(graph, 'w1').data);
    t.true(relativeError(await runGraph(equalized, x), await runGraph(graph, x)) < 1e-4);
  });
}

test('with one scale for a tensor, the error falls by more than thirty times', async (t) => {
  const graph = chain('Relu');
  const expected = await runGraph(graph, x);
  const before = relativeError(await runGraph(quantized(graph), x), expected);
  const after = relativeError(await runGraph(quantized(equalize(graph)), x), expected);
  t.true(before > 30 * after, `${before} before, ${after} after`);
});

test('Relu6 becomes Relu, or keeps its layers from being a pair', async (t) => {
  const graph = chain('Relu6', {}, 0.01);
  const ops = (each: Graph) => each.nodes.map(({ op }) => op);
  t.deepEqual(ops(equalize(graph)), ['Conv2D', 'Relu', 'DepthwiseConv2D', 'Relu', 'Conv2D']);
  const kept = equalize(graph, { replaceRelu6: false });
  t.deepEqual(ops(kept), ops(graph));
  t.deepEqual(weights(kept, 'w1'), weights(graph, 'w1'));
  t.notDeepEqual(weights(kept, 'w2').data, weights(graph, 'w2').data);
});

test('with what channels reach, Relu6 stays, and so does the function', async (t) => {
  const graph = chain('Relu6');
  t.deepEqual(equalizedValues(graph), ['c1', 'c2']);
  const values = await runGraph({ ...graph, outputs: ['c1'] }, x);
  const peak = Float32Array.from({ length: 8 }, (_, c) => Math.max(...values.filter((_, i) => i % 8 === c)));
  t.true(peak.some((value) => value > 6) && peak.some((value) => value < 0.6));
  const equalized = equalize(graph, { replaceRelu6: false, highest: new Map([['c1', peak]]) });
  t.is(equalized.nodes[1]!.op, 'Relu6');
  const expected = await runGraph(graph, x);
  t.true(relativeError(await runGraph(equalized, x), expected) < 1e-4);
  t.true(relativeError(await runGraph(equalize(graph), x), expected) > 0.01);
  for (const [c, value] of peak.entries()) {
    const [before, after] = [weights(graph, 'w1').data[27 * c]!, weights(equalized, 'w1').data[27 * c]!];
    t.is(before === after, value >= 6, `channel ${c}, at most ${value}`);
  }
  const wrong = { highest: new Map([['c1', peak.subarray(1)]]) };
  throwsCode(t, () => equalize(graph, wrong), 'ERR_QUANTIZATION', 'highest of c1', '8');
});

test('layers whose channels are seen elsewhere, or clipped below, stay as they are', (t) => {
  const graph = chain('Relu');
  const seen = equalize({ ...graph, outputs: ['a1', 'a2'] });
  t.deepEqual(seen, { ...graph, outputs: ['a1', 'a2'] });
  const clipped = equalize(chain('Clip', { min: -1, max: 1 }));
  t.deepEqual(weights(clipped, 'w1'), weights(graph, 'w1'));
});

test('channels that are 0 stay as they are', async (t) => {
  const graph = chain('Relu');
  weights(graph, 'w1').data.fill(0, 27, 54);
  weights(graph, 'w2').data.forEach((_, i, all) => {
    if (i % 8 === 5) all[i] = 0;
  });
  const equalized = equalize(graph);
  t.true(peaks(equalized, 'w1', 0).every(Number.isFinite));
  t.true(relativeError(await runGraph(equalized, x), await runGraph(graph, x)) < 1e-4);
});

/** Two matrix products, the first of an image that is then flattened; constants that another node reads too. */
function flattened(): Graph {
  const constants = {
    w1: normal([4, 1, 1, 4], 1, (i) => 10 ** (Math.floor(i / 4) - 2)),
    w2: normal([3, 24], 2),
    b2: normal([3], 3),
    w3: normal([3, 5], 4),
    b3: normal([5], 5),
  };
  const image = [2, 2, 3, 4];
  return floatGraph(image, { c1: image, m1: image, r1: [2, 24], a1: [2, 24], c2: [2, 3], m3: [2, 5], y: [2, 5] }, constants, [
    { op: 'Conv2D', inputs: ['x', 'w1'], outputs: ['c1'] },
    { op: 'Conv2D', inputs: ['c1', 'w1'], outputs: ['m1'], attributes: { activation: 'relu' } },
    { op: 'Reshape', inputs: ['m1'], outputs: ['r1'], attributes: { shape: [2, -1] } },
    { op: 'Relu', inputs: ['r1'], outputs: ['a1'] },
    { op: 'FullyConnected', inputs: ['a1', 'w2', 'b2'], outputs: ['c2'], attributes: { activation: 'relu' } },
    { op: 'MatMul', inputs: ['c2', 'w3'], outputs: ['m3'] },
    { op: 'Add', inputs: ['m3', 'b3'], outputs: ['y'] },
  ]);
}

test('a flattened image keeps its channels; constants that two nodes read become two', async (t) => {
  const graph = flattened();
  t.is(graph.constants.get('w2')!.size, 3 * 24);
  const before = weights(graph, 'w1').data.slice();
  const equalized = equalize(graph);
  t.deepEqual(weights(graph, 'w1').data, before);
  const [first, second] = equalized.nodes.map(({ inputs }) => inputs[1]!) as [string, string];
  t.not(first, second);
  t.notDeepEqual(weights(equalized, 'w2').data, weights(graph, 'w2').data);
  const input = normal([2, 2, 3, 4], 7);
  t.true(relativeError(await runGraph(equalized, input), await runGraph(graph, input)) < 1e-4);
});

test('what a channel is at least goes into the bias of the next layer, where no zeros stand around it', async (t) => {
  const constants = { w1: normal([4, 1, 1, 3], 1), b1: normal([4], 2, () => 0), w2: normal([5, 2, 2, 4], 3) };
  constants.b1.data.set([40, 0.5, 25, -3]);
  const graph = (padding: string) =>
    floatGraph(
      [1, 5, 5, 3],
      { c: [1, 5, 5, 4], a: [1, 5, 5, 4], y: padding === 'same' ? [1, 5, 5, 5] : [1, 4, 4, 5] },
      constants,
      [
        { op: 'Conv2D', inputs: ['x', 'w1', 'b1'], outputs: ['c'] },
        { op: 'Relu', inputs: ['c'], outputs: ['a'] },
        { op: 'Conv2D', inputs: ['a', 'w2'], outputs: ['y'], attributes: { padding } },
      ],
    );
  const input = normal([1, 5, 5, 3], 4);
  const given = graph('valid');
  const values = await runGraph({ ...given, outputs: ['c'] }, input);
  const lowest = new Map([
    ['c', Float32Array.from({ length: 4 }, (_, c) => Math.min(...values.filter((_, i) => i % 4 === c)))],
  ]);
  const [plain, absorbed] = [equalize(given), equalize(given, { lowest })];
  t.true(relativeError(await runGraph(absorbed, input), await runGraph(given, input)) < 1e-4);
  const peak = async (each: Graph) => Math.max(...(await runGraph({ ...each, outputs: ['a'] }, input)));
  t.true((await peak(plain)) > 2 * (await peak(absorbed)));
  t.deepEqual(equalize(graph('same'), { lowest }), equalize(graph('same')));
  throwsCode(
    t,
    () => equalize(given, { lowest: new Map([['c', new Float32Array(3)]]) }),
    'ERR_QUANTIZATION',
    'lowest of c',
    '4',
  );
});

test('weights that are not finite are an error that names the node', (t) => {
  const graph = chain('Relu');
  weights(graph, 'w2').data[3] = Number.NaN;
  throwsCode(t, () => equalize(graph), 'ERR_QUANTIZATION', 'c2', 'NaN');
});
