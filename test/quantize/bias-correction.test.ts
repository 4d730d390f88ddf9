import test from 'ava';
import type { Graph, Tensor } from 'octensor';
import { correctBiases, type LayerMeans, meansOfPatches } from '#lib/quant/algorithms/bias-correction.js';
import { GramAccumulator } from '#lib/quant/algorithms/gram.js';
import { layerOf } from '#lib/quant/algorithms/layer.js';
import { floatGraph, normal, relativeError, runGraph } from '../support/float-layers.js';
import { throwsCode } from '../support/throws.js';

/** A convolution without a bias, a depthwise one with one, and a matrix product with an Add, which has one. */
function network(): Graph {
  const constants = {
    w1: normal([6, 3, 3, 2], 1),
    w2: normal([1, 3, 3, 6], 2),
    b2: normal([6], 3),
    w3: normal([6, 5], 4),
    b3: normal([5], 5),
    w4: normal([5, 4], 6),
  };
  const image = [4, 8, 8, 6];
  const dims = { c1: image, a1: image, c2: image, p: [4, 6], m: [4, 5], s: [4, 5], y: [4, 4] };
  return floatGraph([4, 8, 8, 2], dims, constants, [
    { op: 'Conv2D', inputs: ['x', 'w1'], outputs: ['c1'], attributes: { padding: 'same' } },
    { op: 'Relu', inputs: ['c1'], outputs: ['a1'] },
    { op: 'DepthwiseConv2D', inputs: ['a1', 'w2', 'b2'], outputs: ['c2'], attributes: { padding: 'same' } },
    { op: 'Mean', inputs: ['c2'], outputs: ['p'], attributes: { axes: [1, 2], keepDims: false } },
    { op: 'MatMul', inputs: ['p', 'w3'], outputs: ['m'] },
    { op: 'Add', inputs: ['m', 'b3'], outputs: ['s'] },
    { op: 'MatMul', inputs: ['s', 'w4'], outputs: ['y'] },
  ]);
}

const x = normal([4, 8, 8, 2], 9);
const graph = network();
const targets = graph.nodes.filter(({ op }) => op.includes('Conv') || op === 'MatMul').map((node) => ({ node }));

/** Weights that are all too large, and so shift what is computed. */
function spoiled(each: Graph): Graph {
  const constants = new Map(each.constants);
  for (const [name, tensor] of each.constants) {
    if (!name.startsWith('w')) continue;
    const data = (tensor.data as Float32Array).map((value) => value + 0.07);
    constants.set(name, { ...tensor, data, dims: tensor.dims } as Tensor);
  }
  return { ...each, constants };
}

async function channelMeans(each: Graph, name: string, input: Tensor = x): Promise<Float64Array> {
  const values = await runGraph({ ...each, outputs: [name] }, input);
  const channels = each.values.get(name)!.dims!.at(-1) as number;
  const means = new Float64Array(channels);
  for (const [i, value] of values.entries()) means[i % channels]! += (value * channels) / values.length;
  return means;
}

/** Of each target: the same input, with weights as they were and spoiled. */
async function ownMeans(each: Graph): Promise<ReadonlyMap<string, LayerMeans>> {
  const bad = spoiled(each);
  const means = new Map<string, LayerMeans>();
  for (const { node } of targets) {
    // Only this layer has the weights that it had
    const weights = node.inputs[1]!;
    const mixed = { ...bad, constants: new Map([...bad.constants, [weights, each.constants.get(weights)!]]) };
    means.set(node.name, { float: await channelMeans(mixed, node.name), quantized: await channelMeans(bad, node.name) });
  }
  return means;
}

