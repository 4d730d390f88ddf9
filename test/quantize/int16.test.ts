/** int16 activations where 8 bits lose too much: what is placed, what it reaches, what the file says. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type Graph, InferenceSession, loadModel, type QuantizeOptions, quantize, saveModel, type Tensor } from 'octensor';
import { fuseQdq } from '#lib/passes/fuse-qdq.js';
import { insertQuantizers } from '#lib/quant/insert.js';
import { activationParameters } from '#lib/quant/parameters.js';
import { placeQuantizers } from '#lib/quant/place.js';
import { schemes } from '#lib/quant/schemes.js';
import { quantizeBias, withRoomFor } from '#lib/quant/weights.js';
import { constantQuantizer } from '#lib/quantize/constants.js';
import { floatGraph, normal } from '../support/float-layers.js';
import { expectSame } from '../support/same.js';
import { rejectsCode } from '../support/throws-async.js';

const image = [1, 6, 6, 4];
const batches = [1, 2, 3, 4].map((seed) => ({ x: normal(image, seed) }));
/** Some values are a hundred times the others: 8 bits for all of them leave little to most. */
const spread = [5, 6, 7, 8].map((seed) => ({ x: normal(image, seed, (i) => (i % 97 === 0 ? 100 : 1)) }));

/** A chain whose first result two read, one of them through a pooling, to a Softmax. */
function network(): Graph {
  const constants = {
    w1: normal([6, 3, 3, 4], 1),
    b1: normal([6], 9),
    w2: normal([1, 3, 3, 6], 2),
    w3: normal([6, 1, 1, 6], 3),
    w4: normal([6, 5], 4, () => 0.01),
  };
  const wide = [1, 6, 6, 6];
  const small = [1, 3, 3, 6];
  const dims = { c1: wide, a1: wide, d: wide, m: small, c3: small, p: small, s: small, g: [1, 6], f: [1, 5], y: [1, 5] };
  const pool = { size: [2, 2], strides: [2, 2] };
  return floatGraph(image, dims, constants, [
    { op: 'Conv2D', inputs: ['x', 'w1', 'b1'], outputs: ['c1'], attributes: { padding: 'same' } },
    { op: 'Relu', inputs: ['c1'], outputs: ['a1'] },
    { op: 'DepthwiseConv2D', inputs: ['a1', 'w2'], outputs: ['d'], attributes: { padding: 'same' } },
    { op: 'MaxPool2D', inputs: ['a1'], outputs: ['m'], attributes: pool },
    { op: 'Conv2D', inputs: ['m', 'w3'], outputs: ['c3'] },
    { op: 'MaxPool2D', inputs: ['d'], outputs: ['p'], attributes: pool },
    { op: 'Add', inputs: ['c3', 'p'], outputs: ['s'] },
    { op: 'Mean', inputs: ['s'], outputs: ['g'], attributes: { axes: [1, 2] } },
    { op: 'MatMul', inputs: ['g', 'w4'], outputs: ['f'] },
    { op: 'Softmax', inputs: ['f'], outputs: ['y'] },
  ]);
}

/** With these nodes on int16, ranges from -20 to 20, as integers; and what became of each node. */
function withInt16(nodes: readonly string[]) {
  const graph = { ...network(), numerics: 'onnx' as const };
  const placement = placeQuantizers(graph, [], new Map(nodes.map((node) => [node, 'int16'])));
  const ranges = new Map([...placement.quantized].map((name) => [name, { min: -20, max: 20 }]));
  const parameters = activationParameters(placement, ranges, schemes.default);
  const spelled = insertQuantizers(graph, placement, parameters, constantQuantizer(graph, schemes.default));
  const { graph: fused, log } = fuseQdq(spelled);
  const types = (name: string) => {
    const node = fused.nodes.find((each) => each.name === name)!;
    return [...node.inputs.slice(0, 1), ...node.outputs].map((value) => fused.values.get(value)!.type).join(' -> ');
  };
  return { fused, log, placement, types };
}

test('a value that nodes of both kinds read is int16, and 8 bits for those that want them', (t) => {
  const { fused, types, log } = withInt16(['d']);
  t.is(types('c1'), 'uint8 -> int16');
  t.is(types('d'), 'int16 -> int16');
  // What is pooled is quantized to 8 bits before it is, from int16
  t.is(types('c3'), 'uint8 -> uint8');
  const narrowing = fused.nodes.filter(({ op, inputs }) => op === 'Quantize' && fused.values.get(inputs[0]!)!.type === 'int16');
  t.is(narrowing.length, 2); // for c3, and of d's result for the sum
  t.is(types('s'), 'uint8 -> uint8');
  t.deepEqual(
    log.filter(({ isWide }) => isWide).map(({ node }) => node),
    ['d'],
  );
  t.true(log.every(({ reason }) => reason === undefined || reason === 'nothing quantizes its result'));
});

