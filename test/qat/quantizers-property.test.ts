import { tensor } from '@tensorflow/tfjs-core';
import test from 'ava';
import fc from 'fast-check';
import { Tensor } from 'octensor';
import { clusterValues, nearest } from '#lib/qat/quantizers/cluster.js';
import { createQuantizer } from '#lib/qat/quantizers/index.js';
import { type Case, cases, evaluating, leaked, meaning, numbers, values } from '../support/fake-quantizers.js';

const all = cases();
const anyCase = fc.constantFrom(...all);
const dim = fc.integer({ min: 1, max: 5 });
const shape = fc.tuple(dim, dim, dim, dim).map((dims) => [...dims]);
const magnitude = fc.constantFrom(1e-30, 1e-6, 1, 1e4, 1e30);
const unit = fc.float({ min: -1, max: 1, noNaN: true });

/** Values of one magnitude, constant ones and zeros among them. */
function data(size: number): fc.Arbitrary<Float32Array<ArrayBuffer>> {
  const list = fc.oneof(
    fc.array(unit, { minLength: size, maxLength: size }),
    unit.map((value) => Array.from({ length: size }, () => value)),
  );
  return fc.tuple(list, magnitude).map(([list, scale]) => Float32Array.from(list, (value) => value * scale));
}

const problem = fc
  .tuple(anyCase, shape)
  .chain(([each, dims]) => data(dims.reduce((product, dim) => product * dim, 1)).map((data) => ({ each, dims, data })));

test('whatever the data: a finite grid, codes on it, and forward is what they mean', (t) => {
  fc.assert(
    fc.property(problem, ({ each: { name, options }, dims, data }) => {
      const quantizer = createQuantizer(name, options, dims);
      let ok = true;
      const left = leaked(() => {
        const x = tensor(data, dims);
        const weights = quantizer.initialize(x);
        const hard = numbers(() => quantizer.hardApply(x, weights));
        const codes = numbers(() => quantizer.codes(x, weights));
        const soft = numbers(() => quantizer.apply(x, weights, evaluating).y);
        const expected = meaning(quantizer.grid(weights, x), codes, dims);
        ok = hard.every((value, i) => Number.isFinite(value) && Object.is(value, expected[i]) && Object.is(value, soft[i]));
        x.dispose();
        for (const weight of Object.values(weights)) weight.dispose();
      });
      return ok && left === 0;
    }),
    { numRuns: 300 },
  );
  t.pass();
});

test('an exported grid of activations is one that Tensor.quantize takes, with the same result', (t) => {
  const activations = all.filter(({ name, options }: Case) => options.target === 'activations' && name !== 'xnor');
  const large = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(fc.constantFrom(...activations), data(24), large, ({ name, options }, seen, list) => {
      const quantizer = createQuantizer(name, options, [null]);
      const weights = quantizer.initialize(tensor(seen));
      const grid = quantizer.grid(weights);
      if (grid.kind !== 'uniform' || grid.step === 2) return options.bits === 1;
      const x = Float32Array.from(list);
      const codes = Array.from(new Tensor('float32', x).quantize(grid.qparams).data as Int8Array, (code) =>
        Math.min(Math.max(code, grid.qmin), grid.qmax),
      );
      const executed = new Tensor(grid.qparams.dtype, codes).dequantize(grid.qparams).data;
      const simulated = values(quantizer.hardApply(tensor(x), weights));
      return simulated.every((value, i) => Object.is(value, executed[i]));
    }),
    { numRuns: 200 },
  );
  t.pass();
});

test('straight-through weights are within half a step, and more bits are no worse', (t) => {
  fc.assert(
    fc.property(data(40), fc.boolean(), (data, symmetric) => {
      let before = Infinity;
      for (const bits of [2, 4, 8]) {
        const quantizer = createQuantizer('ste', { target: 'weights', bits, symmetric }, [40]);
        const x = tensor(data);
        const grid = quantizer.grid({}, x);
        if (grid.kind !== 'uniform') return false;
        const scale = grid.qparams.scale as number;
        const y = values(quantizer.hardApply(x, {}));
        const error = Math.max(...y.map((value, i) => Math.abs(value - data[i]!)));
        // The zero point is rounded too, which moves the ends by up to half a step
        const most = Math.max(...data.map(Math.abs));
        // A range too small for a normal float32 scale is all zeros
        if (scale === 1) return most <= 255 * 2 ** -126 || most >= 0.5;
        if (error > scale * (symmetric ? 0.5 : 1) + 1e-6 * most) return false;
        if (error > before + 1e-6 * most) return false;
        before = scale;
      }
      return true;
    }),
  );
  t.pass();
});

test('clusters: centroids ascend, no value is nearer to another, and fixed points are means', (t) => {
  fc.assert(
    fc.property(data(50), fc.integer({ min: 1, max: 32 }), (data, k) => {
      const centroids = clusterValues(data, k);
      const groups = Array.from({ length: k }, (): number[] => []);
      for (const value of data) groups[nearest(value, centroids)]!.push(value);
      const most = Math.max(...data.map(Math.abs));
      return centroids.every((centroid, c) => {
        const group = groups[c]!;
        const isMean =
          group.length === 0 || Math.abs(group.reduce((a, b) => a + b, 0) / group.length - centroid) <= 1e-6 * most;
        const isNearest = group.every((value) =>
          centroids.every((other) => Math.abs(value - centroid) <= Math.abs(value - other) + 1e-6 * most),
        );
        return isMean && isNearest && (c === 0 || centroids[c - 1]! <= centroid);
      });
    }),
  );
  t.pass();
});
