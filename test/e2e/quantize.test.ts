/** `octensor quantize` on the digit classifier of examples/digits. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { InferenceSession, loadModel, Tensor } from 'octensor';
import { writeNpy } from '#lib/cli/npy.js';
import { commandIn } from '../support/command.js';

const model = fileURLToPath(new URL('../../../examples/digits/digits-mobilenet.onnx', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'octensor-quantize-'));
const samples = join(folder, 'samples.npy');

const octensor = commandIn(folder);

/** So many images of each digit from the `from`-th on, one of each in turn. */
function digits(from: number, count: number): Float32Array {
  const require = createRequire(import.meta.url);
  const classes = Array.from({ length: 10 }, (_, digit) => {
    return (require(`mnist/src/digits/${digit}.json`) as { readonly data: readonly number[] }).data;
  });
  const images = Array.from({ length: count }, (_, i) =>
    classes.flatMap((data) => data.slice((from + i) * 784, (from + i + 1) * 784)),
  );
  return Float32Array.from(images.flat());
}

test.before(async () => {
  await writeNpy(samples, new Tensor('float32', digits(0, 6), [60, 1, 28, 28]));
});

test('a model that answers as the float one does', async (t) => {
  const output = join(folder, 'digits.int8.onnx');
  const { code, stdout, stderr } = await octensor('quantize', model, '--calibrate', samples, '-o', output);
  t.is(code, 0, stderr);
  t.is(stderr, ''); // no progress: it is no terminal
  t.regex(stdout, /\| features\/0\/Conv +\| Conv2D +\|/);
  t.regex(stdout, /\| logits +\|.*\| +60 of 60 \|/);
  t.regex(stdout, /constants +\d+ bytes instead of \d+ \((3\.[5-9]|4\.)/);

  const [float, quantized] = [await InferenceSession.create(model), await InferenceSession.create(output)];
  const images = digits(900 - 60, 10);
  let same = 0;
  for (let i = 0; i < 100; i++) {
    const feeds = { image: new Tensor('float32', images.slice(i * 784, (i + 1) * 784), [1, 1, 28, 28]) };
    const [a, b] = [await float.run(feeds), await quantized.run(feeds)].map(({ logits }) => logits!.data as Float32Array);
    if (a!.indexOf(Math.max(...a!)) === b!.indexOf(Math.max(...b!))) same += 1;
  }
  t.true(same >= 99, `${same} of 100`);
  const { constants } = await loadModel(output);
  t.true([...constants.values()].some(({ type }) => type === 'int8'));
});

test('--json is one document, with what the table has and histograms', async (t) => {
  const { code, stdout } = await octensor(
    'quantize',
    model,
    '--calibrate',
    samples,
    '--samples',
    '20',
    '--json',
    '-o',
    join(folder, 'j.onnx'),
  );
  t.is(code, 0);
  const { layers, outputs, batches, settings, constantBytes } = JSON.parse(stdout);
  t.deepEqual(batches, { outputs: 20, layers: 16 });
  t.deepEqual(outputs[0].top, { same: 20, rows: 20, classes: 10 });
  t.is(settings.samples, '20');
  t.true(constantBytes.quantized < constantBytes.float / 3);
  const conv = layers.find(({ node }: { node: string }) => node === 'features/0/Conv');
  t.is(conv.op, 'Conv2D');
  t.true(conv.sqnrDb > 20);
  t.is(conv.cost.float.macs, conv.cost.quantized.macs);
  const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);
  t.is(total(conv.histograms.float.counts), total(conv.histograms.quantized.counts));
  t.is(total(conv.weights.counts), 144);
});

test('the same data and seed give the same bytes, from a file and from a folder', async (t) => {
  const raw = mkdtempSync(join(folder, 'raw-'));
  for (const i of Array.from({ length: 60 }).keys()) {
    writeFileSync(join(raw, `${String(i).padStart(2, '0')}.raw`), digitBytes(i));
  }
  const files: Buffer[] = [];
  for (const [i, given] of [samples, samples, raw, join(raw, '*.raw')].entries()) {
    const output = join(folder, `same-${i}.onnx`);
    t.is(
      (
        await octensor(
          'quantize',
          model,
          '--calibrate',
          given,
          '--shape',
          'image=1x1x28x28',
          '-o',
          output,
          '--report-batches',
          '1',
        )
      ).code,
      0,
    );
    files.push(readFileSync(output));
  }
  for (const file of files) t.true(file.equals(files[0]!));
});

