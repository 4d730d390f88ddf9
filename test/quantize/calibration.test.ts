import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type DataType, Tensor, type TensorData, type ValueInfo } from 'octensor';
import { type CalibrationOptions, openCalibration } from '#lib/cli/calibration.js';
import { writeNpy } from '#lib/cli/npy.js';
import { size, sizedInput } from '#lib/cli/picture-presets.js';

const folder = mkdtempSync(join(tmpdir(), 'octensor-calibration-'));
const input = (name: string, dims: ValueInfo['dims'], type: DataType = 'float32'): ValueInfo => ({ name, type, dims });
const count = (length: number) => Array.from({ length }, (_, i) => i);

async function npy(name: string, dims: readonly number[], type: DataType = 'float32'): Promise<string> {
  const path = join(folder, name);
  const data = count(dims.reduce((product, dim) => product * dim, 1));
  await writeNpy(path, new Tensor<DataType>(type, data as unknown as TensorData<DataType>, dims));
  return path;
}

async function read(
  inputs: readonly ValueInfo[],
  calibrate: readonly string[],
  options: Partial<CalibrationOptions> = {},
  limit?: number,
) {
  const files = await openCalibration(inputs, { calibrate, shape: new Map(), ...options });
  const batches: Readonly<Record<string, Tensor>>[] = [];
  for await (const batch of files.batches(limit)) batches.push(batch);
  return { count: files.count, batches };
}

test('the first dimension of an .npy file counts its samples', async (t) => {
  const { count: total, batches } = await read([input('x', ['batch', 2])], [await npy('rows.npy', [3, 2])]);
  t.is(total, 3);
  t.deepEqual(
    batches,
    [
      [0, 1],
      [2, 3],
      [4, 5],
    ].map((row) => ({ x: new Tensor('float32', row, [1, 2]) })),
  );
});

test('samples for an input without a batch', async (t) => {
  const { batches } = await read([input('x', [2])], [await npy('vectors.npy', [2, 2])]);
  t.deepEqual(
    batches,
    [
      [0, 1],
      [2, 3],
    ].map((row) => ({ x: new Tensor('float32', row, [2]) })),
  );
});

test('as many samples in a batch as the model declares; the rest is left out', async (t) => {
  const { count: total, batches } = await read([input('x', [2, 1])], [await npy('five.npy', [5, 1])]);
  t.is(total, 2);
  t.deepEqual(
    batches,
    [
      [0, 1],
      [2, 3],
    ].map((rows) => ({ x: new Tensor('float32', rows, [2, 1]) })),
  );
});

test('raw elements, in the order of the names of files', async (t) => {
  const path = mkdtempSync(join(folder, 'raw-'));
  writeFileSync(join(path, 'b.raw'), Float32Array.of(3, 4));
  writeFileSync(join(path, 'a.bin'), Float32Array.of(1, 2, 5, 6));
  writeFileSync(join(path, 'notes.txt'), 'no sample');
  for (const given of [path, join(path, '*')]) {
    const { batches } = await read([input('x', [1, 2])], [given]);
    t.deepEqual(
      batches.map(({ x }) => [...(x!.data as Float32Array)]),
      [
        [1, 2],
        [5, 6],
        [3, 4],
      ],
    );
  }
});

test('files for several inputs by their names; float64 becomes float32', async (t) => {
  const inputs = [input('ids', [1, 2], 'int64'), input('x=y', [null, 1])];
  const ids = join(folder, 'ids.npy');
  await writeNpy(ids, new Tensor('int64', [1n, 2n, 3n, 4n], [2, 2]));
  const { batches } = await read(inputs, [`x=y=${await npy('doubles.npy', [2, 1], 'float64')}`, `ids=${ids}`]);
  t.deepEqual(batches[1], { ids: new Tensor('int64', [3n, 4n], [1, 2]), 'x=y': new Tensor('float32', [1], [1, 1]) });
});

