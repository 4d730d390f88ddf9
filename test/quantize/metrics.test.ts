import test from 'ava';
import { Tensor } from 'octensor';
import { ErrorMeter, roundingError } from '#lib/quant/metrics.js';
import type { QParams } from '#lib/quant/qparams.js';
import { type Histogram, ValueHistogram } from '#lib/quant/value-histogram.js';
import { Random } from '../support/random.js';
import { throwsCode } from '../support/throws.js';

/** `count` numbers from `low` to `high`, as float32. */
function uniform(seed: number, count: number, low: number, high: number): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length: count }, () => low + ((high - low) * random.uint32()) / 2 ** 32);
}

function measured(expected: Float32Array, qparams: QParams, dims?: readonly number[]) {
  const tensor = new Tensor('float32', expected, dims);
  const meter = new ErrorMeter();
  meter.add(tensor.quantize(qparams).dequantize(qparams).data, expected, qparams, tensor.dims);
  return meter.metrics();
}

const bytes: QParams = { dtype: 'uint8', scale: 0.125, zeroPoint: 128 };

test('rounding alone is 0.289 steps', (t) => {
  const { rmseOverScale, clippedFraction, sqnrDb, maxAbsError } = measured(uniform(1, 100_000, -15.9, 15.8), bytes);
  t.true(Math.abs(rmseOverScale / roundingError - 1) < 0.01, String(rmseOverScale));
  t.is(clippedFraction, 0);
  t.true(maxAbsError <= 0.0625 && maxAbsError > 0.0624);
  // Of a uniform signal: 20 log10(range / scale)
  t.true(Math.abs(sqnrDb - 20 * Math.log10(31.7 / 0.125)) < 0.1, String(sqnrDb));
});

test('the steps of int32 and of channels of their own', (t) => {
  const scale = Float32Array.of(1, 0.001);
  const expected = Float32Array.from([...uniform(2, 5000, -100, 100), ...uniform(3, 5000, -0.1, 0.1)]);
  const { rmseOverScale } = measured(expected, { dtype: 'int32', scale, zeroPoint: 0, axis: 0 }, [2, 5000]);
  t.true(Math.abs(rmseOverScale / roundingError - 1) < 0.03, String(rmseOverScale));
  const columns = measured(
    Float32Array.of(0.25, 0.00025, 1.25, -0.00075),
    { dtype: 'int8', scale, zeroPoint: 0, axis: 1 },
    [2, 2],
  );
  t.true(Math.abs(columns.rmseOverScale - 0.25) < 1e-6);
});

test('a value is clipped where it rounds to what the type cannot hold', (t) => {
  const unit: QParams = { dtype: 'uint8', scale: 1, zeroPoint: 0 };
  const { clippedFraction } = measured(Float32Array.of(-0.5, -0.51, 0, 255, 255.49, 255.5, 1e30, 300), unit);
  t.is(clippedFraction, 4 / 8); // ties go to even: -0.5 to 0, 255.5 to 256
  t.is(measured(Float32Array.of(Infinity, 1, 2, 3), unit).clippedFraction, 1 / 4);
});

test('batches give what one batch gives', (t) => {
  const [x, y] = [uniform(4, 999, -1, 1), uniform(5, 999, -1, 1)];
  const [whole, parts] = [new ErrorMeter(), new ErrorMeter()];
  whole.add(x, y, bytes);
  for (const [from, to] of [
    [0, 1],
    [1, 500],
    [500, 500],
    [500, 999],
  ] as const)
    parts.add(x.subarray(from, to), y.subarray(from, to), bytes);
  t.deepEqual(parts.metrics(), whole.metrics());

  const sum = (f: (x: number, y: number) => number) => x.reduce((total, value, i) => total + f(value, y[i]!), 0);
  const noise = sum((a, b) => (a - b) ** 2);
  const { sqnrDb, cosine, rmseOverScale, maxAbsError } = whole.metrics();
  t.is(sqnrDb, 10 * Math.log10(sum((_, b) => b * b) / noise));
  t.is(cosine, sum((a, b) => a * b) / Math.sqrt(sum((_, b) => b * b) * sum((a) => a * a)));
  t.true(Math.abs(rmseOverScale - Math.sqrt(noise / 999) / 0.125) < 1e-9);
  t.is(maxAbsError, Math.max(...Array.from(x, (value, i) => Math.abs(value - y[i]!))));
});

test('the same values differ by nothing, infinite ones too', (t) => {
  const values = Float32Array.of(1, -2, Infinity, -Infinity, NaN);
  const meter = new ErrorMeter();
  meter.add(values, values);
  t.deepEqual(meter.metrics(), { sqnrDb: Infinity, cosine: 1, rmseOverScale: NaN, clippedFraction: 0, maxAbsError: 0 });
});

test('one that is no number where another is shows', (t) => {
  const meter = new ErrorMeter();
  meter.add(Float32Array.of(NaN, 1), Float32Array.of(1, 1));
  t.true(Number.isNaN(meter.metrics().maxAbsError) && Number.isNaN(meter.metrics().sqnrDb));
});

test('noise without a signal', (t) => {
  const meter = new ErrorMeter();
  meter.add(Float32Array.of(1, 1), new Float32Array(2));
  t.deepEqual(meter.metrics(), { sqnrDb: -Infinity, cosine: 0, rmseOverScale: NaN, clippedFraction: 0, maxAbsError: 1 });
});

test('tensors of different lengths', (t) => {
  throwsCode(t, () => new ErrorMeter().add(new Float32Array(3), new Float32Array(2)), 'ERR_SHAPE', 'expected 2 values, got 3');
});

/** How many values are in each of its bins. */
function countsOf(values: Float32Array, { min, width, counts }: Histogram): readonly number[] {
  return counts.map((_, i) => values.filter((value) => value >= min + i * width && value < min + (i + 1) * width).length);
}

for (const [name, values] of [
  ['around 0', uniform(6, 2000, -3, 5)],
  ['far from 0', uniform(7, 2000, 1000, 1001)],
  ['tiny', uniform(8, 500, -1e-40, 1e-40)],
  ['huge', Float32Array.of(-3.4e38, 3.4e38, 0)],
  ['one value', new Float32Array(10).fill(0.3)],
  ['zeros', new Float32Array(10)],
] as const) {
  test(`a histogram of values ${name} counts each in its bin`, (t) => {
    const histogram = new ValueHistogram(64);
    // Ever larger values: bins have to grow
    for (const value of values) histogram.add(Float32Array.of(value));
    const found = histogram.histogram();
    t.true(found.counts.length <= 64 && found.counts.length > 0);
    t.deepEqual(found.counts, countsOf(values, found));
    t.is(
      found.counts.reduce((sum, count) => sum + count, 0),
      values.length,
    );
  });
}

test('a histogram leaves out what is no number, and is empty without values', (t) => {
  const histogram = new ValueHistogram();
  histogram.add(Float32Array.of(NaN, Infinity, -Infinity));
  t.deepEqual(histogram.histogram().counts, []);
  histogram.add(Float32Array.of(NaN, 1));
  t.deepEqual(histogram.histogram().counts, [1]);
});
