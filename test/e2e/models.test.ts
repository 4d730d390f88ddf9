import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Tensor } from 'octensor';
import { npyBytes, parseNpy } from '#lib/cli/npy.js';
import { commandIn } from '../support/command.js';
import { BuiltinOperator, buildModel, TensorType } from '../support/tflite-model.js';

const folder = mkdtempSync(join(tmpdir(), 'octensor-'));
test.after.always(() => rmSync(folder, { recursive: true }));
const path = (name: string) => join(folder, name);

/** logistic(x), quantized as TFLite demands; and float. */
const quantized = { type: TensorType.UINT8, shape: [1, 4], scale: [1 / 256], zeroPoint: [0] };
const x = { type: TensorType.UINT8, shape: [1, 4], scale: [0.0625], zeroPoint: [128] };
const model = (spec: Parameters<typeof buildModel>[0]['tensors']) =>
  buildModel({
    tensors: spec,
    inputs: [0],
    outputs: [1],
    operators: [{ code: BuiltinOperator.LOGISTIC, inputs: [0], outputs: [1] }],
  });
writeFileSync(
  path('quantized.tflite'),
  model([
    { name: 'x', ...x },
    { name: 'y/scores', ...quantized },
  ]),
);
writeFileSync(
  path('picture.tflite'),
  model([
    { name: 'x', shape: [1, 2, 2, 3] },
    { name: 'y', shape: [1, 2, 2, 3] },
  ]),
);
writeFileSync(path('labels.txt'), 'zero\none\ntwo\n');
writeFileSync(path('bytes.npy'), npyBytes(new Tensor('uint8', [128, 144, 255, 0], [1, 4])));
writeFileSync(path('reals.npy'), npyBytes(new Tensor('float32', [0, 1, 7.9375, -8], [1, 4])));
writeFileSync(path('long.npy'), npyBytes(new Tensor('uint8', [1, 2, 3], [1, 3])));
writeFileSync(path('text.txt'), 'hello');

const octensor = commandIn(folder);

const failure = test.macro(async (t, args: readonly string[], code: number, line: RegExp) => {
  const ended = await octensor(...args);
  t.is(ended.code, code, ended.stderr);
  t.is(ended.stdout, '');
  t.regex(ended.stderr, /^octensor: ERR_[A-Z_]+: [^\n]+\n$/);
  t.regex(ended.stderr, line);
});

for (const file of ['bytes.npy', 'reals.npy']) {
  test(`run on ${file}: classes, labels, profile`, async (t) => {
    const args = ['quantized.tflite', '--input', `x=${file}`, '--labels', 'labels.txt', '--top', '3', '--profile', '--json'];
    const { code, stdout, stderr } = await octensor('run', ...args);
    t.is(code, 0, stderr);
    const { outputs, profile } = JSON.parse(stdout);
    t.deepEqual(outputs, [
      {
        name: 'y/scores',
        type: 'uint8',
        dims: [1, 4],
        top: [
          { index: 2, score: 255 / 256, label: 'two' },
          { index: 1, score: 187 / 256, label: 'one' },
          { index: 0, score: 0.5, label: 'zero' },
        ],
      },
    ]);
    t.is(profile.length, 1);
    t.like(profile[0], { op: 'Logistic', macs: 0 });
    t.regex(profile[0].kernel, /^octensor_|^scalar$/);
  });
}

test('run prints tables', async (t) => {
  const { code, stdout } = await octensor('run', 'quantized.tflite', '--input', 'x=bytes.npy', '--profile');
  t.is(code, 0);
  t.regex(stdout, /y\/scores {2}uint8 \[1, 4\]/);
  t.regex(stdout, /\| +2 \| 0\.9961 \|/);
  t.regex(stdout, /Logistic/);
});

test('run writes outputs as .npy files of safe names', async (t) => {
  const { code } = await octensor('run', 'quantized.tflite', '--input', 'x=bytes.npy', '--output', 'a/b');
  t.is(code, 0);
  t.deepEqual(readdirSync(path('a/b')), ['0-y_scores.npy']);
  const tensor = parseNpy(readFileSync(path('a/b/0-y_scores.npy')), 'y');
  t.deepEqual([tensor.type, [...(tensor.data as Uint8Array)]], ['uint8', [128, 187, 255, 0]]);
});

