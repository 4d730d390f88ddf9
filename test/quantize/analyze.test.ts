import test from 'ava';
import { analyze, type Graph, Tensor } from 'octensor';
import { layerCosts } from '#lib/analyze/layer-costs.js';
import { sensitivity } from '#lib/analyze/sensitivity.js';
import { matchValues } from '#lib/quant/match.js';
import { quantize } from '#lib/quantize.js';
import { float, graphOf } from '../support/graphs.js';
import { Random } from '../support/random.js';
import { rejectsCode } from '../support/throws-async.js';

function normals(seed: number, dims: readonly number[]): Tensor<'float32'> {
  const random = new Random(seed);
  const size = dims.reduce((product, dim) => product * dim, 1);
  const near = () => Array.from({ length: 4 }, () => random.uint32() / 2 ** 32 - 0.5).reduce((sum, x) => sum + x, 0);
  return new Tensor('float32', Float32Array.from({ length: size }, near), dims);
}

/** x -> conv -> relu -> conv -> sigmoid -> y, images of 6 x 6. */
function network(): Graph {
  const shape = [1, 6, 6, 4];
  const conv = { padding: 'same', strideH: 1, strideW: 1, dilationH: 1, dilationW: 1 };
  const constants = { w0: normals(1, [4, 3, 3, 4]), b0: normals(2, [4]), w1: normals(3, [4, 1, 1, 4]), b1: normals(4, [4]) };
  const graph = graphOf({
    values: [
      ...['x', 'conv0', 'relu0', 'conv1', 'y'].map((name) => float(name, shape)),
      ...Object.entries(constants).map(([name, { dims }]) => float(name, dims)),
    ],
    inputs: ['x'],
    outputs: ['y'],
    constants,
    nodes: [
      { op: 'Conv2D', inputs: ['x', 'w0', 'b0'], outputs: ['conv0'], attributes: conv },
      { op: 'Relu', inputs: ['conv0'], outputs: ['relu0'] },
      { op: 'Conv2D', inputs: ['relu0', 'w1', 'b1'], outputs: ['conv1'], attributes: conv },
      { op: 'Logistic', inputs: ['conv1'], outputs: ['y'] },
    ],
  });
  return graph;
}

const batches = [5, 6, 7].map((seed) => ({ x: normals(seed, [1, 6, 6, 4]) }));
const quantized = async (options = {}) => (await quantize(network(), { calibration: batches, ...options })).graph;

test('a report for each value that both graphs compute, in order, with errors of about a step', async (t) => {
  const reports = await analyze(network(), await quantized(), batches);
  const values = reports.map(({ value }) => value);
  t.deepEqual(
    values.filter((value) => ['x', 'relu0', 'conv1', 'y'].includes(value)),
    ['x', 'relu0', 'conv1', 'y'],
  );
  for (const { value, sqnrDb, cosine, rmseOverScale, clippedFraction } of reports.filter(({ value: name }) => name !== 'y')) {
    t.true(sqnrDb > 30 && sqnrDb < 80, `${value}: ${sqnrDb}`);
    t.true(cosine > 0.999 && cosine < 1);
    t.true(rmseOverScale > 0.2 && rmseOverScale < 1.5, `${value}: ${rmseOverScale}`);
    t.is(clippedFraction, 0);
  }
  t.is(reports.find(({ value }) => value === 'relu0')!.node, 'node0'); // which has taken in the Relu
  t.is(reports.find(({ value }) => value === 'conv1')!.node, 'node2');
});

test('of a graph that is the float one, nothing differs and nothing has a scale', async (t) => {
  for (const { sqnrDb, rmseOverScale, maxAbsError } of await analyze(network(), network(), batches)) {
    t.is(sqnrDb, Infinity);
    t.true(Number.isNaN(rmseOverScale));
    t.is(maxAbsError, 0);
  }
});

test('errors begin at the layer that makes them', async (t) => {
  const graph = await quantized();
  const damaged = { ...graph, constants: new Map(graph.constants) };
  const [name, weights] = [...graph.constants].find(([, { type, dims }]) => type === 'int8' && dims[1] === 1)!;
  damaged.constants.set(
    name,
    new Tensor(
      'int8',
      (weights.data as Int8Array).map((w) => -w),
      weights.dims,
    ),
  );
  const sqnr = new Map((await analyze(network(), damaged, batches)).map(({ value, sqnrDb }) => [value, sqnrDb]));
  t.true(sqnr.get('relu0')! > 30);
  t.true(sqnr.get('conv1')! < 5);
});

