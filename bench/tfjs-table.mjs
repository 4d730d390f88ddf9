/**
 * TensorFlow.js on the backends `octensor`, `cpu` and `wasm` (SIMD; in Node it has no threads), in one process: a training step of
 * a small network in the style of MobileNet v2 on pictures of digits, and MobileNet v1 at one picture of 224 by 224. Each backend has its own
 * model; rounds take turns; medians. `--profile` adds the kernels of a training step on octensor by the time that they take.
 */
import '@tensorflow/tfjs-backend-cpu';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { setThreads } from '../dist/tfjs/index.js';
import { createNetwork } from '../examples/qat-digits/network.mjs';
import { printTable } from './run.mjs';

const wasmFolder = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'));
setWasmPaths(`${wasmFolder}/`);
setThreadsCount(1);

/** @param {number[]} values */
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** @typedef {import('@tensorflow/tfjs-layers').SymbolicTensor} SymbolicTensor */

/**
 * Convolution, batch normalization and ReLU6.
 * @param {SymbolicTensor} x
 * @param {number} filters
 * @param {{ size?: number, strides?: number, depthwise?: boolean }} options
 */
function convolution(x, filters, { size = 1, strides = 1, depthwise = false } = {}) {
  const common = { kernelSize: size, strides, padding: /** @type {const} */ ('same'), useBias: false };
  const layer = depthwise
    ? layers.layers.depthwiseConv2d({ ...common, depthwiseInitializer: 'glorotUniform' })
    : layers.layers.conv2d({ ...common, filters });
  const y = layers.layers.batchNormalization({ axis: -1 }).apply(layer.apply(x));
  return /** @type {SymbolicTensor} */ (layers.layers.reLU({ maxValue: 6 }).apply(y));
}

/** The network of examples/qat-digits, to be trained. */
function digitNetwork() {
  const model = createNetwork(1);
  /** @param {tf.Tensor} labels @param {tf.Tensor} logits */
  const loss = (labels, logits) => tf.losses.softmaxCrossEntropy(labels, logits);
  model.compile({ optimizer: tf.train.adam(1e-3), loss, metrics: ['accuracy'] });
  return model;
}

/** MobileNet v1 as a Layers model for inference. @param {number} alpha */
function mobileNet(alpha) {
  const of = (/** @type {number} */ filters) => Math.round(filters * alpha);
  const input = layers.input({ shape: [224, 224, 3] });
  let x = convolution(input, of(32), { size: 3, strides: 2 });
  const blocks = [[64, 1], [128, 2], [128, 1], [256, 2], [256, 1], [512, 2], ...Array(5).fill([512, 1]), [1024, 2], [1024, 1]];
  for (const [filters, strides] of blocks) {
    x = convolution(convolution(x, 0, { size: 3, strides, depthwise: true }), of(filters));
  }
  const pooled = layers.layers.globalAveragePooling2d({}).apply(x);
  const output = layers.layers.dense({ units: 1000, activation: 'softmax' }).apply(pooled);
  return layers.model({ inputs: input, outputs: /** @type {SymbolicTensor} */ (output) });
}

/**
 * Milliseconds of one call on each side, in turns.
 * @param {readonly { backend: string, threads?: number, run: () => Promise<void>, calls: number, rounds?: number }[]} sides `rounds`: of a side that is slow, which does not
 *   warm up either
 * @param {number} rounds
 */
async function race(sides, rounds) {
  const times = sides.map(() => /** @type {number[]} */ ([]));
  for (let round = -1; round < rounds; round++) {
    for (const [i, { backend, threads = 1, run, calls, rounds: most = rounds }] of sides.entries()) {
      if (round >= most || (round < 0 && most < rounds)) continue;
      await tf.setBackend(backend);
      setThreads(threads);
      if (round < 0) {
        await run(); // compilation, first allocations
        continue;
      }
      for (let call = 0; call < calls; call++) {
        const start = performance.now();
        await run();
        times[i]?.push(performance.now() - start);
      }
    }
  }
  return times.map(median);
}

/** @param {string} backend @param {number} batch */
async function trainingStep(backend, batch) {
  await tf.setBackend(backend);
  const model = digitNetwork();
  const x = tf.randomUniform([batch, 28, 28, 1], 0, 1, 'float32', 1);
  const y = tf.oneHot(
    tf.tensor1d(
      Array.from({ length: batch }, (_, i) => i % 10),
      'int32',
    ),
    10,
  );
  return { model, run: async () => void (await model.trainOnBatch(x, y)) };
}

