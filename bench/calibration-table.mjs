/**
 * Calibrating SqueezeNet with pictures, over the time that onnxruntime-node needs to just run them: both in one process, taking turns,
 * two threads each, medians. Needs onnxruntime-node, found from the current folder. `--pictures 100` and `--rounds 5` do what they
 * say; the pictures are waves and noise, in memory before anything is timed. What quantizing costs once, for any number of pictures (search
 * for ranges, integer weights), counts.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { InferenceSession, loadModel, quantize, Tensor } from '../dist/index.js';
import { printTable, testData } from './run.mjs';

const { values } = parseArgs({
  options: { pictures: { type: 'string', default: '100' }, rounds: { type: 'string', default: '5' } },
});
const [count, rounds] = [Number(values.pictures), Number(values.rounds)];
const peer = createRequire(join(process.cwd(), 'x.js'))('onnxruntime-node');
const file = join(testData(), 'models', 'onnx', 'derived', 'squeezenet_from_fp16_fp32.onnx');
const methods = /** @type {const} */ (['minmax', 'ema', 'percentile', 'mse', 'entropy']);
const dims = [1, 3, 224, 224];

let state = 1;
const noise = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32 - 0.5;
};
const pictures = Array.from({ length: count }, () => {
  const [fx, fy, phase, depth] = [noise() / 4, noise() / 4, noise() * 6, 20 + 60 * Math.abs(noise())];
  return Float32Array.from(
    { length: 3 * 224 * 224 },
    (_, i) => 100 * Math.sin((i % 224) * fx + (Math.floor(i / 224) % 224) * fy + phase) + depth * noise(),
  );
});

const graph = await loadModel(file);
const name = /** @type {string} */ (graph.inputs[0]);
const feeds = pictures.map((data) => ({ [name]: new Tensor('float32', data, dims) }));
const ours = await InferenceSession.create(graph, { backend: 'native', threads: 2 });
const options = { intraOpNumThreads: 2, interOpNumThreads: 1, logSeverityLevel: 3 };
const theirs = await peer.InferenceSession.create(file, options);

/** @type {readonly (readonly [string, () => Promise<void>])[]} */
const contestants = [
  [
    'onnxruntime-node, runs alone',
    async () => {
      for (const data of pictures) await theirs.run({ [name]: new peer.Tensor('float32', data, dims) });
    },
  ],
  [
    'octensor, runs alone',
    async () => {
      for (const feed of feeds) await ours.run(feed);
    },
  ],
  ...methods.map(
    (method) =>
      /** @type {const} */ ([
        `quantize, ${method}`,
        async () => {
          await quantize(graph, { calibration: feeds, activations: { method } });
        },
      ]),
  ),
];
const times = contestants.map(() => /** @type {number[]} */ ([]));
for (let round = 0; round < rounds; round++) {
  for (const [i, [, run]] of contestants.entries()) {
    const start = performance.now();
    await run();
    times[i]?.push(performance.now() - start);
  }
}
/** @param {readonly number[]} all */
const median = (all) => all.toSorted((a, b) => a - b)[all.length >> 1] ?? Number.NaN;
const base = median(times[0] ?? []);
const rows = contestants.map(([title], i) => {
  const time = median(times[i] ?? []);
  return [title, time.toFixed(0), (time / base).toFixed(2)];
});
console.log(`Node ${process.versions.node}, 2 threads, ${count} pictures`);
printTable('Calibration of SqueezeNet', ['', 'ms', 'ratio'], rows);
