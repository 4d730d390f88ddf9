/**
 * Trains a small MobileNetV2 on handwritten digits in float, then makes it smaller in every way that `octensor/qat` knows, and writes
 * what each of them costs: results.json, table.md, and index.html with the curves of training.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { calibrate, prepare, setBatchNormPhase } from 'octensor/qat';
import { loadDigits } from './data.mjs';
import { execute } from './execute.mjs';
import { createNetwork } from './network.mjs';
import { readOptions } from './options.mjs';
import { writePage } from './page.mjs';
import { openResults, writeTables } from './results.mjs';
import { runs as allRuns, bitsText, contentOf, keyOf, planOf, quickRuns, runsOfPart } from './runs.mjs';
import { accuracyOf, classify, fitDigits, stepsPerEpoch } from './training.mjs';

const { quick, backend, out, seeds, only, part, settings } = readOptions();
if (backend === 'octensor') await import('octensor/tfjs');
await tf.setBackend(backend);
await tf.ready();

const digits = loadDigits(settings.digits);
const wanted = (quick ? quickRuns : allRuns).filter((run) => only === undefined || keyOf(run).includes(only));
const chosen = runsOfPart(wanted, part);
const store = openResults(out, settings);

for (let seed = 1; seed <= seeds; seed++) {
  const float = await floatModel(seed);
  for (const run of chosen) {
    const key = keyOf(run);
    if (store.has(key, seed)) continue;
    const before = tf.memory().numTensors;
    const same = allRuns.find((other) => contentOf(other) === contentOf(run) && store.has(keyOf(other), seed));
    const result = same === undefined ? await measure(run, float, seed) : store.get(keyOf(same), seed);
    store.add({ ...result, key, seed, scheme: run.scheme, bits: bitsText(run), group: run.group ?? 'main' });
    console.log(
      `seed ${seed}  ${key}: ${result.accuracy.toFixed(2)} %${result.note === undefined ? '' : `  (${result.note})`}`,
    );
    if (tf.memory().numTensors !== before) throw new Error(`${tf.memory().numTensors - before} tensors are left over`);
    report();
  }
  float.dispose();
}
console.log(report());
const executed = store.results.filter(({ bits, agreement }) => bits === '8/8' && agreement !== undefined);
if (!executed.every(({ agreement, within }) => agreement >= 99.9 && within >= 99)) {
  console.error('integers and simulation differ: expected the same class for 99.9 % and one step for 99 % at 8/8');
  process.exitCode = 1;
}

/** The float model of a seed, trained or read from an earlier run. */
async function floatModel(seed) {
  const model = createNetwork(seed);
  const path = join(out, `float-${seed}.bin`);
  if (existsSync(path) && store.has('float', seed)) {
    const data = readFileSync(path);
    const all = new Float32Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength));
    let start = 0;
    const values = model.getWeights().map(({ shape, size }) => {
      start += size;
      return tf.tensor(all.slice(start - size, start), shape);
    });
    model.setWeights(values);
    tf.dispose(values);
    return model;
  }
  const measured = await fitDigits(model, digits, { epochs: settings.floatEpochs, learningRate: 4e-3, seed });
  const weights = model.getWeights().map((weight) => Float32Array.from(weight.dataSync()));
  writeFileSync(path, Buffer.concat(weights.map(({ buffer }) => Buffer.from(buffer))));
  const result = { ...measured, accuracy: accuracyOf(classify(model, digits.test), digits.test) };
  store.add({ key: 'float', seed, scheme: 'float', bits: '32/32', group: 'float', ...result });
  console.log(`seed ${seed}  float: ${result.accuracy.toFixed(2)} %`);
  return model;
}

/** One row of the table, for one seed. */
async function measure(run, float, seed) {
  const { isTrained = true, freezes = true, corrects = true, distills = false } = run;
  const { share, learningRate, moving } = planOf(run);
  const plan = { epochs: Math.ceil(settings.epochs * share), learningRate };
  const steps = plan.epochs * stepsPerEpoch(digits.train);
  // Whitepaper, section 3.2.2: moving averages when they are stable, fixed statistics for the rest
  const schedule = freezes ? { moving: Math.floor(steps * moving), freeze: Math.floor(2 * steps * moving) } : {};
  const model = prepare(float, { ...run.config, batchNorm: { ...schedule, correction: corrects } });
  const seen = tf.slice(digits.train.samples.x, 0, Math.min(250, digits.train.count));
  calibrate(model, seen);
  seen.dispose();
  let measured = { losses: [], noise: [], curve: [], seconds: 0 };
  if (isTrained) {
    const teacher = distills ? float : undefined;
    measured = await fitDigits(model, digits, { ...plan, seed: seed + 100, teacher });
  } else setBatchNormPhase(model, 'frozen');
  const result = { ...measured, accuracy: accuracyOf(classify(model, digits.test), digits.test) };
  try {
    return { ...result, ...(await execute(model, digits.test)) };
  } catch (error) {
    if (error.code === undefined) throw error;
    return { ...result, note: error.message };
  } finally {
    model.dispose();
  }
}

function report() {
  const text = writeTables(out, settings, store.results, chosen);
  writePage(join(out, 'index.html'), { settings, results: store.results, text });
  return text;
}
