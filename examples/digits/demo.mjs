/** A float digit classifier quantized in five ways: how accurate, how large and how fast it is, and whether both backends agree. */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { markdownTable } from 'markdown-table';
import { analyze, InferenceSession, loadModel, quantize, saveModel } from 'octensor';
import { calibrationBatches, testBatches } from './digits.mjs';

const batchSize = 4; // which divides the number of test digits
/** The reference is a definition, not fast: it gets the first ten of each digit. */
const referenceDigits = 10;

const methods = {
  'min/max, per tensor': { scheme: 'per-tensor' },
  'min/max, per channel': {},
  'percentile 99.99': { activations: { method: 'percentile', percentile: 99.99 } },
  entropy: { activations: { method: 'entropy' } },
  'equalized, bias corrected': { equalize: true, biasCorrection: true },
};

/** Where the largest of each row of scores is. */
function classesOf({ data, dims: [rows, columns] }) {
  return Array.from({ length: rows }, (_, row) => {
    const scores = data.subarray(row * columns, (row + 1) * columns);
    return scores.indexOf(Math.max(...scores));
  });
}

/** The model's answers to the test digits on native kernels: all scores, how many are right, and how long one takes in the fastest batch. */
async function evaluate(graph) {
  const session = await InferenceSession.create(graph, { threads: 1 });
  const answers = [];
  let [correct, milliseconds] = [0, Infinity];
  for (const { image, labels } of testBatches(batchSize)) {
    const start = performance.now();
    const { logits } = await session.run({ image });
    milliseconds = Math.min(milliseconds, performance.now() - start);
    const classes = classesOf(logits);
    correct += classes.filter((found, i) => found === labels[i]).length;
    answers.push(...classes);
  }
  await session.release();
  return { answers, correct, milliseconds: milliseconds / batchSize };
}

/** On the reference and on native kernels: accuracy there, and how far scores are apart at most. */
async function compareBackends(graph) {
  const native = await InferenceSession.create(graph, { threads: 1 });
  const reference = await InferenceSession.create(graph, { backend: 'reference' });
  let [correct, total, difference] = [0, 0, 0];
  for (const { image, labels } of testBatches(batchSize, referenceDigits)) {
    const [{ logits: expected }, { logits: actual }] = [await reference.run({ image }), await native.run({ image })];
    correct += classesOf(expected).filter((found, i) => found === labels[i]).length;
    total += labels.length;
    for (const [i, score] of expected.data.entries()) difference = Math.max(difference, Math.abs(score - actual.data[i]));
  }
  await Promise.all([native.release(), reference.release()]);
  return { correct, total, difference };
}

/** Feeds for calibration: the first 20 of each digit. */
function* calibration() {
  for (const { image } of calibrationBatches(20, batchSize)) yield { image };
}

/** Where a quantized model loses accuracy: the layer that clips most of its values. */
async function explain(name, graph) {
  const layers = await analyze(float, graph, calibration());
  const worst = layers.reduce((a, b) => (b.clippedFraction > a.clippedFraction ? b : a));
  const clipped = (100 * worst.clippedFraction).toFixed(1);
  return `${name}: the range of ${worst.node} clips ${clipped} % of its values, which leaves ${worst.sqnrDb.toFixed(1)} dB there.`;
}

const float = await loadModel(fileURLToPath(new URL('digits-mobilenet.onnx', import.meta.url)));
const folder = await mkdtemp(join(tmpdir(), 'octensor-digits-'));
const rows = [];
const notes = [];
/** Integers are the same bits on both backends, and quantized per channel the model answers as before. */
let isRight = true;
let floatAnswers;
try {
  for (const [name, options] of [['float', undefined], ...Object.entries(methods)]) {
    const graph = options === undefined ? float : (await quantize(float, { calibration: calibration(), ...options })).graph;
    const path = join(folder, 'digits.onnx');
    await saveModel(graph, path);
    const { answers, correct, milliseconds } = await evaluate(graph);
    floatAnswers ??= answers;
    const same = answers.filter((answer, i) => answer === floatAnswers[i]).length;
    if (same < 0.95 * answers.length) notes.push(await explain(name, graph));
    const backends = await compareBackends(graph);
    if (backends.difference > (options === undefined ? 1e-4 : 0)) isRight = false;
    if (name === 'min/max, per channel' && same < 0.99 * answers.length) isRight = false;
    rows.push([
      name,
      `${((100 * correct) / answers.length).toFixed(2)} %`,
      `${((100 * same) / answers.length).toFixed(2)} %`,
      String((await stat(path)).size),
      milliseconds.toFixed(3),
      `${backends.correct} of ${backends.total}`,
      backends.difference === 0 ? 'none' : backends.difference.toExponential(1),
    ]);
  }
} finally {
  await rm(folder, { recursive: true });
}
const titles = [
  'model',
  'accuracy',
  'same answer as float',
  'bytes',
  'ms a digit',
  'right on the reference',
  'backends differ by',
];
console.log(markdownTable([titles, ...rows], { align: ['l', ...titles.slice(1).map(() => 'r')] }));
console.log(`\n${floatAnswers.length} test digits, quantized with 200 others; native kernels, one thread.`);
for (const note of notes) console.log(note);
process.exitCode = isRight ? 0 : 1;
