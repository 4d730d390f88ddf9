import test, { type ExecutionContext } from 'ava';
import { keptBinsOfLeastDivergence } from '#lib/quant/entropy.js';
import { Histogram } from '#lib/quant/histogram.js';
import { makeObserver, type Range } from '#lib/quant/observers.js';
import { type RangeMethod, rangeMethods } from '#lib/quant/schemes.js';
import { normals } from '../support/normals.js';
import { throwsCode } from '../support/throws.js';

interface Choice {
  readonly symmetric?: boolean;
  readonly percentile?: number;
}

function rangeOf(
  method: RangeMethod,
  batches: readonly Float32Array[],
  { symmetric = false, percentile = 99.999 }: Choice = {},
): Range {
  const observer = makeObserver({ method, symmetric, percentile });
  for (const batch of batches) observer.observe(batch);
  return observer.range();
}

function isBetween(t: ExecutionContext, x: number, low: number, high: number): void {
  t.true(x >= low && x <= high, `${x} is from ${low} to ${high}`);
}

const outliers = Float32Array.from([...normals(200_000, 1), 20, -20]);
const relu = (values: Float32Array) => values.map((x) => Math.max(x, 0));

test('min and max are those of all batches', (t) => {
  t.deepEqual(rangeOf('minmax', [Float32Array.of(1, -2), Float32Array.of(3), Float32Array.of(0.5)]), { min: -2, max: 3 });
  t.deepEqual(rangeOf('minmax', [Float32Array.of(-2, -1)], { symmetric: true }), { min: -2, max: -1 });
});

test('a moving average starts at the first batch and follows each other by a hundredth', (t) => {
  const range = rangeOf('ema', [Float32Array.of(-1, 1), Float32Array.of(-3, 2), Float32Array.of(), Float32Array.of(0, 1)]);
  const min = -1 + 0.01 * -2;
  const max = 1 + 0.01;
  t.deepEqual(range, { min: min + 0.01 * (0 - min), max: max + 0.01 * (1 - max) });
});

test('a percentile leaves out half of the rest on either side', (t) => {
  // One value in each bin of width 1
  const values = Float32Array.from({ length: 2000 }, (_, i) => i - 1000 + 0.5);
  t.deepEqual(rangeOf('percentile', [values], { percentile: 99 }), { min: -990, max: 990 });
  t.deepEqual(rangeOf('percentile', [values], { percentile: 99, symmetric: true }), { min: -990, max: 990 });
  t.deepEqual(rangeOf('percentile', [values], { percentile: 100 }), { min: -999.5, max: 999.5 });
  const above = values.map((x) => x + 1000);
  t.deepEqual(rangeOf('percentile', [above], { percentile: 99 }), { min: 10, max: 1990 });
  t.deepEqual(rangeOf('percentile', [above], { percentile: 99, symmetric: true }), { min: 0.5, max: 1980 });
});

test('99.999 percent of 200002 values are without the outermost value on either side', (t) => {
  const { min, max } = rangeOf('percentile', [outliers]);
  isBetween(t, min, -6, -4);
  isBetween(t, max, 4, 6);
  const symmetric = rangeOf('percentile', [outliers], { symmetric: true });
  t.is(symmetric.min, -symmetric.max);
  isBetween(t, symmetric.max, 4, 6);
});

test('entropy leaves two outliers among 200000 normal values outside', (t) => {
  for (const symmetric of [false, true]) {
    const { min, max } = rangeOf('entropy', [outliers], { symmetric });
    isBetween(t, max, 4, 6);
    t.is(min, -max);
  }
});

test('entropy of values that are not negative starts where they do', (t) => {
  const { min, max } = rangeOf('entropy', [relu(outliers)]);
  t.is(min, 0);
  isBetween(t, max, 4, 6);
  const shifted = rangeOf('entropy', [normals(100_000, 2).map((x) => x + 10)]);
  isBetween(t, shifted.min, 5, 6.5);
  isBetween(t, shifted.max, 13, 15);
});

test('entropy clips only the end that is beyond its threshold', (t) => {
  const { min, max } = rangeOf('entropy', [outliers.map((x) => (x < 0 ? x / 10 : x))]);
  t.is(min, -2);
  isBetween(t, max, 3, 6);
});

test('entropy does not see how many values are 0', (t) => {
  const zeros = new Float32Array(1_000_000);
  t.deepEqual(rangeOf('entropy', [relu(outliers), zeros]), rangeOf('entropy', [relu(outliers)]));
  t.deepEqual(rangeOf('entropy', [relu(outliers), zeros.map(() => -0)]), rangeOf('entropy', [relu(outliers)]));
});

/** As the definition reads, bin by bin. */
function divergence(counts: Float64Array, i: number): number {
  const p = counts.slice(0, i);
  const q = new Float64Array(i);
  p[i - 1]! += counts.subarray(i).reduce((sum, count) => sum + count, 0);
  for (let level = 0; level < 128; level++) {
    const [start, end] = [Math.floor((level * i) / 128), Math.floor(((level + 1) * i) / 128)];
    const filled = counts.subarray(start, end).filter((count) => count > 0);
    const mean = filled.reduce((sum, count) => sum + count, 0) / filled.length;
    for (let k = start; k < end; k++) if (counts[k]! > 0) q[k] = mean;
  }
  const [sumP, sumQ] = [p, q].map((all) => all.reduce((sum, count) => sum + count, 0)) as [number, number];
  return p.reduce((sum, count, k) => sum + (count === 0 ? 0 : (count / sumP) * Math.log(count / sumP / (q[k]! / sumQ))), 0);
}

