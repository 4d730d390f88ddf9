/**
 * How long a fresh process takes from `import 'octensor'` to its first result of MobileNet v2, with and without the compiled code that
 * an earlier process left in dist/chunks/, against onnxruntime-node where that is installed (seen from the current folder or from
 * this one): medians of `--processes` (default 15) of each, which take turns.
 * Models come from OCTENSOR_TEST_DATA (default: ../shared/data).
 */
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { printTable, root, testData } from './run.mjs';

const options = { processes: { type: 'string', default: '15' } };
const { values } = parseArgs({ options: /** @type {const} */ (options) });
const phases = /** @type {const} */ (['import', 'create', 'first run']);

/**
 * A whole process; `marks` are the times before and after each phase.
 * @param {string} module
 * @param {string} model
 */
const ours = (module, model) => `
  const marks = [performance.now()];
  const { InferenceSession, Tensor } = await import(${JSON.stringify(module)});
  marks.push(performance.now());
  const session = await InferenceSession.create(${JSON.stringify(model)});
  marks.push(performance.now());
  const [{ name, type, dims }] = session.inputs;
  const data = new Uint8Array(dims.reduce((a, b) => a * b));
  await session.run({ [name]: new Tensor(type, type === 'int8' ? new Int8Array(data.buffer) : data, dims) });
  marks.push(performance.now());
  process.stdout.write(JSON.stringify(marks));`;

/**
 * The same for the peer; its model takes float32 pictures and quantizes them.
 * @param {string} module
 * @param {string} model
 */
const theirs = (module, model) => `
  const marks = [performance.now()];
  const { createRequire } = await import('node:module');
  const { InferenceSession, Tensor } = createRequire(${JSON.stringify(module)})(${JSON.stringify(module)});
  marks.push(performance.now());
  const session = await InferenceSession.create(${JSON.stringify(model)});
  marks.push(performance.now());
  const dims = [1, 3, 224, 224];
  const data = new Float32Array(3 * 224 * 224);
  await session.run({ [session.inputNames[0]]: new Tensor('float32', data, dims) });
  marks.push(performance.now());
  process.stdout.write(JSON.stringify(marks));`;

/**
 * @param {string} script
 * @param {NodeJS.ProcessEnv} [env]
 */
function measure(script, env) {
  const marks = JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    }),
  );
  return [...phases.map((_, i) => marks[i + 1] - marks[i]), marks.at(-1) - marks[0]];
}

function resolvePeer() {
  for (const folder of [process.cwd(), root]) {
    try {
      return createRequire(join(folder, 'package.json')).resolve('onnxruntime-node');
    } catch {
      // Looked for in the next folder
    }
  }
  return undefined;
}

/** @param {readonly number[]} samples */
const median = (samples) => samples.toSorted((a, b) => a - b)[samples.length >> 1] ?? Number.NaN;

const models = join(testData(), 'models');
const peer = resolvePeer();
const script = ours(
  pathToFileURL(join(root, 'dist', 'index.js')).href,
  join(models, 'tflite', 'coral', 'tf2_mobilenet_v2_1.0_224_ptq.tflite'),
);
const programs = [
  { name: 'octensor', script },
  { name: 'octensor, compiling', script, env: { NODE_DISABLE_COMPILE_CACHE: '1' } },
  ...(peer
    ? [{ name: 'onnxruntime-node', script: theirs(peer, join(models, 'onnx', 'zoo_int8', 'mobilenetv2-12-int8.onnx')) }]
    : []),
];
measure(script); // leaves its code behind
/** @type {number[][][]} */
const samples = programs.map(() => []);
for (let i = 0; i < Number(values.processes); i++) {
  for (const [p, { script, env }] of programs.entries()) samples[p]?.push(measure(script, env));
}
const medians = samples.map((rows) =>
  [...phases, 'total'].map((_, phase) => median(rows.map((row) => row[phase] ?? Number.NaN))),
);
printTable(
  `Cold start, ms, medians of ${values.processes} processes; Node ${process.versions.node}`,
  ['', ...phases, 'total'],
  [
    ...programs.map(({ name }, p) => [name, ...(medians[p] ?? []).map((ms) => ms.toFixed(1))]),
    ...(peer ? [['ratio', ...(medians[0] ?? []).map((ms, i) => (ms / (medians[2]?.[i] ?? Number.NaN)).toFixed(2))]] : []),
  ],
);
