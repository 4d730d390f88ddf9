import { dispose, slice, tensor, tidy } from '@tensorflow/tfjs-core';
import test from 'ava';
import { Tensor } from 'octensor';
import { createQuantizer, quantizers } from '#lib/qat/quantizers/index.js';
import { quantizerNames } from '#lib/qat/quantizers/quantizer.js';
import { cases, dims, evaluating, leaked, meaning, numbers, training, using, values } from '../support/fake-quantizers.js';
import { normals } from '../support/normals.js';
import { throwsCode } from '../support/throws.js';

test('the list holds each name once', (t) => {
  t.deepEqual(
    quantizers.map(({ name }) => name),
    [...quantizerNames],
  );
});

for (const each of cases()) {
  test(`${each.title}: forward is what the codes on its grid mean, to the bit`, (t) => {
    const { quantizer, x, weights } = using(each);
    const { y } = quantizer.apply(x, weights, evaluating);
    const hard = values(quantizer.hardApply(x, weights));
    t.deepEqual(values(y), hard);
    const grid = quantizer.grid(weights, x);
    const codes = values(quantizer.codes(x, weights));
    t.deepEqual(meaning(grid, codes, dims), hard);
    t.true(new Set(hard).size > 1);
    if (grid.kind === 'codebook') {
      t.true(codes.every((code) => Number.isInteger(code) && code >= 0 && code < 2 ** grid.bits));
      return;
    }
    const { qmin, qmax, step } = grid;
    t.true(codes.every((code) => code >= qmin && code <= qmax && (code - qmin) % step === 0));
    t.true((qmax - qmin) / step < 2 ** each.options.bits);
  });
}

for (const each of cases().filter(({ name, options }) => options.target === 'activations' && name !== 'xnor')) {
  test(`${each.title}: integer execution of the exported grid gives the same bits`, (t) => {
    const { quantizer, weights } = using(each);
    const grid = quantizer.grid(weights);
    if (grid.kind !== 'uniform' || grid.step !== 1) {
      t.is(each.options.bits, 1);
      return;
    }
    const wide = normals(4000, 3).map((x) => x * 3);
    const q = new Tensor('float32', wide).quantize(grid.qparams);
    const clamped = Array.from(q.data as Int8Array, (code) => Math.min(Math.max(code, grid.qmin), grid.qmax));
    const executed = new Tensor(grid.qparams.dtype, clamped).dequantize(grid.qparams).data;
    t.deepEqual(values(quantizer.hardApply(tensor(wide), weights)), executed);
    t.deepEqual(values(quantizer.apply(tensor(wide), weights, evaluating).y), executed);
  });
}

for (const each of cases([2, 8]).filter(({ options }) => options.granularity === 'per-channel')) {
  test(`${each.title}: a channel is quantized as if it were alone`, (t) => {
    const axis = each.options.axis!;
    const { quantizer, x, weights } = using(each);
    const whole = quantizer.hardApply(x, weights);
    const at = (channel: number) => dims.map((_, i) => (i === axis ? channel : 0));
    const size = dims.map((dim, i) => (i === axis ? 1 : dim));
    const { granularity: _, axis: __, ...options } = each.options;
    for (let channel = 0; channel < dims[axis]!; channel++) {
      const alone = using({ name: each.name, options }, values(slice(x, at(channel), size)), size);
      t.deepEqual(values(slice(whole, at(channel), size)), values(alone.quantizer.hardApply(alone.x, alone.weights)));
    }
  });
}

