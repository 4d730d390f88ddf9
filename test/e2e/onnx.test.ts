import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { Tensor } from 'octensor';
import { npyBytes } from '#lib/cli/npy.js';
import { commandIn } from '../support/command.js';
import { node, onnxModel, value } from '../support/onnx-file.js';
import { BuiltinOperator, buildModel, TensorType } from '../support/tflite-model.js';

const cli = fileURLToPath(new URL('../../../dist/cli/index.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'octensor-onnx-'));
test.after.always(() => rmSync(folder, { recursive: true }));
const write = (name: string, bytes: Uint8Array) => writeFileSync(join(folder, name), bytes);

const floats = (data: readonly number[], dims?: readonly number[]) => new Tensor('float32', data, dims);

/** scores = relu(x · w) + b, two numbers to three scores, for any batch. */
const linear = (weights: readonly number[], bias: readonly number[], names = { x: 'x', y: 'scores' }) =>
  onnxModel({
    inputs: [value(names.x, 'float32', ['batch', 2])],
    outputs: [value(names.y, 'float32', ['batch', 3])],
    initializers: { w: floats(weights, [2, 3]), b: floats(bias) },
    nodes: [node(`product = MatMul ${names.x} w`), node('positive = Relu product'), node(`${names.y} = Add positive b`)],
  });
const weights = [1, 2, 3, 4, 5, 6];
write('linear.onnx', linear(weights, [0, 0, 1]));
write('near.onnx', linear([1.01, 2, 3, 4, 5, 6.02], [0, 0, 1], { x: 'input', y: 'output' }));
write('far.onnx', linear([6, 5, 4, 3, 2, 1], [0, 0, 0]));
write('broken.onnx', linear([NaN, 2, 3, 4, 5, 6], [0, 0, 1]));
write(
  'two-outputs.onnx',
  onnxModel({
    inputs: [value('x', 'float32', ['batch', 2])],
    outputs: [value('y'), value('z')],
    nodes: [node('y = Relu x'), node('z = Abs x')],
  }),
);

/** Two convolutions of one pixel, of which only the first has its result quantized. */
const scalar = (data: number) => new Tensor('float32', [data], []);
write(
  'qdq.onnx',
  onnxModel({
    inputs: [value('x', 'float32', [1, 2, null, null])],
    outputs: [value('y', 'float32', [1, 3, null, null])],
    initializers: {
      s: scalar(0.125),
      z: new Tensor('uint8', [128], []),
      ws: scalar(0.5),
      wz: new Tensor('int8', [0], []),
      wq: new Tensor('int8', [1, -2, 3, -4, 5, -6], [3, 2, 1, 1]),
      w2: floats([1, 0, 0, 0, 1, 0, 0, 0, 1], [3, 3, 1, 1]),
    },
    nodes: [
      node('xq = QuantizeLinear x s z'),
      node('xd = DequantizeLinear xq s z'),
      node('w = DequantizeLinear wq ws wz'),
      node('c = Conv xd w'),
      node('cq = QuantizeLinear c s z'),
      node('cd = DequantizeLinear cq s z'),
      node('y = Conv cd w2'),
    ],
  }),
);
write(
  'logistic.tflite',
  buildModel({
    tensors: [
      { name: 'x', type: TensorType.FLOAT32, shape: [1, 4] },
      { name: 'y', type: TensorType.FLOAT32, shape: [1, 4] },
    ],
    inputs: [0],
    outputs: [1],
    operators: [{ code: BuiltinOperator.LOGISTIC, inputs: [0], outputs: [1] }],
  }),
);
write('x.npy', npyBytes(floats([0.5, 2], [1, 2])));

const octensor = commandIn(folder);

const failure = test.macro(async (t, args: readonly string[], code: number, line: RegExp) => {
  const ended = await octensor(...args);
  t.is(ended.code, code, ended.stderr);
  t.is(ended.stdout, '');
  t.regex(ended.stderr, /^octensor: ERR_[A-Z_]+: [^\n]+\n$/);
  t.regex(ended.stderr, line);
});

test('run prints the classes of an ONNX model', async (t) => {
  const { code, stdout, stderr } = await octensor('run', 'linear.onnx', '--input', 'x=x.npy', '--json');
  t.is(code, 0, stderr);
  const [output] = JSON.parse(stdout).outputs;
  t.deepEqual(output.top, [
    { index: 2, score: 14.5 },
    { index: 1, score: 11 },
    { index: 0, score: 8.5 },
  ]);
});

test('compare: a model and its reference have the same bits', async (t) => {
  const { code, stdout, stderr } = await octensor('compare', 'qdq.onnx', '--against', 'reference', '--random', '--json');
  t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  t.deepEqual(JSON.parse(stdout), {
    ok: true,
    sides: [
      { model: 'qdq.onnx', runner: 'auto' },
      { model: 'qdq.onnx', runner: 'reference' },
    ],
    outputs: [{ name: 'y', ok: true, maxAbsDifference: 0, sqnrDb: null, cosine: 1 }],
  });
});

test('compare: two models whose values have other names', async (t) => {
  const { code, stdout, stderr } = await octensor('compare', 'near.onnx', 'linear.onnx', '--input', 'input=x.npy', '--json');
  t.is(code, 0, stderr);
  const [output] = JSON.parse(stdout).outputs;
  // [8.505, 11, 14.54] for [8.5, 11, 14.5]
  t.like(output, { name: 'output', ok: true, sameTop: true });
  t.true(Math.abs(output.maxAbsDifference - 0.04) < 1e-5);
  t.true(Math.abs(output.sqnrDb - 10 * Math.log10((8.5 ** 2 + 11 ** 2 + 14.5 ** 2) / (0.005 ** 2 + 0.04 ** 2))) < 0.01);
  t.true(output.cosine > 0.9999 && output.cosine < 1);
});

test('compare: a failed comparison has status 1 and says why', async (t) => {
  for (const [model, reason, ...options] of [
    ['far.onnx', /scores: \d\.\d dB, expected at least 20/],
    ['far.onnx', /scores: another top class/, '--min-sqnr', '0'],
    ['broken.onnx', /scores: NaN dB/],
  ] as const) {
    const args = ['compare', model, 'linear.onnx', '--input', 'x=x.npy', ...options];
    const { code, stdout, stderr } = await octensor(...args);
    t.is(code, 1);
    t.regex(stderr, /^octensor: ERR_COMPARISON: [^\n]+\n$/);
    t.regex(stderr, reason);
    t.regex(stdout, /\| scores \|.*FAILED/);
  }
});

test('compare --per-layer: values that both models have', async (t) => {
  const args = ['compare', 'far.onnx', 'linear.onnx', '--input', 'x=x.npy', '--per-layer', '--min-sqnr', '-100', '--json'];
  const { layers } = JSON.parse((await octensor(...args)).stdout);
  t.deepEqual(
    layers.map(({ value: name, op }: { value: string; op: string }) => [name, op]),
    [
      ['product', 'MatMul'],
      ['positive', 'Relu'],
      ['scores', 'Add'],
    ],
  );
  // [9, 6.5, 4] for [8.5, 11, 13.5]
  t.is(layers[0].maxAbsDifference, 9.5);
});

const compare = (...args: readonly string[]) => ['compare', 'linear.onnx', ...args];
test('compare: one model alone', failure, compare('--random'), 2, /expected MODEL_B, or --against/);
test('compare: no inputs', failure, compare('far.onnx'), 2, /no --input NAME=FILE for input "x"/);
test('compare: random and files', failure, compare('far.onnx', '--random', '--input', 'x=x.npy'), 2, /got both/);
test(
  'compare: another number of outputs',
  failure,
  compare('two-outputs.onnx', '--random'),
  1,
  /ERR_COMPARISON: .*1 and 2 outputs/,
);
test('compare: an unknown runner', failure, compare('--against', 'gpu'), 2, /--against.*reference, native, onnxruntime/);
test('compare: a shape of no input', failure, compare('far.onnx', '--random', '--shape', 'y=1x2'), 2, /no input "y".*"x"/);
test(
  'compare: a shape against the model',
  failure,
  compare('far.onnx', '--random', '--shape', 'x=1x3'),
  2,
  /--shape: input "x": expected \[batch, 2\], got \[1, 3\]/,
);
test('a shape that is none', failure, ['inspect', 'linear.onnx', '--shape', 'x=1xtwo'], 2, /--shape.*'x=1xtwo'/);
test('a layout that is none', failure, ['run', 'linear.onnx', '--layout', 'chw'], 2, /--layout.*nchw, nhwc/);

test('inspect: what is computed in 8 bits, and what is not and why', async (t) => {
  const { code, stdout, stderr } = await octensor('inspect', 'qdq.onnx', '--shape', 'x=1x2x5x7', '--json');
  t.is(code, 0, stderr);
  const report = JSON.parse(stdout);
  t.deepEqual(report.shapes, { x: [1, 2, 5, 7] });
  t.deepEqual([report.macs, report.macsByArithmetic.integer, report.macsByArithmetic.float], [35 * 15, 35 * 6, 35 * 9]);
  t.is(report.quantized.integer, 1);
  t.is(report.quantized.float.length, 1);
  t.like(report.quantized.float[0], { op: 'Conv2D' });
  t.true(report.quantized.float[0].reason.length > 0);
  const text = (await octensor('inspect', 'qdq.onnx')).stdout;
  t.regex(text, /^input {9}x {2}float32 \[1, 2, \?, \?\]$/m);
  t.regex(text, /^shape {9}x {2}\[1, 2, 1, 1\]$/m);
  t.regex(text, /1 operators are computed in 8 bits, 1 in float/);
});

test('bench model takes the shape of open inputs', async (t) => {
  const args = ['bench', 'model', 'linear.onnx', '--shape', 'x=5x2', '--repetitions', '1', '--json'];
  const { code, stdout, stderr } = await octensor(...args);
  t.is(code, 0, stderr);
  t.like(JSON.parse(stdout), { batch: 5, macs: 5 * 2 * 3 });
});

function isInstalled(name: string): boolean {
  try {
    createRequire(cli).resolve(name);
    return true;
  } catch {
    return false;
  }
}

const commands = [
  ['compare', 'qdq.onnx', '--against', 'onnxruntime', '--random', '--per-layer'],
  ['compare', 'logistic.tflite', '--against', 'onnxruntime', '--random'],
  ['bench', 'model', 'linear.onnx', '--peer', 'onnxruntime', '--threads', '1,2', '--repetitions', '1'],
  ['bench', 'model', 'logistic.tflite', '--peer', 'onnxruntime', '--repetitions', '1'],
];
for (const args of commands) {
  test(`${args.join(' ')}: the peer runs the same, or its absence says how to install it`, async (t) => {
    const { code, stdout, stderr } = await octensor(...args, '--json');
    if (!isInstalled('onnxruntime-node')) {
      t.deepEqual({ code, stdout }, { code: 1, stdout: '' });
      t.regex(stderr, /^octensor: ERR_PEER: [^\n]*npm install [^\n]*onnxruntime-node[^\n]*\n$/);
      return;
    }
    t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    const report = JSON.parse(stdout);
    if (args[0] === 'compare') {
      t.true(report.ok);
      if (args.includes('--per-layer')) t.true(report.layers.some(({ value: name }: { value: string }) => name === 'cq'));
      return;
    }
    for (const { peer, medianMs } of report.results) {
      t.like(peer, { name: 'onnxruntime', ratio: peer.medianMs / medianMs });
      t.true(peer.medianMs > 0);
    }
  });
}