test('no more samples than asked for, from the first one each time', async (t) => {
  const path = await npy('many.npy', [9, 1]);
  t.is((await read([input('x', [null, 1])], [path], { samples: 4 })).batches.length, 4);
  const { count: total, batches } = await read([input('x', [null, 1])], [path], { samples: 4 }, 2);
  t.deepEqual([total, batches.length], [4, 2]);
});

const refused = test.macro(
  async (
    t,
    inputs: readonly ValueInfo[],
    calibrate: () => Promise<readonly string[]>,
    message: RegExp,
    options: Partial<CalibrationOptions> = {},
  ) => {
    await t.throwsAsync(async () => read(inputs, await calibrate(), options), { message });
  },
);
const x = [input('x', [null, 2])];

test(
  'nothing there',
  refused,
  x,
  async () => [join(folder, 'none')],
  /none: expected pictures, \.npy or \.raw files, found none/,
);
test(
  'no sample',
  refused,
  x,
  () => npy('empty.npy', [0, 2]).then((path) => [path]),
  /expected at least 1 samples for "x", got 0/,
);
test(
  'another shape',
  refused,
  x,
  () => npy('wide.npy', [2, 3]).then((path) => [path]),
  /"x" of shape \[1, 2\], got shape \[2, 3\]/,
);
test(
  'samples of nothing',
  refused,
  [input('x', [null, null])],
  () => npy('none.npy', [9, 0]).then((path) => [path]),
  /got shape \[9, 0\]/,
);
test(
  'another type',
  refused,
  x,
  () => npy('bytes.npy', [1, 2], 'int8').then((path) => [path]),
  /expected float32 for input "x", got int8/,
);
test(
  'a part of a sample',
  refused,
  [input('x', [1, 2])],
  async () => {
    const path = join(folder, 'part.raw');
    writeFileSync(path, Buffer.alloc(12));
    return [path];
  },
  /expected a multiple of 8 bytes \(float32 \[1, 2\]\), got 12/,
);
test(
  'raw samples of an open size',
  refused,
  [input('x', [1, null])],
  async () => [join(folder, 'part.raw')],
  /give all its dimensions/,
);
test(
  'an input without files',
  refused,
  [...x, input('z', [1])],
  () => npy('two.npy', [2, 2]).then((path) => [`x=${path}`]),
  /no --calibrate for input "z"/,
);
test(
  'a path for none of several inputs',
  refused,
  [...x, input('z', [1])],
  async () => ['a.npy'],
  /expected NAME=PATH with one of "x", "z"/,
);
test('an input given twice', refused, x, async () => ['x=a.npy', 'b.npy'], /input "x" is given twice/);
test(
  'different numbers of samples',
  refused,
  [...x, input('z', [1])],
  async () => [`x=${await npy('x2.npy', [2, 2])}`, `z=${await npy('z3.npy', [3, 1])}`],
  /"x" has 2 batches, "z" 3/,
);
test('two means', refused, x, async () => ['a.npy'], /--mean: expected one number or three, got 2/, { mean: [1, 2] });
test('a deviation of 0', refused, x, async () => ['a.npy'], /--std: expected numbers above 0/, { std: [0] });

test('sizes of pictures go where the model leaves them open', (t) => {
  t.deepEqual(size('224'), [224, 224]);
  t.deepEqual(size('480x640'), [480, 640]);
  for (const wrong of ['', '0', '1x2x3', '1e2', '65536']) t.throws(() => size(wrong), { message: /Expected N or HxW/ }, wrong);
  t.deepEqual(sizedInput(input('x', [1, 3, null, null]), [4, 5], undefined).dims, [1, 3, 4, 5]);
  t.deepEqual(sizedInput(input('x', [1, 'h', 'w', 3]), [4, 5], undefined).dims, [1, 4, 5, 3]);
  t.throws(() => sizedInput(input('x', [1, 3, 8, 8]), [4, 5], undefined), { message: /declared \[1, 3, 8, 8\], got 4x5/ });
});