test('what has no weights reads int16 where its result is; what has no form on int16 stays float', (t) => {
  const mean = withInt16(['f']);
  t.is(mean.types('g'), 'int16 -> int16');
  t.is(mean.types('s'), 'int16 -> int16');
  t.is(mean.types('c3'), 'uint8 -> int16');
  t.is(mean.types('f'), 'int16 -> int16');
  const { left } = withInt16(['y']).placement;
  t.deepEqual(left, [{ node: 'y', op: 'Softmax', reason: 'it is kept float for precision: it has no form on int16' }]);
});

test('integers give the same bits on both backends, with and without passes', async (t) => {
  for (const nodes of [['d'], ['f', 'd'], ['c1', 'd', 'c3', 's', 'g', 'f']]) {
    const { fused } = withInt16(nodes);
    const expected = await outputOf(fused, batches[0]!, 'reference');
    expectSame(t, await outputOf(fused, batches[0]!, 'native'), expected, nodes.join(), 1e-6); // of a float Softmax
  }
});

async function outputOf(graph: Graph, feeds: Readonly<Record<string, Tensor>>, backend: 'native' | 'reference') {
  const session = await InferenceSession.create(graph, { backend });
  const results = await session.run(feeds);
  await session.release();
  return results;
}

/** Noise to signal, the mean over batches, in dB. */
async function decibels(graph: Graph, data = spread): Promise<number> {
  let sum = 0;
  for (const feeds of data) {
    const [expected, actual] = [await outputOf(network(), feeds, 'native'), await outputOf(graph, feeds, 'native')];
    const [y, x] = [expected.y!.data as Float32Array, actual.y!.data as Float32Array];
    const power = y.reduce((total, value) => total + value ** 2, 0);
    sum += y.reduce((total, value, i) => total + (value - x[i]!) ** 2, 0) / power / data.length;
  }
  return -10 * Math.log10(sum);
}

const quantized = (options: Partial<QuantizeOptions>) => quantize(network(), { calibration: spread, ...options });

test('16 bits reach what 8 do not, and the log, the file and its metadata say where', async (t) => {
  const eight = await decibels((await quantized({})).graph);
  const targetSqnrDb = eight + 6;
  const { graph, log } = await quantized({ mixedPrecision: { targetSqnrDb, fallback: 'int16' } });
  t.true((await decibels(graph)) >= targetSqnrDb - 1e-6);
  const wide = log.filter(({ isWide }) => isWide).map(({ node }) => node);
  t.true(wide.length > 0);
  const origin = JSON.parse(graph.metadata!['octensor.quantization']!) as { int16: string[]; precise?: string[] };
  t.deepEqual([...origin.int16].sort(), [...wide].sort());
  const float = log.filter(({ reason }) => reason?.startsWith('it is kept float for precision')).map(({ node }) => node);
  t.deepEqual([...(origin.precise ?? [])].sort(), [...float].sort());

  const folder = mkdtempSync(join(tmpdir(), 'octensor-int16-'));
  try {
    const file = join(folder, 'model.onnx');
    await saveModel(graph, file);
    const again = await loadModel(file);
    for (const feeds of spread) {
      expectSame(t, await outputOf(again, feeds, 'native'), await outputOf(graph, feeds, 'native'), 'from a file');
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('weights whose rounding is too much already make their nodes float', async (t) => {
  const { graph, log } = await quantized({ mixedPrecision: { targetSqnrDb: 70, fallback: 'int16' } });
  t.true((await decibels(graph)) >= 70 - 1e-6);
  t.true(log.some(({ reason }) => reason === 'it is kept float for precision'));
});

test('a target that 8 bits reach takes nothing else', async (t) => {
  const { graph, log } = await quantized({ mixedPrecision: { targetSqnrDb: 1, fallback: 'int16' } });
  t.false(log.some(({ isWide }) => isWide));
  t.false([...graph.values.values()].some(({ type }) => type === 'int16'));
});

test('fallbacks that are none', async (t) => {
  for (const fallback of ['int32', '', null, 16, {}]) {
    const mixedPrecision = { targetSqnrDb: 30, fallback } as never;
    await rejectsCode(t, quantized({ mixedPrecision }), 'ERR_OPTION');
  }
});

test('a bias for which a fine scale has no room gets one that has', (t) => {
  const x = { dtype: 'int16', scale: 1e-4, zeroPoint: 0 } as const;
  const bias = Float32Array.of(3, -3, 0.1);
  const tiny = Float32Array.of(1e-9, 1e-3, 1e-3);
  const weights = withRoomFor(bias, x, { dtype: 'int8', scale: tiny, zeroPoint: 0, axis: 0 });
  const scale = weights.scale as Float32Array;
  t.deepEqual([...scale.slice(1)], [...tiny.slice(1)]);
  const integers = quantizeBias(bias, x, weights).data;
  t.true(integers[0]! > 2 ** 30 && integers[0]! < 2 ** 31 - 1);
  for (const [i, value] of bias.entries())
    t.true(Math.abs(integers[i]! * x.scale * scale[i]! - value) <= 1e-6 * Math.abs(value));
  const one = withRoomFor(bias, x, { dtype: 'int8', scale: 1e-9, zeroPoint: 0 });
  t.true(quantizeBias(bias, x, one).data.every((integer) => Math.abs(integer) < 2 ** 31 - 1));
});