test('one round takes the shift of every layer that has a bias, or an Add for one, or gets one', async (t) => {
  const corrected = await correctBiases(graph, targets, ownMeans);
  const node = (name: string) => corrected.nodes.find((each) => each.name === name)!;
  t.is(node('c1').inputs.length, 3);
  t.is(node('m').inputs.length, 2);
  t.deepEqual(node('y'), graph.nodes.at(-1));
  const bad = spoiled(corrected);
  for (const name of ['c1', 'c2', 's']) {
    const expected = await channelMeans(graph, name);
    const [before, after] = [await channelMeans(spoiled(graph), name), await channelMeans(bad, name)];
    const error = (means: Float64Array) => Math.max(...means.map((mean, c) => Math.abs(mean - expected[c]!)));
    t.true(error(after) < 0.2 * error(before), `${name}: ${error(before)} before, ${error(after)} after`);
  }
  const exact = (await channelMeans(bad, 'c1')).map(
    (mean, c) => mean - (corrected.constants.get(node('c1').inputs[2]!)!.data[c] as number),
  );
  t.true(relativeError(Float32Array.from(exact), Float32Array.from(await channelMeans(spoiled(graph), 'c1'))) < 1e-5);
});

test('the given graph stays as it is, and so do layers that are no targets or have no means', async (t) => {
  const before = (graph.constants.get('b2')!.data as Float32Array).slice();
  const none = await correctBiases(graph, [], ownMeans);
  t.deepEqual(none, graph);
  const missing = await correctBiases(graph, targets, () => new Map());
  t.deepEqual(missing, graph);
  await correctBiases(graph, targets, ownMeans);
  t.deepEqual(graph.constants.get('b2')!.data, before);
});

test('means of the float network need a round for each layer of a chain', async (t) => {
  const floats = new Map<string, Float64Array>();
  for (const { node } of targets) floats.set(node.name, await channelMeans(graph, node.name));
  const meansOf = async (each: Graph): Promise<ReadonlyMap<string, LayerMeans>> => {
    const means = new Map<string, LayerMeans>();
    for (const [name, float] of floats) {
      // The Add is measured for the product whose bias it is
      const value = name === 'm' ? 's' : name;
      const expected = name === 'm' ? await channelMeans(graph, 's') : float;
      means.set(name, { float: expected, quantized: await channelMeans(spoiled(each), value) });
    }
    return means;
  };
  const corrected = spoiled(await correctBiases(graph, targets, meansOf, { rounds: 3 }));
  for (const name of ['c1', 'c2', 's']) {
    const actual = Float32Array.from(await channelMeans(corrected, name));
    t.true(relativeError(actual, Float32Array.from(await channelMeans(graph, name))) < 1e-4, name);
  }
});

test('means of patches give what running the layer gives', async (t) => {
  const layer = layerOf(graph, graph.nodes[0]!)!;
  const accumulator = new GramAccumulator(layer, { patches: 4 * 8 * 8 });
  accumulator.add(x);
  const quantized = spoiled(graph).constants.get('w1')!.data as Float32Array;
  const means = meansOfPatches(layer, quantized, accumulator.finish().means);
  for (const [which, each] of [
    ['float', graph],
    ['quantized', spoiled(graph)],
  ] as const) {
    const actual = Float32Array.from(means[which]);
    t.true(relativeError(actual, Float32Array.from(await channelMeans(each, 'c1'))) < 1e-5, which);
  }
  throwsCode(t, () => meansOfPatches(layer, quantized, new Float64Array(3)), 'ERR_QUANTIZATION', 'c1', '3');
});

test('means of another number of channels, or that are no numbers, are errors that name the node', async (t) => {
  const given = (float: readonly number[], quantized: readonly number[]) =>
    correctBiases(graph, targets, () => new Map([['c2', { float, quantized }]]));
  const six = [1, 2, 3, 4, 5, 6];
  for (const [float, quantized] of [
    [six, [1]],
    [[1], [1]],
    [six, [...six.slice(1), Number.NaN]],
  ] as const) {
    await t.throwsAsync(given(float, quantized), { code: 'ERR_QUANTIZATION', message: /c2/ });
  }
  await t.throwsAsync(correctBiases(graph, targets, ownMeans, { rounds: 0 }), { code: 'ERR_OPTION', message: /rounds/ });
});
