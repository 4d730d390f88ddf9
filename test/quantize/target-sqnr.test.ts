/** Layers that stay float for a target, and what preparation and placing do for precision. */
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { type Graph, InferenceSession, loadModel, type QuantizeOptions, quantize, Tensor } from 'octensor';
import { prepareForAny } from '#lib/quantize/prepare.js';
import { floatGraph, normal } from '../support/float-layers.js';
import { Random } from '../support/random.js';
import { rejectsCode } from '../support/throws-async.js';

const digits = await loadModel(fileURLToPath(new URL('../../../examples/digits/digits-mobilenet.onnx', import.meta.url)));

const batches = [1, 2, 3, 4].map((seed) => {
  const random = new Random(seed);
  const data = Float32Array.from({ length: 784 }, () => random.uint32() / 2 ** 32);
  return { [digits.inputs[0]!]: new Tensor('float32', data, [1, 1, 28, 28]) };
});

/** Of the mean over batches of noise over signal. */
async function decibels(graph: Graph): Promise<number> {
  const sessions = [await InferenceSession.create(digits), await InferenceSession.create(graph)] as const;
  let ratio = 0;
  for (const feeds of batches) {
    const [y, x] = (await Promise.all(sessions.map((session) => session.run(feeds)))).map(
      (results) => results[digits.outputs[0]!]!.data as Float32Array,
    );
    let [signal, noise] = [0, 0];
    for (const [i, value] of y!.entries()) {
      signal += value ** 2;
      noise += (value - x![i]!) ** 2;
    }
    ratio += noise / signal / batches.length;
  }
  return -10 * Math.log10(ratio);
}

const preciseNodes = (log: Awaited<ReturnType<typeof quantize>>['log']) =>
  log.filter(({ reason }) => reason === 'it is kept float for precision').map(({ node }) => node);

test('as few layers as it takes stay float, and the log and the file name them', async (t) => {
  const without = await decibels((await quantize(digits, { calibration: batches })).graph);
  const counts: number[] = [];
  for (const more of [-3, 5, 12]) {
    const targetSqnrDb = without + more;
    const { graph, log } = await quantize(digits, { calibration: batches, mixedPrecision: { targetSqnrDb } });
    const precise = preciseNodes(log);
    counts.push(precise.length);
    t.true((await decibels(graph)) >= targetSqnrDb - 1e-6);
    const origin = JSON.parse(graph.metadata!['octensor.quantization']!) as { precise?: string[] };
    t.deepEqual([...(origin.precise ?? [])].sort(), [...precise].sort());
  }
  t.is(counts[0], 0);
  t.true(counts[1]! > 0 && counts[1]! <= counts[2]! && counts[2]! < digits.nodes.length, String(counts));
});

test('targets that are none', async (t) => {
  for (const mixedPrecision of [{ targetSqnrDb: 0 }, { targetSqnrDb: Number.NaN }, {}, null]) {
    const options = { calibration: batches, mixedPrecision } as unknown as QuantizeOptions;
    await rejectsCode(t, quantize(digits, options), 'ERR_OPTION');
  }
  const options = { mode: 'weights', mixedPrecision: { targetSqnrDb: 30 } } as const;
  await rejectsCode(t, quantize(digits, options), 'ERR_OPTION');
  await rejectsCode(t, quantize(digits, { equalize: 'x' } as unknown as QuantizeOptions), 'ERR_OPTION');
});

/** As TFLite files have it: activations are part of convolutions, and a pooling sees the whole image. */
function fused(): Graph {
  const constants = { w1: normal([4, 1, 1, 3], 1), w2: normal([4, 1, 1, 3], 2), w3: normal([5, 1, 1, 8], 3) };
  const image = [1, 4, 4, 4];
  const dims = { a1: image, a2: image, all: [1, 4, 4, 8], mean: [1, 1, 1, 8], y: [1, 1, 1, 5] };
  return floatGraph([1, 4, 4, 3], dims, constants, [
    { op: 'Conv2D', inputs: ['x', 'w1'], outputs: ['a1'], attributes: { activation: 'relu6' } },
    { op: 'Conv2D', inputs: ['x', 'w2'], outputs: ['a2'], attributes: { activation: 'relu' } },
    { op: 'Concat', inputs: ['a1', 'a2'], outputs: ['all'], attributes: { axis: 3 } },
    { op: 'AveragePool2D', inputs: ['all'], outputs: ['mean'], attributes: { size: [4, 4], strides: [4, 4] } },
    { op: 'Conv2D', inputs: ['mean', 'w3'], outputs: ['y'] },
  ]);
}

test('clamps are nodes and poolings of whole images means, whatever the file had', (t) => {
  const ops = prepareForAny(fused()).prepared.nodes.map(({ op }) => op);
  t.deepEqual(ops, ['Conv2D', 'Relu6', 'Conv2D', 'Relu', 'Concat', 'Mean', 'Conv2D']);
});

test('what a Concat alone reads has its scale, and clamps are part of convolutions again', async (t) => {
  const calibration = [1, 2].map((seed) => ({ x: normal([1, 4, 4, 3], seed) }));
  const { graph, log } = await quantize(fused(), { calibration });
  t.true(log.every(({ reason }) => reason === undefined));
  const concat = graph.nodes.find(({ op }) => op === 'Concat')!;
  const scales = [...concat.inputs, ...concat.outputs].map((name) => graph.values.get(name)!.qparams!.scale);
  t.is(new Set(scales).size, 1);
  const clamped = graph.nodes.filter(({ op }) => op === 'Conv2D').map(({ attributes }) => attributes.activation ?? 'none');
  t.deepEqual(clamped, ['relu6', 'relu', 'none']);
});