test('reports are the same for batches as they come, and for a part of them others', async (t) => {
  const graph = await quantized();
  async function* coming() {
    yield* batches;
  }
  t.deepEqual(await analyze(network(), graph, coming()), await analyze(network(), graph, batches));
  t.notDeepEqual(await analyze(network(), graph, batches.slice(1)), await analyze(network(), graph, batches));
});

test('histograms count every value, on both sides', async (t) => {
  for (const { value, histograms } of await analyze(network(), await quantized(), batches, { histograms: true })) {
    for (const { counts } of [histograms!.float, histograms!.quantized]) {
      t.is(
        counts.reduce((sum, count) => sum + count, 0),
        batches.length * 6 * 6 * 4,
        value,
      );
    }
  }
});

test('values are known by their names, else by the names of their nodes', (t) => {
  const given = network();
  const rename = (name: string) => (name === 'x' ? name : `${name}/dequantized/quantized`);
  const renamed = given.nodes.map((node) => ({ ...node, outputs: node.outputs.map(rename) }));
  t.deepEqual(
    matchValues(given, { ...given, nodes: renamed }).map(({ value, quantized: name }) => [value, name]),
    ['conv0', 'relu0', 'conv1', 'y'].map((name) => [name, rename(name)]),
  );
  const [conv] = given.nodes;
  const fused = { ...conv!, outputs: ['17'], attributes: { ...conv!.attributes, activation: 'relu' } };
  t.deepEqual(matchValues(given, { ...given, nodes: [fused] }), [
    { node: 'node0', op: 'Conv2D', value: 'relu0', quantized: '17' },
  ]);
  t.deepEqual(matchValues(given, { ...given, nodes: [{ ...conv!, outputs: ['17'] }] })[0]!.value, 'conv0');
});

test('costs: a quarter of the bytes, the same multiplications', async (t) => {
  const graph = await quantized();
  const { float: before, quantized: after } = (await layerCosts(network(), graph, batches[0]!)).get('node0')!;
  t.deepEqual([before.bytes, after.bytes], [4 * (4 * 3 * 3 * 4 + 4), 4 * 3 * 3 * 4 + 4 * 4]);
  t.is(before.macs, after.macs);
  t.is(after.macs, 6 * 6 * 4 * 3 * 3 * 4);
});

test('sensitivity: the layer whose weights have 4 bits costs most', async (t) => {
  const nodes = ['node0', 'node2'];
  const quantizeOnly = (node: string) =>
    quantized({ exclude: nodes.filter((other) => other !== node), ...(node === 'node2' && { weights: { bits: 4 } }) });
  const found = await sensitivity(network(), nodes, quantizeOnly, batches);
  t.deepEqual(
    found.map(({ node }) => node),
    nodes,
  );
  t.true(found[1]!.sqnrDb < found[0]!.sqnrDb - 5, JSON.stringify(found));
});

test('what cannot be analyzed', async (t) => {
  const graph = await quantized();
  await rejectsCode(t, analyze(network(), graph, []), 'ERR_OPTION', 'batches: expected at least one, got none');
  await rejectsCode(t, analyze(graph, graph, batches), 'ERR_QUANTIZATION', 'quantized already');
  const other = graphOf({
    values: [float('x', [1, 6, 6, 4]), float('z', [1, 6, 6, 4])],
    inputs: ['x'],
    outputs: ['z'],
    nodes: [{ op: 'Abs', inputs: ['x'], outputs: ['z'] }],
  });
  const stranger = { ...other, nodes: other.nodes.map((node) => ({ ...node, name: 'other' })) };
  await rejectsCode(t, analyze(network(), stranger, batches), 'ERR_OPTION', 'shares no name');
  await rejectsCode(t, analyze(network(), graph, batches, { signal: AbortSignal.abort() }), 'ERR_ABORTED');
  await rejectsCode(t, sensitivity(network(), [], quantized, []), 'ERR_OPTION', 'expected at least one');
});
