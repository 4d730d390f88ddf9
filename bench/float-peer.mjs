/**
 * A float32 network in octensor (as TFLite) and in onnxruntime-node (as ONNX): the RFB-320 face detector, which both formats of the
 * test data hold. Processes take turns; medians of their medians. Needs onnxruntime-node, found from the current folder.
 */
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { printTable, root, testData } from './run.mjs';

const rounds = 7;
const peer = createRequire(join(process.cwd(), 'x.js')).resolve('onnxruntime-node');
const models = join(testData(), 'models');

const timing = `
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
async function time(run) {
  for (let i = 0; i < 30; i++) await run();
  const times = [];
  for (let i = 0; i < 60; i++) { const start = performance.now(); await run(); times.push(performance.now() - start); }
  console.log(median(times));
}`;

/** @param {number} threads */
const ours = (threads) => `
import { InferenceSession, Tensor } from ${JSON.stringify(pathToFileURL(join(root, 'dist', 'index.js')).href)};
${timing}
const model = ${JSON.stringify(join(models, 'tflite', 'ultraface', 'version-RFB-320_without_postprocessing_float.tflite'))};
const session = await InferenceSession.create(model, { backend: 'native', threads: ${threads} });
const [{ name, dims }] = session.inputs;
const x = new Tensor('float32', new Float32Array(dims.reduce((a, b) => a * b)).map((_, i) => (i % 255) / 128 - 1), dims);
await time(() => session.run({ [name]: x }));`;

/** @param {number} threads */
const theirs = (threads) => `
import { createRequire } from 'node:module';
const { InferenceSession, Tensor } = createRequire(import.meta.url)(${JSON.stringify(peer)});
${timing}
const options = { intraOpNumThreads: ${threads}, interOpNumThreads: 1, logSeverityLevel: 3 };
const session = await InferenceSession.create(${JSON.stringify(join(models, 'onnx', 'vision', 'version-RFB-320.onnx'))}, options);
const dims = [1, 3, 240, 320];
const x = new Tensor('float32', new Float32Array(3 * 240 * 320).map((_, i) => (i % 255) / 128 - 1), dims);
await time(() => session.run({ [session.inputNames[0]]: x }));`;

/** @param {string} script */
function measure(script) {
  return Number(execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' }));
}

/** @param {number[]} values */
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

const rows = [1, 2].map((threads) => {
  const [a, b] = [/** @type {number[]} */ ([]), /** @type {number[]} */ ([])];
  for (let round = 0; round < rounds; round++) {
    a.push(measure(ours(threads)));
    b.push(measure(theirs(threads)));
  }
  const [mine, other] = [median(a), median(b)];
  return [String(threads), mine.toFixed(2), other.toFixed(2), (other / mine).toFixed(2)];
});
printTable('RFB-320, float32', ['threads', 'octensor, ms', 'onnxruntime-node, ms', 'ratio'], rows);