test('buckets are runs of inputs of one channel, the last one shorter', (t) => {
  const data = normals(21, 5);
  for (const [axis, shape] of [
    [0, [3, 7]],
    [1, [7, 3]],
  ] as const) {
    const each = { name: 'ste', options: { target: 'weights', bits: 4, granularity: { bucket: 4 }, axis } } as const;
    const { quantizer, x, weights } = using(each, data, [...shape]);
    const whole = values(quantizer.hardApply(x, weights));
    for (let channel = 0; channel < 3; channel++) {
      for (const [start, end] of [
        [0, 4],
        [4, 7],
      ] as const) {
        const places = Array.from({ length: end - start }, (_, i) =>
          axis === 0 ? channel * 7 + start + i : (start + i) * 3 + channel,
        );
        const part = Float32Array.from(places, (place) => data[place]!);
        const alone = using({ name: 'ste', options: { target: 'weights', bits: 4 } }, part, [part.length]);
        t.deepEqual(
          Array.from(places, (place) => whole[place]!),
          [...values(alone.quantizer.hardApply(alone.x, alone.weights))],
        );
      }
    }
  }
});

test('means of buckets count what is there', (t) => {
  const each = { name: 'bwn', options: { target: 'weights', bits: 1, granularity: { bucket: 4 } } } as const;
  const { quantizer, x, weights } = using(each, Float32Array.of(1, 2, 3, 4, -5, 6), [6, 1]);
  t.deepEqual([...values(quantizer.hardApply(x, weights))], [2.5, 2.5, 2.5, 2.5, -5.5, 5.5]);
});

for (const each of cases([3])) {
  test(`${each.title}: neither training nor export leaves tensors behind`, (t) => {
    const { quantizer, x, weights } = using(each);
    const run = () => {
      tidy(() => {
        const { updates } = quantizer.apply(x, weights, training);
        if (updates !== undefined) dispose(Object.values(updates));
      });
      quantizer.hardApply(x, weights).dispose();
      quantizer.codes(x, weights).dispose();
      dispose(Object.values(quantizer.initialize(x)));
      quantizer.grid(weights, x);
    };
    t.is(leaked(run), 0);
  });
}

test('NaN stays NaN in training, and is an error where ranges are found', (t) => {
  for (const each of cases([4])) {
    const { quantizer, weights } = using(each);
    const broken = tensor(
      Float32Array.from({ length: 120 }, (_, i) => (i === 5 ? Number.NaN : 1)),
      dims,
    );
    throwsCode(t, () => quantizer.initialize(broken), 'ERR_QUANTIZATION', each.name, 'finite', 'NaN');
    throwsCode(t, () => quantizer.initialize(tensor(Array(120).fill(Infinity), dims)), 'ERR_QUANTIZATION', each.name);
    if (each.options.target === 'weights') continue;
    t.true(Number.isNaN(numbers(() => quantizer.apply(broken, weights, evaluating).y)[5]!), each.title);
  }
});

