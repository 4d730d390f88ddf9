/** `quantize`: what goes in, what comes out, and what is refused. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { type Graph, InferenceSession, loadModel, type QuantizeOptions, quantize, saveModel, Tensor } from 'octensor';
import { agreementOf } from '#lib/quantize/agreement.js';
import { Random } from '../support/random.js';

const model = fileURLToPath(new URL('../../../examples/digits/digits-mobilenet.onnx', import.meta.url));
const float = await loadModel(model);

function batch(seed: number, size = 1): Record<string, Tensor> {
  const random = new Random(seed);
  const data = Float32Array.from({ length: size * 784 }, () => random.uint32() / 2 ** 32);
  return { [float.inputs[0]!]: new Tensor('float32', data, [size, 1, 28, 28]) };
}
const batches = [1, 2, 3].map((seed) => batch(seed));

async function outputOf(graph: Graph, feeds: Record<string, Tensor>, backend: 'native' | 'reference' | 'auto' = 'auto') {
  const session = await InferenceSession.create(graph, { backend });
  const results = await session.run(feeds);
  await session.release();
  return results[graph.outputs[0]!]!.data as Float32Array;
}

function decibels(expected: Float32Array, actual: Float32Array): number {
  const signal = expected.reduce((sum, x) => sum + x * x, 0);
  return 10 * Math.log10(signal / expected.reduce((sum, x, i) => sum + (x - actual[i]!) ** 2, 0));
}

const variants: readonly (readonly [string, QuantizeOptions, number])[] = [
  ['by default', {}, 25],
  ['as TFLite has it', { scheme: 'tflite' }, 25],
  ['symmetric', { scheme: 'symmetric' }, 22],
  ['weights of a whole tensor', { scheme: 'per-tensor' }, 20],
  ['moving averages', { activations: { method: 'ema' } }, 15],
  ['percentiles', { activations: { method: 'percentile' } }, 25],
  ['least error', { activations: { method: 'mse' } }, 25],
  ['entropy', { activations: { method: 'entropy' } }, 15],
  ['equalized', { equalize: true }, 22],
  ['corrected biases', { biasCorrection: true }, 25],
  ['4-bit weights, AdaRound', { weights: { bits: 4 }, adaround: true }, 12],
  ['random rounding', { weights: { stochastic: true } }, 20],
  ['smoothed', { smooth: 0.5 }, 20],
];

for (const [title, options, least] of variants) {
  test(`${title}: near the float model, the same bits on both backends and from a file`, async (t) => {
    const { graph, ranges, log } = await quantize(float, { ...options, calibration: batches });
    t.true(ranges.size > 20);
    t.true(log.every(({ reason }) => reason === undefined));
    const feeds = batch(9, 2);
    const [expected, native, reference] = [
      await outputOf(float, feeds),
      await outputOf(graph, feeds),
      await outputOf(graph, feeds, 'reference'),
    ];
    t.deepEqual(native, reference);
    t.true(decibels(expected, native) > least, `${decibels(expected, native)} dB`);
    const path = join(mkdtempSync(join(tmpdir(), 'octensor-')), 'q.onnx');
    await saveModel(graph, path);
    t.deepEqual(await outputOf(await loadModel(path), feeds), native);
  });
}

test('the same data and seed give the same file', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'octensor-'));
  for (const name of ['a', 'b']) {
    const { graph } = await quantize(float, { calibration: batches, weights: { stochastic: true }, seed: 7 });
    await saveModel(graph, join(folder, name));
  }
  t.deepEqual(readFileSync(join(folder, 'a')), readFileSync(join(folder, 'b')));
  t.regex(readFileSync(join(folder, 'a'), 'latin1'), /octensor\.quantization/);
});

for (const [title, options, least] of [
  ['weights alone', { mode: 'weights' }, 30],
  ['4-bit weights in buckets', { mode: 'weights', weights: { bits: 4, granularity: { bucket: 16 } } }, 12],
  ['matrix products as they run', { mode: 'dynamic' }, 30],
] as const satisfies readonly (readonly [string, QuantizeOptions, number])[]) {
  test(`${title}: no data are needed`, async (t) => {
    const { graph } = await quantize(float, options);
    const read = new Set(graph.nodes.flatMap(({ inputs }) => inputs));
    t.true([...graph.constants.keys()].every((name) => read.has(name)));
    const feeds = batch(9, 2);
    const [expected, actual] = [await outputOf(float, feeds), await outputOf(graph, feeds)];
    t.true(decibels(expected, actual) > least, `${decibels(expected, actual)} dB`);
  });
}

test('data are taken one batch at a time, and an aborted signal stops that', async (t) => {
  const controller = new AbortController();
  let taken = 0;
  async function* endless() {
    for (;;) {
      if (++taken === 5) controller.abort();
      yield batch(taken);
    }
  }
  await t.throwsAsync(quantize(float, { calibration: endless(), signal: controller.signal }), { code: 'ERR_ABORTED' });
  t.true(taken <= 6, String(taken));
});

test('excluded nodes stay float', async (t) => {
  const { graph, log } = await quantize(float, { calibration: batches, exclude: ['Conv2D'] });
  const convolutions = graph.nodes.filter(({ op }) => op === 'Conv2D');
  t.true(convolutions.length > 0);
  for (const { outputs } of convolutions) t.is(graph.values.get(outputs[0]!)?.qparams, undefined);
  t.true(log.some(({ reason }) => reason === 'excluded'));
  t.is(new Set(log.map(({ node }) => node)).size, log.length);
});

test('near chance is told from agreement', async (t) => {
  const warnings: string[] = [];
  const { graph } = await quantize(float, { calibration: batches, onWarning: (message) => warnings.push(message) });
  t.deepEqual(warnings, []);
  t.like(await agreementOf(float, graph, batches), { rows: 3, same: 3, isNearChance: false });
  // Scores upside down
  const last = graph.outputs[0]!;
  const raw = {
    ...graph,
    nodes: graph.nodes.map((node) => ({ ...node, outputs: node.outputs.map((n) => (n === last ? 'raw' : n)) })),
  };
  const negated = {
    ...raw,
    nodes: [...raw.nodes, { name: 'neg', op: 'Neg', attributes: {}, inputs: ['raw'], outputs: [last] }],
  };
  t.like(await agreementOf(float, negated, batches), { same: 0, isNearChance: true });
});

const refused = test.macro(async (t, make: () => Promise<unknown>, code: string, message: RegExp) => {
  await t.throwsAsync(make, { code, message });
});
const withNaN = { [float.inputs[0]!]: new Tensor('float32', new Float32Array(784).fill(Number.NaN), [1, 1, 28, 28]) };

test('no data', refused, () => quantize(float, { calibration: [] }), 'ERR_OPTION', /at least one batch/);
test('data that are none', refused, () => quantize(float, { calibration: 7 as never }), 'ERR_OPTION', /iterable/);
test('no calibration', refused, () => quantize(float, {}), 'ERR_OPTION', /calibration/);
test('NaN', refused, () => quantize(float, { calibration: [withNaN] }), 'ERR_QUANTIZATION', /image/);
test(
  'a wrong shape',
  refused,
  () => quantize(float, { calibration: [{ image: new Tensor('float32', [1], [1]) }] }),
  'ERR_SHAPE',
  /image/,
);
test(
  'an unknown method',
  refused,
  () => quantize(float, { calibration: batches, activations: { method: 'magic' as never } }),
  'ERR_OPTION',
  /activations\.method/,
);
test(
  'a model that is quantized already',
  refused,
  async () => quantize((await quantize(float, { calibration: batches })).graph, { calibration: batches }),
  'ERR_QUANTIZATION',
  /already/,
);
