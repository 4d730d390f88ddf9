import test from 'ava';
import fc from 'fast-check';
import { Histogram } from '#lib/quant/histogram.js';
import { affineGrid, squaredError } from '#lib/quant/least-error.js';
import { makeObserver, type Observer } from '#lib/quant/observers.js';
import { parametersOf } from '#lib/quant/parameters.js';
import { chooseAffine, dequantizeArray, quantizeArray } from '#lib/quant/qparams.js';
import { normals } from '../support/normals.js';

const finite = fc.oneof(
  fc.float({ noNaN: true, noDefaultInfinity: true }),
  fc.float({ min: -8, max: 8, noNaN: true }),
  fc.integer({ min: -8, max: 8 }),
  fc.constantFrom(0, -0, 2 ** -149, -(2 ** -149), 1, -1),
);
const values = fc.array(finite, { minLength: 1, maxLength: 200 });
const symmetric = fc.boolean();
const method = fc.constantFrom('minmax' as const, 'percentile' as const, 'mse' as const, 'entropy' as const);

/** Cuts `all` into batches of the given lengths, in turn. */
function observeInBatches(observer: Observer, all: readonly number[], lengths: readonly number[]): void {
  for (let start = 0, i = 0; start < all.length; start += lengths[i++ % lengths.length]!) {
    observer.observe(Float32Array.from(all.slice(start, start + lengths[i % lengths.length]!)));
  }
}

test('ranges depend neither on how values are cut into batches nor on their order', (t) => {
  const lengths = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 });
  fc.assert(
    fc.property(values, lengths, method, symmetric, (all, cuts, by, isSymmetric) => {
      const options = { method: by, symmetric: isSymmetric, percentile: 90 };
      const [whole, parts] = [makeObserver(options), makeObserver(options)];
      whole.observe(Float32Array.from(all));
      observeInBatches(parts, all.toReversed(), cuts);
      t.deepEqual(parts.range(), whole.range());
    }),
  );
});

test('a histogram counts each value where it belongs, however it grew', (t) => {
  fc.assert(
    fc.property(values, (all) => {
      const histogram = new Histogram();
      for (const value of all) histogram.add(Float32Array.of(value));
      const expected = new Float64Array(4096);
      for (const value of Float32Array.from(all)) expected[2048 + histogram.binOf(value)]! += 1;
      t.deepEqual(histogram.counts, expected);
      const largest = Math.max(...Float32Array.from(all, Math.abs));
      t.true(largest < 2048 * histogram.width && (largest >= 1024 * histogram.width || largest === 0));
      t.deepEqual([histogram.total, histogram.zeros], [all.length, all.filter((x) => Math.fround(x) === 0).length]);
    }),
  );
});

test('ranges of mirrored values are mirrored where one threshold is sought', (t) => {
  fc.assert(
    fc.property(values, method, (all, by) => {
      const options = { method: by, symmetric: true, percentile: 90 };
      const [own, mirrored] = [makeObserver(options), makeObserver(options)];
      own.observe(Float32Array.from(all));
      mirrored.observe(Float32Array.from(all, (x) => -x));
      const [{ min, max }, other] = [own.range(), mirrored.range()];
      t.deepEqual([other.min + 0, other.max + 0], [0 - max, 0 - min]);
    }),
  );
});

test('a percentile leaves out no more values than it may', (t) => {
  fc.assert(
    fc.property(values, symmetric, fc.double({ min: 51, max: 100, noNaN: true }), (all, isSymmetric, percentile) => {
      const observer = makeObserver({ method: 'percentile', symmetric: isSymmetric, percentile });
      const floats = Float32Array.from(all);
      observer.observe(floats);
      const { min, max } = observer.range();
      const [below, above] = [floats.filter((x) => x < min).length, floats.filter((x) => x > max).length];
      const spare = (all.length * (100 - percentile)) / 100;
      t.true(isSymmetric ? below + above <= spare : below <= spare / 2 && above <= spare / 2);
    }),
  );
});

test('the expected squared error is the integral of the error that rounding and clipping make', (t) => {
  const grid = fc.record({ step: fc.double({ min: 0.01, max: 3, noNaN: true }), zeroPoint: fc.integer({ min: 0, max: 255 }) });
  const interval = fc.tuple(fc.double({ min: -50, max: 50, noNaN: true }), fc.double({ min: 0.1, max: 50, noNaN: true }));
  fc.assert(
    fc.property(interval, grid, ([from, length], { step, zeroPoint }) => {
      const [lowest, highest] = [-zeroPoint, 255 - zeroPoint];
      const density = { edges: Float64Array.of(from, from + length), jumps: Float64Array.of(1, -1) };
      const parts = 20_000;
      let sum = 0;
      for (let i = 0; i < parts; i++) {
        const x = from + ((i + 0.5) / parts) * length;
        sum += (x - step * Math.min(Math.max(Math.round(x / step), lowest), highest)) ** 2;
      }
      const expected = (sum * length) / parts;
      t.true(Math.abs(squaredError(density, { step, lowest, highest }) - expected) <= 1e-3 * expected + 1e-6 * length);
    }),
    { numRuns: 50 },
  );
});

test('the error is that of the parameters which a range gives', (t) => {
  const end = fc.float({ min: Math.fround(0.01), max: 2048, noNaN: true });
  fc.assert(
    fc.property(end, end, (below, above) => {
      const { scale, zeroPoint } = chooseAffine(-below, above, 'uint8');
      const { step, lowest, highest } = affineGrid(-below, above);
      t.deepEqual([Math.fround(step), lowest + 0, highest], [scale, 0 - (zeroPoint as number), 255 - (zeroPoint as number)]);
    }),
  );
});

/** The squared error of values that are quantized to the parameters of a range, per value. */
function errorOf(floats: Float32Array, min: number, max: number, isSymmetric: boolean): number {
  const qparams = parametersOf({ min, max }, { method: 'mse', dtype: 'int8', symmetric: isSymmetric, percentile: 99 });
  const real = dequantizeArray(quantizeArray(floats, qparams), qparams);
  return floats.reduce((sum, x, i) => sum + (x - real[i]!) ** 2, 0) / floats.length;
}

const shapes: Readonly<Record<string, (x: number, i: number) => number>> = {
  normal: (x) => x,
  'after a Relu': (x) => Math.max(x, 0),
  'heavy tails': (x) => x ** 3,
  'one heavy tail': (x) => (x > 0 ? x ** 3 : x / 4),
  'an outlier on each side': (x, i) => (i === 0 ? 30 : i === 1 ? -12 : x),
};

for (const [name, shape] of Object.entries(shapes)) {
  test(`no range on a lattice has clearly less squared error than the one found: ${name}`, (t) => {
    const floats = normals(10_000, 17).map(shape);
    const [low, high] = [Math.min(...floats), Math.max(...floats)];
    for (const isSymmetric of [false, true]) {
      const observer = makeObserver({ method: 'mse', symmetric: isSymmetric, percentile: 99 });
      observer.observe(floats);
      const { min, max } = observer.range();
      const found = errorOf(floats, min, max, isSymmetric);
      const parts = 12;
      for (let i = isSymmetric || low >= 0 ? parts : 1; i <= parts; i++) {
        for (let j = 1; j <= parts; j++) {
          const largest = Math.max(-low, high);
          const [from, to] = isSymmetric
            ? [(-largest * j) / parts, (largest * j) / parts]
            : [(low * i) / parts, (high * j) / parts];
          t.true(found <= 1.02 * errorOf(floats, from, to, isSymmetric), `${from} to ${to} rather than ${min} to ${max}`);
        }
      }
    }
  });
}