test('inspect says what a model is made of', async (t) => {
  const { code, stdout, stderr } = await octensor('inspect', 'quantized.tflite', '--json');
  t.is(code, 0, stderr);
  const { inputs, nodes, operators, numerics } = JSON.parse(stdout);
  t.deepEqual(inputs, [{ name: 'x', type: 'uint8', dims: [1, 4], qparams: { dtype: 'uint8', scale: 0.0625, zeroPoint: 128 } }]);
  t.deepEqual({ nodes, numerics }, { nodes: 1, numerics: 'tflite' });
  t.deepEqual(operators, [{ op: 'Logistic', arithmetic: 'integer', count: 1, macs: 0 }]);
  t.regex(
    (await octensor('inspect', 'quantized.tflite')).stdout,
    /input {9}x {2}uint8 \[1, 4\] {2}scale 0\.0625, zero point 128/,
  );
});

const run = (...args: readonly string[]) => ['run', 'quantized.tflite', ...args];
test('an input without a file', failure, run(), 2, /ERR_OPTION: no --input NAME=FILE for input "x"/);
test('an unknown input', failure, run('--input', 'z=bytes.npy'), 2, /no input "z", its inputs are "x"/);
test('an input without a name', failure, run('--input', 'bytes.npy'), 2, /Expected NAME=FILE/);
test('an input twice', failure, run('--input', 'x=bytes.npy', '--input', 'x=reals.npy'), 2, /'x' is given twice/);
test('a file of another kind', failure, run('--input', 'x=text.txt'), 2, /expected a \.npy file or a picture/);
test('a file that is not there', failure, run('--input', 'x=gone.npy'), 1, /ERR_INPUT: ENOENT/);
test('a wrong shape', failure, run('--input', 'x=long.npy'), 1, /ERR_SHAPE: .*expected \[1, 4\], got \[1, 3\]/);
test('a model that is not there', failure, ['run', 'gone.tflite'], 1, /ERR_MODEL_FORMAT: .*ENOENT/);
test('no model', failure, ['inspect', 'text.txt'], 1, /ERR_MODEL_FORMAT: .*expected an ONNX or TFLite model/);
test('an instruction set that is not there', failure, run('--isa', process.arch === 'x64' ? 'neon' : 'avx2'), 1, /ERR_NATIVE/);
test('wrong means', failure, run('--input', 'x=bytes.npy', '--mean', '1,2'), 2, /--mean: expected one number or three, got 2/);

const picture = (file: string) => ['run', 'picture.tflite', '--input', `x=${file}`];
test('BMP', failure, picture('cat.bmp'), 1, /ERR_INPUT: cat\.bmp: BMP is not read/);
// Where sharp is installed after all, it finds no such file.
test('a picture without sharp', failure, picture('cat.png'), 1, /ERR_PEER: .*npm install sharp|ERR_INPUT: cat\.png: .*missing/);

test('bench model --json has the documented members', async (t) => {
  const args = ['bench', 'model', 'quantized.tflite', '--threads', '1,2', '--batch', '3', '--repetitions', '2', '--json'];
  const { code, stdout, stderr } = await octensor(...args);
  t.is(code, 0, stderr);
  const report = JSON.parse(stdout);
  const members = ['cpu', 'model', 'isa', 'threads', 'batch', 'medianMs', 'minMs', 'macs', 'percentOfPeak'];
  for (const name of members) t.true(name in report, name);
  t.like(report, { model: 'quantized.tflite', threads: 1, batch: 3, macs: 0 });
  t.true(report.medianMs >= report.minMs && report.minMs > 0);
  t.deepEqual(
    report.results.map(({ threads }: { threads: number }) => threads),
    [1, 2],
  );
});

test('bench model prints a table', async (t) => {
  const { code, stdout } = await octensor(
    'bench',
    'model',
    'quantized.tflite',
    '--numerics',
    'onnx,tflite',
    '--repetitions',
    '1',
  );
  t.is(code, 0);
  for (const text of ['median ms', '| onnx ', '| tflite ']) t.true(stdout.includes(text), text);
});

test('bench conv --json measures each convolution', async (t) => {
  const shapes = ['--shapes', '8x4x6x3x1,9x5xdwx3x2', '--repetitions', '1', '--json'];
  const { code, stdout, stderr } = await octensor('bench', 'conv', ...shapes);
  t.is(code, 0, stderr);
  const { results } = JSON.parse(stdout);
  t.like(results[0], { size: 8, channels: 4, outputs: 6, kernel: 3, stride: 1, macs: 8 * 8 * 9 * 4 * 6 });
  t.like(results[1], { size: 9, channels: 5, kernel: 3, stride: 2, macs: 5 * 5 * 9 * 5 });
  for (const { percentOfPeak, medianMs } of results) t.true(percentOfPeak > 0 && medianMs > 0);
});