async function trainingTable() {
  const rows = [];
  for (const batch of [32, 64]) {
    const [octensor, cpu] = [await trainingStep('octensor', batch), await trainingStep('cpu', batch)];
    const [one = 0, two = 0, slow = 0] = await race(
      [
        { backend: 'octensor', threads: 1, run: octensor.run, calls: 7 },
        { backend: 'octensor', threads: 2, run: octensor.run, calls: 7 },
        { backend: 'cpu', run: cpu.run, calls: 1, rounds: 1 },
      ],
      5,
    );
    const epoch = (two * 8000) / batch / 1000;
    rows.push([
      `batch ${batch}, ${octensor.model.countParams()} parameters`,
      ...[one, two, slow].map((ms) => ms.toFixed(1)),
      (slow / two).toFixed(1),
      epoch.toFixed(1),
    ]);
  }
  const header = [
    'training step',
    'octensor, 1 thread (ms)',
    '2 threads (ms)',
    'cpu (ms)',
    'cpu / octensor',
    'epoch of 8,000 (s)',
  ];
  printTable('A training step (forward, backward, Adam), milliseconds', header, rows);
}

/** @param {string} backend @param {number} alpha */
async function inference(backend, alpha) {
  await tf.setBackend(backend);
  const model = mobileNet(alpha);
  const x = tf.randomUniform([1, 224, 224, 3], -1, 1, 'float32', 1);
  const run = async () => {
    const y = /** @type {tf.Tensor} */ (tf.tidy(() => model.predict(x)));
    await y.data();
    y.dispose();
  };
  return { run };
}

async function inferenceTable() {
  const rows = [];
  for (const alpha of [0.5, 1]) {
    const [octensor, wasm] = [await inference('octensor', alpha), await inference('wasm', alpha)];
    const [one = 0, two = 0, other = 0] = await race(
      [
        { backend: 'octensor', threads: 1, run: octensor.run, calls: 4 },
        { backend: 'octensor', threads: 2, run: octensor.run, calls: 4 },
        { backend: 'wasm', run: wasm.run, calls: 4 },
      ],
      7,
    );
    rows.push([
      `MobileNet v1 ${alpha.toFixed(1)}`,
      ...[one, two, other].map((ms) => ms.toFixed(1)),
      (other / one).toFixed(2),
      (other / two).toFixed(2),
    ]);
  }
  const header = [
    'model, 224 x 224',
    'octensor, 1 thread (ms)',
    '2 threads (ms)',
    'wasm (ms)',
    'wasm / 1 thread',
    'wasm / 2 threads',
  ];
  printTable('Inference, milliseconds', header, rows);
}

/**
 * Kernels of one training step by the time that they take: of each call the median of many steps, which all make the same calls.
 */
async function profileTable() {
  const [batch, steps] = [32, 15];
  const { run } = await trainingStep('octensor', batch);
  setThreads(1);
  for (let i = 0; i < 5; i++) await run();
  /** @type {{ name: string, ms: number[] }[]} */
  const calls = [];
  let next = 0;
  for (const { kernelName, kernelFunc } of tf.getKernelsForBackend('octensor')) {
    tf.unregisterKernel(kernelName, 'octensor');
    tf.registerKernel({
      kernelName,
      backendName: 'octensor',
      kernelFunc: (call) => {
        const begin = performance.now();
        const result = kernelFunc(call);
        calls[next] ??= { name: kernelName, ms: [] };
        calls[next++]?.ms.push(performance.now() - begin);
        return result;
      },
    });
  }
  const [whole, busy] = [/** @type {number[]} */ ([]), /** @type {number[]} */ ([])];
  for (let i = 0; i < steps; i++) {
    next = 0;
    const [begin, cpu] = [performance.now(), process.cpuUsage()];
    await run();
    whole.push(performance.now() - begin);
    const { user, system } = process.cpuUsage(cpu);
    busy.push((user + system) / 1000);
  }
  /** @type {Map<string, { count: number, ms: number }>} */
  const kernels = new Map();
  for (const { name, ms } of calls) {
    const { count, ms: sum } = kernels.get(name) ?? { count: 0, ms: 0 };
    kernels.set(name, { count: count + 1, ms: sum + median(ms) });
  }
  const sorted = [...kernels].sort(([, a], [, b]) => b.ms - a.ms);
  const inside = sorted.reduce((sum, [, { ms }]) => sum + ms, 0);
  const rows = sorted.map(([name, { count, ms }]) => [name, String(count), ms.toFixed(2)]);
  rows.push(['all kernels', String(calls.length), inside.toFixed(2)]);
  rows.push(['a step', '', median(whole).toFixed(2)], ['a step, processor time', '', median(busy).toFixed(2)]);
  printTable(`Kernels of a training step, batch ${batch}, 1 thread`, ['kernel', 'calls', 'ms'], rows);
}

if (process.argv.includes('--profile')) {
  await profileTable();
} else {
  if (!process.argv.includes('--inference')) await trainingTable();
  if (!process.argv.includes('--training')) await inferenceTable();
}
