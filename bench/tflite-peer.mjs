/**
 * TFLite models beside tfjs-tflite (TensorFlow Lite with XNNPACK as WebAssembly, the other way to run them in Node), one thread each, in
 * turns, in one process: neither has threads that would disturb the other. The peer is
 * `npm install --no-save --ignore-scripts --legacy-peer-deps @tensorflow/tfjs-tflite@0.0.1-alpha.10`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { InferenceSession, Tensor } from '../dist/index.js';
import { printTable, testData } from './run.mjs';

const require = createRequire(join(process.cwd(), 'package.json'));
const wasm = join(dirname(require.resolve('@tensorflow/tfjs-tflite/package.json')), 'wasm');
const tflite = await require(join(wasm, 'tflite_web_api_cc_simd.js'))({
  wasmBinary: readFileSync(join(wasm, 'tflite_web_api_cc_simd.wasm')),
});
const data = join(testData(), 'models', 'tflite');
const models = [
  'coral/tf2_mobilenet_v2_1.0_224_ptq',
  'coral/mobilenet_v2_1.0_224_quant',
  'coral/mobilenet_v1_0.75_192_quant',
  'tflite_support/mobilenet_v1_0.25_224_float',
  'mlperf_tiny/ic_resnet8_int8',
  'mlperf_tiny/vww_96_int8',
  'mlperf_tiny/kws_dscnn_int8',
];
const rounds = 15;

/** @param {string} file */
function peerOf(file) {
  const bytes = readFileSync(file);
  const pointer = tflite._malloc(bytes.length);
  tflite.HEAPU8.set(bytes, pointer);
  const status = tflite.TFLiteWebModelRunner.CreateFromBufferAndOptions(pointer, bytes.length, {
    numThreads: 1,
    enableProfiling: false,
    maxProfilingBufferEntries: 0,
  });
  if (!status.ok()) throw new Error(`${file}: ${status.errorMessage()}`);
  const runner = status.value();
  return { input: runner.GetInputs().get(0), run: () => runner.Infer() };
}

/** @param {() => void} call */
function milliseconds(call) {
  call();
  const start = performance.now();
  let count = 0;
  do {
    call();
    count++;
  } while (performance.now() - start < 20);
  return (performance.now() - start) / count;
}

/** @param {readonly number[]} values */
const median = (values) => /** @type {number} */ (values.toSorted((a, b) => a - b)[values.length >> 1]);

const rows = [];
for (const model of models) {
  const file = join(data, `${model}.tflite`);
  if (!existsSync(file)) continue;
  const session = await InferenceSession.create(file, { threads: 1, backend: 'native' });
  const [input] = session.inputs;
  if (input === undefined) continue;
  const dims = /** @type {readonly number[]} */ (input.dims);
  const size = dims.reduce((product, dim) => product * dim, 1);
  const elements = Array.from({ length: size }, (_, i) => (input.type === 'float32' ? Math.sin(i) : (i * 31) % 100));
  const tensor = new Tensor(/** @type {'float32'} */ (input.type), elements, dims);
  const peer = peerOf(file);
  peer.input.data().set(tensor.data);
  const [ours, theirs] = [[], []].map((list) => /** @type {number[]} */ (list));
  for (let round = 0; round < rounds; round++) {
    ours?.push(milliseconds(() => session.runSync({ [input.name]: tensor })));
    theirs?.push(milliseconds(peer.run));
  }
  const [a, b] = [median(ours ?? []), median(theirs ?? [])];
  rows.push([model, a.toPrecision(3), b.toPrecision(3), (b / a).toFixed(1)]);
  await session.release();
}
printTable('TFLite models, one thread', ['model', 'octensor, ms', 'tfjs-tflite, ms', 'ratio'], rows);