function digitBytes(i: number): Buffer {
  const all = readFileSync(samples);
  return all.subarray(all.length - (60 - i) * 784 * 4, all.length - (59 - i) * 784 * 4);
}

test('layers that are excluded stay float, and the report says so', async (t) => {
  const args = ['--exclude', 'features/0/Conv', '--exclude', 'MatMul', '--per-tensor', '--json'];
  const { stdout } = await octensor('quantize', model, '--calibrate', samples, ...args, '-o', join(folder, 'mixed.onnx'));
  const { float, settings } = JSON.parse(stdout);
  t.deepEqual(
    float.filter(({ reason }: { reason: string }) => reason === 'excluded').map(({ node }: { node: string }) => node),
    ['features/0/Conv', 'classifier'],
  );
  t.is(settings.exclude, 'features/0/Conv,MatMul');
});

test('--report is a page that loads nothing and holds the report', async (t) => {
  const page = join(folder, 'report.html');
  const { code } = await octensor(
    'quantize',
    model,
    '--calibrate',
    samples,
    '-o',
    join(folder, 'r.onnx'),
    '--report',
    page,
    '--sensitivity',
    '--samples',
    '4',
  );
  t.is(code, 0);
  const html = readFileSync(page, 'utf8');
  t.regex(html, /^<!doctype html>/);
  t.notRegex(html, /<(script|link|img|iframe)[^>]+(src|href)=/);
  t.notRegex(html, /url\(/);
  t.regex(html, /Content-Security-Policy" content="default-src 'none'/);
  t.regex(html, /var uPlot=/);
  const { layers } = JSON.parse(/<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html)![1]!);
  const conv = layers.find(({ node }: { node: string }) => node === 'features/1/1/Conv');
  t.true(conv.sensitivityDb > 20);
});

const failure = test.macro(async (t, args: readonly string[], code: number, line: RegExp) => {
  const ended = await octensor('quantize', ...args);
  t.is(ended.code, code, ended.stderr);
  t.is(ended.stdout, '');
  t.regex(ended.stderr, /^octensor: ERR_[A-Z_]+: [^\n]+\n$/);
  t.regex(ended.stderr, line);
});
const out = join(folder, 'never.onnx');

test('no data', failure, [model, '-o', out], 2, /expected --calibrate/);
test('no output', failure, [model, '--calibrate', samples], 2, /ERR_OPTION: .*--output/);
test('an unknown method', failure, [model, '--calibrate', samples, '-o', out, '--method', 'guess'], 2, /one of minmax, ema/);
test('an unknown scheme', failure, [model, '--calibrate', samples, '-o', out, '--scheme', 'x'], 2, /one of default, tflite/);
test('no samples there', failure, [model, '--calibrate', join(folder, 'nothing'), '-o', out], 1, /ERR_INPUT: .*found none/);
test('no model there', failure, [join(folder, 'no.onnx'), '--calibrate', samples, '-o', out], 1, /ERR_MODEL_FORMAT/);
test(
  'nowhere to write',
  failure,
  [model, '--calibrate', samples, '-o', join(folder, 'no', 'x.onnx')],
  1,
  /cannot write the model/,
);

test('values that are no numbers are reported with the input', async (t) => {
  const path = join(folder, 'nan.npy');
  await writeNpy(path, new Tensor('float32', new Float32Array(784).fill(NaN), [1, 1, 28, 28]));
  const { code, stderr } = await octensor('quantize', model, '--calibrate', path, '-o', out);
  t.is(code, 1);
  t.regex(stderr, /^octensor: ERR_QUANTIZATION: input "image": /);
});

test('a model that is quantized already', async (t) => {
  const once = join(folder, 'once.onnx');
  await octensor('quantize', model, '--calibrate', samples, '-o', once, '--report-batches', '1');
  const { code, stderr } = await octensor('quantize', once, '--calibrate', samples, '-o', out);
  t.is(code, 1);
  t.regex(stderr, /^octensor: ERR_QUANTIZATION: the model is quantized already/);
});

test('the example says so where it is right', (t) => {
  const demo = fileURLToPath(new URL('../../../examples/digits/demo.mjs', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [demo], { encoding: 'utf8' });
  t.is(status, 0, stderr);
  t.regex(stdout, /\| min\/max, per channel +\| +98\.\d\d %/);
});