test('the threshold of entropy is in the middle of the bin behind those that it keeps', (t) => {
  const histogram = new Histogram();
  histogram.add(outliers);
  t.is(rangeOf('entropy', [outliers]).max, (keptBinsOfLeastDivergence(histogram.magnitudes()) + 0.5) * histogram.width);
});

test('the number of bins that entropy keeps is the best of all, by the definition', (t) => {
  const histogram = new Histogram();
  histogram.add(normals(3000, 3).map((x) => x ** 3));
  for (const counts of [
    histogram.magnitudes(),
    Float64Array.from({ length: 300 }, (_, k) => Math.floor(9000 / (k + 1) ** 1.5)),
  ]) {
    const total = counts.reduce((sum, count) => sum + count, 0);
    let [best, least] = [0, Infinity];
    for (let i = counts.findLastIndex((count) => count > 0) + 1; i >= 128; i--) {
      if (2 * counts.subarray(0, i).reduce((sum, count) => sum + count, 0) < total) break;
      const each = divergence(counts, i);
      if (each < least - 1e-12) [best, least] = [i, each];
    }
    t.is(keptBinsOfLeastDivergence(counts), best);
  }
});

test('the least squared error clips outliers, each end by itself', (t) => {
  const { min, max } = rangeOf('mse', [Float32Array.from([...normals(200_000, 4), 20])]);
  isBetween(t, min, -5, -3);
  isBetween(t, max, 5, 18);
  const positive = rangeOf('mse', [relu(outliers)]);
  t.is(positive.min, 0);
  isBetween(t, positive.max, 10, 19);
});

test('the least squared error of values that 8 bits hold exactly is that of their own range', (t) => {
  const steps = Float64Array.from({ length: 256 }, (_, k) => k);
  const once = (values: ArrayLike<number>, symmetric = false) => rangeOf('mse', [Float32Array.from(values)], { symmetric });
  t.deepEqual(once(steps), { min: 0, max: 255 });
  t.deepEqual(once(steps.map((x) => x - 255)), { min: -255, max: 0 });
  t.deepEqual(once(steps.map((x) => x - 100)), { min: -100, max: 155 });
  t.deepEqual(
    once(
      steps.slice(1).map((x) => x - 128),
      true,
    ),
    { min: -127, max: 127 },
  );
});

test('saturated values, as after Relu6, are not clipped', (t) => {
  const relu6 = normals(100_000, 5).map((x) => Math.min(Math.max(3 + 4 * x, 0), 6));
  for (const method of rangeMethods) t.deepEqual(rangeOf(method, [relu6]), { min: 0, max: 6 }, method);
});

for (const method of rangeMethods) {
  for (const symmetric of [false, true]) {
    const name = `${method}${symmetric ? ', symmetric' : ''}`;
    const range = (...batches: Float32Array[]) => rangeOf(method, batches, { symmetric });

    test(`${name}: constant tensors have the range of their value`, (t) => {
      for (const x of [0, 5, -5, 2 ** -149, -(2 ** -149), 2 ** 127]) {
        t.deepEqual(range(Float32Array.of(x)), { min: x, max: x });
        t.deepEqual(range(new Float32Array(1000).fill(x), Float32Array.of(x)), { min: x, max: x });
      }
      t.deepEqual(range(Float32Array.of(-0)), { min: 0, max: 0 });
    });

    test(`${name}: a range is finite and in the data's`, (t) => {
      const all = {
        negative: normals(5000, 6).map((x) => -Math.abs(x) - 3),
        positive: normals(5000, 7).map((x) => Math.abs(x) + 3),
        denormal: normals(5000, 8).map((x) => x * 2 ** -146),
        huge: Float32Array.of(3.4028234663852886e38, -3.4028234663852886e38, 1),
        'far apart': Float32Array.of(2 ** -149, 2 ** 100, 0),
        two: Float32Array.of(5, 7),
        'mostly 0': Float32Array.of(...new Float32Array(10_000), 1, 2),
      };
      for (const [of, values] of Object.entries(all)) {
        const { min, max } = range(values);
        const ends = rangeOf('minmax', [values]);
        t.true(min >= ends.min && max <= ends.max && min <= max, `${of}: ${min} to ${max}`);
        t.true(Math.max(-min, max) >= Math.max(-ends.min, ends.max) / 4, `${of}: ${min} to ${max}`);
      }
    });

    test(`${name}: values that are no finite numbers are refused, and nothing of their batch is taken in`, (t) => {
      for (const bad of [NaN, Infinity, -Infinity]) {
        const observer = makeObserver({ method, symmetric, percentile: 99.9 });
        observer.observe(Float32Array.of(1, 2, 3));
        const before = observer.range();
        throwsCode(t, () => observer.observe(Float32Array.of(100, bad, 0)), 'ERR_QUANTIZATION', 'values[1]', `${bad}`);
        throwsCode(t, () => observer.observe(Float32Array.of(bad)), 'ERR_QUANTIZATION', 'values[0]', `${bad}`);
        t.deepEqual(observer.range(), before);
      }
    });

    test(`${name}: nothing has no range`, (t) => {
      throwsCode(t, () => range(), 'ERR_QUANTIZATION', 'at least one value');
      throwsCode(t, () => range(new Float32Array(0)), 'ERR_QUANTIZATION', 'at least one value');
    });
  }
}

test('an unknown method is refused', (t) => {
  throwsCode(t, () => makeObserver({ method: 'best' as never, symmetric: false, percentile: 99 }), 'ERR_OPTION', '"best"');
});