test('options that a quantizer does not have are typed errors', (t) => {
  const weights = { target: 'weights', bits: 8 } as const;
  const activations = { target: 'activations', bits: 8 } as const;
  for (const bits of [0, 9, -1, 2.5, Number.NaN, Infinity, '8' as unknown as number]) {
    throwsCode(t, () => createQuantizer('lsq', { ...weights, bits }, [2, 3]), 'ERR_QUANTIZATION', 'bits of lsq', '1 to 8');
  }
  throwsCode(t, () => createQuantizer('bwn', { ...weights, bits: 2 }, [2, 3]), 'ERR_QUANTIZATION', 'bits of bwn');
  throwsCode(t, () => createQuantizer('twn', { ...weights, bits: 8 }, [2, 3]), 'ERR_QUANTIZATION', 'bits of twn');
  throwsCode(t, () => createQuantizer('none' as 'ste', weights, [2, 3]), 'ERR_OPTION', 'lsq+', '"none"');
  throwsCode(t, () => createQuantizer('toString' as 'ste', weights, [2, 3]), 'ERR_OPTION');
  throwsCode(t, () => createQuantizer('pact', weights, [2, 3]), 'ERR_OPTION', 'target of pact');
  throwsCode(t, () => createQuantizer('ema', weights, [2, 3]), 'ERR_OPTION', 'target of ema');
  throwsCode(t, () => createQuantizer('ste', null as never, [2]), 'ERR_OPTION', 'options');
  throwsCode(t, () => createQuantizer('ste', { ...activations, min: 1 }, [null]), 'ERR_QUANTIZATION', 'min');
  throwsCode(t, () => createQuantizer('ste', { ...activations, max: -1 }, [null]), 'ERR_QUANTIZATION', 'max');
  throwsCode(t, () => createQuantizer('ste', { ...activations, min: 0, max: 0 }, [null]), 'ERR_QUANTIZATION', 'max');
  throwsCode(t, () => createQuantizer('ste', { ...activations, max: Number.NaN }, [null]), 'ERR_OPTION', 'max');
  throwsCode(t, () => createQuantizer('ema', { ...activations, momentum: 0 }, [null]), 'ERR_OPTION', 'momentum');
  throwsCode(t, () => createQuantizer('dsq', { ...weights, alpha: 1 }, [2]), 'ERR_OPTION', 'alpha');
  throwsCode(t, () => createQuantizer('pact', { ...activations, decay: -1 }, [null]), 'ERR_OPTION', 'decay');
  throwsCode(t, () => createQuantizer('stochastic', { ...weights, seed: 0.5 }, [2]), 'ERR_OPTION', 'seed');
  throwsCode(t, () => createQuantizer('ste', { ...weights, symmetric: 1 as never }, [2]), 'ERR_OPTION', 'symmetric');
  throwsCode(t, () => createQuantizer('ste', weights, [2, 0]), 'ERR_SHAPE', 'shape[1]');
  throwsCode(t, () => createQuantizer('ste', weights, [2, null]), 'ERR_SHAPE', 'shape[1]');
  throwsCode(t, () => createQuantizer('ste', weights, [2 ** 40, 2 ** 40]), 'ERR_SHAPE');
  const perChannel = { ...weights, granularity: 'per-channel' } as const;
  throwsCode(t, () => createQuantizer('ste', { ...perChannel, axis: 2 }, [2, 3]), 'ERR_SHAPE', 'axis');
  throwsCode(t, () => createQuantizer('ste', perChannel, []), 'ERR_SHAPE', 'axis');
  throwsCode(t, () => createQuantizer('kmeans', perChannel, [2, 3]), 'ERR_QUANTIZATION', 'granularity');
  throwsCode(t, () => createQuantizer('ste', { ...activations, granularity: 'per-channel' }, [null, 3]), 'ERR_QUANTIZATION');
  const bucket = (bucket: number, axis: number) => ({ ...weights, granularity: { bucket }, axis });
  throwsCode(t, () => createQuantizer('ste', bucket(0, 0), [2, 3]), 'ERR_OPTION', 'granularity');
  throwsCode(t, () => createQuantizer('ste', bucket(4, 1), [2, 3, 4]), 'ERR_SHAPE', 'first or the last');
});

test('weights whose grid follows from them say that they are needed', (t) => {
  const { quantizer } = using({ name: 'ste', options: { target: 'weights', bits: 8 } });
  throwsCode(t, () => quantizer.grid({}), 'ERR_OPTION', 'grid of ste');
});

test('a range that is given is the one to start from, at either end', (t) => {
  const x = Float32Array.from(normals(100, 4));
  const start = (options: object) => {
    const { weights } = using({ name: 'nudged', options: { target: 'activations', bits: 2, ...options } }, x, [100]);
    return { min: values(weights.min!)[0]!, max: values(weights.max!)[0]! };
  };
  const [low, high] = [Math.min(...x), Math.max(...x)];
  const found = start({});
  t.true(found.min > low && found.min < 0 && found.max < high && found.max > 0, 'two bits clip');
  t.is(start({ min: -5 }).min, -5);
  t.deepEqual(start({ min: -5, max: 3 }), { min: -5, max: 3 });
});
