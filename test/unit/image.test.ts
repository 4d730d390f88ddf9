import test from 'ava';
import type { DataType, Dim, QParams, ValueInfo } from 'octensor';
import { type Normalization, tensorOfPixels } from '#lib/cli/image.js';

const input = (type: DataType, dims: readonly Dim[], qparams?: QParams): ValueInfo => ({
  name: 'x',
  type,
  dims,
  ...(qparams !== undefined && { qparams }),
});
const size = { height: 1, width: 2 };
const rgb = Uint8Array.of(0, 51, 102, 153, 204, 255);

test('uint8 inputs get pixels', (t) => {
  const { type, data, dims } = tensorOfPixels(rgb, size, input('uint8', [1, 1, 2, 3]));
  t.deepEqual({ type, data, dims: [...dims] }, { type: 'uint8', data: rgb, dims: [1, 1, 2, 3] });
});

test('float inputs get pixel / 255', (t) => {
  const { data } = tensorOfPixels(rgb, size, input('float32', [1, 1, 2, 3]));
  t.deepEqual(data, Float32Array.of(0, 0.2, 0.4, 0.6, 0.8, 1));
});

test('mean and standard deviation, one for all channels or one for each', (t) => {
  const run = (normalization: Normalization) =>
    tensorOfPixels(rgb, size, input('float32', [1, 1, 2, 3]), { normalization }).data;
  t.deepEqual(run({ mean: [51], std: [51] }), Float32Array.of(-1, 0, 1, 2, 3, 4));
  t.deepEqual(run({ mean: [0, 51, 102], std: [1, 51, 102] }), Float32Array.of(0, 0, 0, 153, 3, 1.5));
});

test('channels first: the planes are apart, and each has its mean', (t) => {
  const planes = tensorOfPixels(rgb, size, input('uint8', [1, 3, 1, 2]));
  t.deepEqual([planes.dims.join(), [...(planes.data as Uint8Array)]], ['1,3,1,2', [0, 153, 51, 204, 102, 255]]);
  const { data } = tensorOfPixels(rgb, size, input('float32', [1, 3, 1, 2]), {
    normalization: { mean: [0, 51, 102], std: [51] },
  });
  t.deepEqual(data, Float32Array.of(0, 3, 0, 3, 0, 3));
});

test('quantized inputs get quantized reals', (t) => {
  const qparams = { dtype: 'int8', scale: 1 / 255, zeroPoint: -128 } as const;
  const { type, data } = tensorOfPixels(rgb, size, input('int8', [1, 1, 2, 3], qparams));
  t.deepEqual([type, data], ['int8', Int8Array.of(-128, -77, -26, 25, 76, 127)]);
});

test('dimensions that are not known are the picture’s', (t) => {
  const { dims } = tensorOfPixels(rgb, size, input('uint8', ['batch', null, null, 3]));
  t.deepEqual([...dims], [1, 1, 2, 3]);
});

test('a layout that is asked for decides where the shape does not', (t) => {
  const dimsOf = (dims: readonly Dim[], layout: 'nchw' | 'nhwc') => [
    ...tensorOfPixels(rgb, size, input('uint8', dims), { layout }).dims,
  ];
  t.deepEqual(dimsOf([1, 3, null, 3], 'nchw'), [1, 3, 1, 2]);
  t.deepEqual(dimsOf([null, null, null, null], 'nchw'), [1, 3, 1, 2]);
  t.deepEqual(dimsOf(['n', 'h', 'w', 'c'], 'nhwc'), [1, 1, 2, 3]);
  t.deepEqual(dimsOf([], 'nchw'), [1, 3, 1, 2]);
});

test('grey pictures of three dimensions', (t) => {
  const grey = Uint8Array.of(1, 2);
  t.deepEqual([...tensorOfPixels(grey, size, input('uint8', [1, 1, 2])).dims], [1, 1, 2]);
});

test('inputs that take no picture', (t) => {
  const refuse = (value: ValueInfo, message: RegExp) =>
    t.throws(() => tensorOfPixels(rgb, size, value), { code: 'ERR_INPUT', message });
  refuse(input('uint8', [1, 640]), /input x of shape \[1, 640\] takes no picture/);
  refuse(input('uint8', [8, 2, 2, 3]), /takes no picture/);
  refuse(input('int32', [1, 1, 2, 3]), /int32 without quantization parameters/);
});
