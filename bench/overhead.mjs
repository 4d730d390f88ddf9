/** What a call takes beyond its steps: a small model through `runSync` and `run`, one after another, medians in microseconds. */
import { join } from 'node:path';
import { InferenceSession, Tensor } from '../dist/index.js';
import { printTable, testData } from './run.mjs';

const calls = 20000;
const session = await InferenceSession.create(join(testData(), 'models', 'tflite', 'mlperf_tiny', 'ad01_int8.tflite'), {
  backend: 'native',
  threads: 1,
});
const [input] = session.inputs;
if (input === undefined) throw new Error('the model has no input');
const dims = /** @type {number[]} */ (input.dims);
const feeds = { [input.name]: new Tensor('int8', new Int8Array(dims.reduce((a, b) => a * b)), dims) };

/** @param {number[]} values */
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** @param {() => unknown} call */
async function time(call) {
  const times = [];
  for (let i = 0; i < calls; i++) {
    const start = performance.now();
    await call();
    times.push((performance.now() - start) * 1000);
  }
  return median(times.slice(calls / 2));
}

function steps() {
  const times = Array.from({ length: calls / 4 }, () => {
    session.runSync(feeds, { profile: true });
    return session.lastProfile().reduce((sum, { microseconds }) => sum + microseconds, 0);
  });
  return median(times);
}

const rows = [];
for (let round = 0; round < 3; round++) {
  const [sum, sync, async] = [steps(), await time(() => session.runSync(feeds)), await time(() => session.run(feeds))];
  rows.push([
    `${round + 1}`,
    sum.toFixed(2),
    sync.toFixed(2),
    (sync - sum).toFixed(2),
    async.toFixed(2),
    (async - sync).toFixed(2),
  ]);
}
printTable('ad01_int8, µs', ['round', 'steps', 'runSync', 'above the steps', 'run', 'above runSync'], rows);
