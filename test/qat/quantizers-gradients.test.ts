import { grads, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core';
import test from 'ava';
import { softStaircase } from '#lib/qat/quantizers/dsq.js';
import { createQuantizer } from '#lib/qat/quantizers/index.js';
import { levelsOf } from '#lib/qat/quantizers/levels.js';
import type { QuantizerName, QuantizerOptions } from '#lib/qat/quantizers/quantizer.js';
import { evaluating, leaked, numbers, training, using, values } from '../support/fake-quantizers.js';
import { normals } from '../support/normals.js';

/** The gradient of sum(dy · y) in x and in each weight of the quantizer, with given weights. */
function gradients(
  name: QuantizerName,
  options: Omit<QuantizerOptions, 'target'> & { readonly target?: 'weights' | 'activations' },
  x: readonly number[],
  given: Readonly<Record<string, number | readonly number[]>>,
  dy: readonly number[] = x.map(() => 1),
  shape: readonly number[] = [x.length],
): Record<string, number[]> {
  const quantizer = createQuantizer(name, { target: 'activations', ...options }, shape);
  const isTrained = new Set(quantizer.weights.filter(({ trainable }) => trainable).map(({ name }) => name));
  const weights = quantizer.weights.map(({ name, shape }) => [name, tensor(given[name] as number, [...shape])] as const);
  const trained = weights.filter(([name]) => isTrained.has(name));
  const run = (...[x, ...values]: Tensor[]) => {
    const learned = trained.map(([name], i) => [name, values[i]!] as const);
    return quantizer.apply(x!, Object.fromEntries([...weights, ...learned]), evaluating).y;
  };
  const found = grads(run)(
    [tensor(x as number[], [...shape]), ...trained.map(([, value]) => value)],
    tensor(dy as number[], [...shape]),
  );
  return Object.fromEntries(['x', ...isTrained].map((name, i) => [name, [...values(found[i]!)]]));
}

const near = (
  t: { true(value: boolean, message?: string): void },
  actual: readonly number[],
  expected: readonly number[],
  error = 1e-5,
) => {
  t.true(
    actual.length === expected.length &&
      actual.every((value, i) => Math.abs(value - expected[i]!) <= error * Math.max(1, Math.abs(expected[i]!))),
    `${actual} is near ${expected}`,
  );
};

test('straight through: 1 between the ends of the grid and on them, 0 outside', (t) => {
  const { x } = gradients('ste', { bits: 2 }, [-0.1, 0, 1.4, 3, 3.1], { min: 0, max: 3 }, [1, 2, 3, 4, 5]);
  t.deepEqual(x, [0, 2, 3, 4, 0]);
  const symmetric = gradients(
    'ste',
    { bits: 2, symmetric: true },
    [-2.1, -2, 0.3, 2, 2.1],
    { min: -2, max: 2 },
    [1, 2, 3, 4, 5],
  );
  t.deepEqual(symmetric.x, [0, 2, 3, 4, 0]);
  const weights = gradients('ste', { bits: 8, target: 'weights' }, [-2, 0.3, 2], {}, [1, 2, 3]);
  t.deepEqual(weights.x, [1, 2, 3]);
});

test('moving averages: straight through, with the averages after the update', (t) => {
  const { quantizer } = using(
    { name: 'ema', options: { target: 'activations', bits: 8, momentum: 0.25 } },
    Float32Array.of(0, 1),
    [2],
  );
  const { updates } = quantizer.apply(tensor([-4, 8]), { min: tensor(0), max: tensor(4) }, training);
  t.deepEqual([...values(updates!.min!)], [-1]);
  t.deepEqual([...values(updates!.max!)], [5]);
  const { y } = quantizer.apply(tensor([-4, 8]), { min: tensor(0), max: tensor(4) }, training);
  t.deepEqual(values(y), values(quantizer.hardApply(tensor([-4, 8]), updates!)));
  t.is(quantizer.apply(tensor([-4, 8]), { min: tensor(0), max: tensor(4) }, evaluating).updates, undefined);
  t.deepEqual(gradients('ema', { bits: 4 }, [-3, -1, 3, 9], { min: -2, max: 4 }).x, [0, 1, 1, 0]);
});

test('learned ends take the gradient of what is beyond them', (t) => {
  // scale 0.4, zero point 5: from -2 to 4
  const found = gradients('nudged', { bits: 4 }, [-3, -2.5, -1, 0, 3, 5, 6], { min: -2, max: 4 }, [1, 2, 3, 4, 5, 6, 7]);
  t.deepEqual(found, { x: [0, 0, 3, 4, 5, 0, 0], min: [3], max: [13] });
});

test('one symmetric end takes both sides, with their signs', (t) => {
  const found = gradients('nudged', { bits: 4, symmetric: true }, [-3, 0, 3, 4], { max: 2 }, [1, 2, 3, 5]);
  t.deepEqual(found, { x: [0, 2, 0, 0], max: [7] });
});

test('learned ends per channel', (t) => {
  const options = { bits: 4, target: 'weights', granularity: 'per-channel', axis: 1 } as const;
  const found = gradients('nudged', options, [3, 3, -3, 1, 0, -9], { max: [2, 4] }, [1, 2, 3, 4, 5, 6], [3, 2]);
  t.deepEqual(found, { x: [0, 2, 0, 4, 5, 0], max: [-2, -6] });
});

test('PACT: what is above the clip bound moves it, nothing below 0 does', (t) => {
  const found = gradients('pact', { bits: 4 }, [-1, 0.5, 2, 3, 4], { alpha: 2 }, [1, 2, 3, 4, 5]);
  t.deepEqual(found, { x: [0, 2, 3, 0, 0], alpha: [9] });
});

test('LSQ: round(v) - v inside, the end codes outside, scaled', (t) => {
  // v = -3, -1.25, 0.75, 5; levels -2 to 1; N = 4
  const g = 1 / Math.sqrt(4 * 1);
  const found = gradients('lsq', { bits: 2, target: 'weights' }, [-1.5, -0.625, 0.375, 2.5], { scale: 0.5 }, [1, 2, 3, 4]);
  near(t, found.x!, [0, 2, 3, 0]);
  near(t, found.scale!, [g * (-2 + 2 * 0.25 + 3 * 0.25 + 4)]);
});

test('LSQ: the scale of activations counts features of one example', (t) => {
  const g = 1 / Math.sqrt(2 * 15);
  const found = gradients('lsq', { bits: 4 }, [0.3, 1, 99, -1], { scale: 0.25 }, [1, 1, 1, 1], [2, 2]);
  near(t, found.scale!, [g * (1 - 1.2 + 0 + 15 + 0)]);
});

test('LSQ: one bit is ±s with the sign for the rounding', (t) => {
  const found = gradients('lsq', { bits: 1, target: 'weights' }, [-1.5, -0.25, 0.25, 0], { scale: 0.5 }, [1, 1, 1, 1]);
  near(t, found.x!, [0, 1, 1, 1]);
  near(t, found.scale!, [0.5 * (-1 + (-1 + 0.5) + (1 - 0.5) + 1)]);
});

test('a scale that crossed 0 is used by its size, and its gradient turns', (t) => {
  const up = gradients('lsq', { bits: 3, target: 'weights' }, [-1.5, 0.6, 9], { scale: 0.5 });
  const down = gradients('lsq', { bits: 3, target: 'weights' }, [-1.5, 0.6, 9], { scale: -0.5 });
  t.deepEqual(up.x, down.x);
  near(t, down.scale!, [-up.scale![0]!]);
  const { quantizer } = using({ name: 'lsq', options: { target: 'weights', bits: 3 } });
  t.deepEqual(
    values(quantizer.hardApply(tensor([0.3, 0.6]), { scale: tensor(-0.5) })),
    values(quantizer.hardApply(tensor([0.3, 0.6]), { scale: tensor(0.5) })),
  );
});

test('LSQ+: the offset takes the gradient outside, the scale counts from the offset', (t) => {
  // s = 0.5, zero point 2: v = x / s + 2 = -1, 0.6, 2.8, 8; levels 0 to 3
  const g = 1 / Math.sqrt(4 * 3);
  const found = gradients('lsq+', { bits: 2 }, [-1.5, -0.7, 0.4, 3], { scale: 0.5, offset: -1.1 }, [1, 2, 3, 4]);
  // Activations of one example each: N = 1
  const one = Math.sqrt(4) * g;
  near(t, found.x!, [0, 2, 3, 0]);
  near(t, found.scale!, [one * (0 + 2 * (1 - 0.6) + 3 * (3 - 2.8) + 4 * 3)]);
  near(t, found.offset!, [one * (1 + 4)]);
});

test('XNOR: the product rule of the scale and the signs', (t) => {
  const x = [0.5, -1.5, 0.25, -0.75];
  const dy = [1, 2, 3, 4];
  const signs = x.map(Math.sign);
  const shared = dy.reduce((sum, d, i) => sum + d * signs[i]!, 0) / 4;
  const expected = x.map((value, i) => (Math.abs(value) <= 1 ? 0.75 * dy[i]! : 0) + signs[i]! * shared);
  for (const name of ['bwn', 'xnor'] as const) near(t, gradients(name, { bits: 1, target: 'weights' }, x, {}, dy).x!, expected);
  t.deepEqual(gradients('xnor', { bits: 1 }, [-2, -1, 0, 0.5, 3], { beta: 0.5 }, [2, 4, 6, 8, 10]).x, [0, 2, 3, 4, 0]);
});

test('TWN: 0.7 of the mean is the threshold, the gradient goes straight through', (t) => {
  const { quantizer, x, weights } = using(
    { name: 'twn', options: { target: 'weights', bits: 2 } },
    Float32Array.of(2, -1, 0.5, -0.1),
    [4],
  );
  // mean |x| = 0.9, threshold 0.63
  t.deepEqual([...values(quantizer.hardApply(x, weights))], [1.5, -1.5, 0, 0]);
  t.deepEqual(gradients('twn', { bits: 2, target: 'weights' }, [2, -1, 0.5, -0.1], {}, [1, 2, 3, 4]).x, [1, 2, 3, 4]);
});

test("a codebook takes the sum of its members' gradients, the weights none", (t) => {
  const given = { codebook: [-1, 1], codes: [0, 1, 1, 0] };
  const found = gradients('kmeans', { bits: 1, target: 'weights' }, [-1, 1, 1.5, -2], given, [1, 2, 4, 8]);
  t.deepEqual(found.codebook, [9, 6]);
  t.deepEqual(found.x, [0, 0, 0, 0]);
});

test('DoReFa activations: 1 from 0 to the bound, 0 outside; one bit of weights goes straight through', (t) => {
  t.deepEqual(gradients('dorefa', { bits: 2 }, [-0.1, 0, 0.4, 1, 1.1], { max: 1 }, [1, 2, 3, 4, 5]).x, [0, 2, 3, 4, 0]);
  t.deepEqual(gradients('dorefa', { bits: 1, target: 'weights' }, [-3, 0.4], {}, [1, 2]).x, [1, 2]);
});

test('DoReFa weights: the gradient is that of tanh(x) / max |tanh(x)|, by central differences', (t) => {
  const x = [0.3, -0.9, 1.4, -0.2, 0.05];
  const dy = [1, -2, 3, 0.5, 0.25];
  for (const [rescale, size] of [
    [false, 1],
    [true, 1.4],
  ] as const) {
    const loss = (x: readonly number[]) => {
      const most = Math.max(...x.map((value) => Math.abs(Math.tanh(value))));
      return x.reduce((sum, value, i) => sum + (dy[i]! * size * Math.tanh(value)) / most, 0);
    };
    near(t, gradients('dorefa', { bits: 3, target: 'weights', rescale }, x, {}, dy).x!, differences(loss, x), 1e-4);
  }
});

test('DSQ: at the ends of where it learns, alpha has only a gradient that leads back', (t) => {
  const x = [-0.55, -0.31, 0.07, 0.42];
  for (const dy of [
    [0.5, 1, -2, 3],
    [-0.5, -1, 2, -3],
  ]) {
    const alphaGradient = (alpha: number) => gradients('dsq', { bits: 2 }, x, { low: -0.7, high: 1.2, alpha }, dy).alpha![0]!;
    const inside = Math.sign(alphaGradient(0.3));
    t.not(inside, 0);
    // Training goes against the gradient
    t.is(Math.sign(alphaGradient(0.09)), inside > 0 ? 0 : -1);
    t.is(Math.sign(alphaGradient(0.51)), inside > 0 ? 1 : 0);
  }
});

for (const symmetric of [true, false]) {
  test(`DSQ${symmetric ? ', symmetric' : ''}: gradients are those of the soft staircase, by central differences`, (t) => {
    const options = { bits: 2, symmetric } as const;
    const levels = levelsOf({ target: 'activations', ...options });
    const [low, high, alpha] = symmetric ? [-1.1, 1.1, 0.15] : [-0.7, 1.2, 0.15];
    const x = [-2, -0.55, -0.31, 0.07, 0.42, 0.8, 1.7];
    const dy = [0.5, 1, -2, 3, 0.25, -1, 2];
    const n = (levels.qmax - levels.qmin) / levels.step;
    // In double precision, from the equations in the paper
    const soft = (x: number, low: number, high: number, alpha: number) => {
      const delta = (high - low) / n;
      const c = Math.min(Math.max((x - low) / delta, 0), n);
      const i = Math.min(Math.floor(c), n - 1);
      const k = Math.log(2 / alpha - 1);
      return low + delta * (i + (0.5 / (1 - alpha)) * Math.tanh(k * (c - i - 0.5)) + 0.5);
    };
    const sum = (x: readonly number[], low: number, high: number, alpha: number) =>
      x.reduce((total, value, i) => total + dy[i]! * soft(value, low, high, alpha), 0);
    const found = gradients('dsq', options, x, { low, high, alpha }, dy);
    near(
      t,
      found.x!,
      differences((x) => sum(x, low, high, alpha), x),
      1e-3,
    );
    near(
      t,
      found.alpha!,
      differences(([alpha]) => sum(x, low, high, alpha!), [alpha]),
      1e-3,
    );
    if (symmetric)
      near(
        t,
        found.high!,
        differences(([high]) => sum(x, -high!, high!, alpha), [high]),
        1e-3,
      );
    else {
      near(
        t,
        found.high!,
        differences(([high]) => sum(x, low, high!, alpha), [high]),
        1e-3,
      );
      near(
        t,
        found.low!,
        differences(([low]) => sum(x, low!, high, alpha), [low]),
        1e-3,
      );
    }
    const ours = numbers(() =>
      softStaircase(tensor(x), tensor(high), tensor(alpha), symmetric ? undefined : tensor(low), levels),
    );
    near(
      t,
      [...ours],
      x.map((value) => soft(value, low, high, alpha)),
      1e-5,
    );
  });
}

test('DSQ evolves to the hard staircase as alpha goes to 0, away from where it jumps', (t) => {
  const { quantizer } = using({ name: 'dsq', options: { target: 'weights', bits: 3 } });
  const x = normals(500, 9);
  const [high, step] = [1.5, 0.5];
  const hard = values(quantizer.hardApply(tensor(x), { high: tensor(high), alpha: tensor(0.2) }));
  const farFromJumps = (i: number) => Math.abs(Math.abs((x[i]! / step) % 1) - 0.5) > 0.2;
  const distance = (alpha: number) => {
    const levels = levelsOf({ target: 'weights', bits: 3 });
    const soft = numbers(() => softStaircase(tensor(x), tensor(high), tensor(alpha), undefined, levels));
    return Math.max(...hard.map((value, i) => (farFromJumps(i) ? Math.abs(value - soft[i]!) : 0)));
  };
  const distances = [0.4, 0.2, 0.05, 1e-3, 1e-6].map(distance);
  t.true(
    distances.every((value, i) => i === 0 || value < distances[i - 1]!),
    String(distances),
  );
  t.true(distances.at(-1)! < 0.01 * step, String(distances));
});

test('stochastic rounding is unbiased in training, reproducible, and to the nearest otherwise', (t) => {
  const { quantizer, weights } = using({ name: 'stochastic', options: { target: 'activations', bits: 4, max: 15, seed: 3 } });
  const x = tensor(Array.from({ length: 20000 }, () => 6.3));
  const run = (step: number) => numbers(() => quantizer.apply(x, weights, { training: true, step }).y);
  const first = run(0);
  t.deepEqual([...new Set(first)].sort(), [6, 7]);
  // The mean of 20000 such values deviates by 0.0033; five times that is never seen
  t.true(Math.abs(first.reduce((sum, value) => sum + value, 0) / first.length - 6.3) < 0.017);
  t.deepEqual(run(0), first);
  t.notDeepEqual(run(1), first);
  t.deepEqual(new Set(numbers(() => quantizer.apply(x, weights, evaluating).y)), new Set([6]));
});

test('gradients leave no tensors behind, inside a tidy of the layer too', (t) => {
  const names = ['ste', 'nudged', 'stochastic', 'lsq', 'lsq+', 'dorefa', 'dsq', 'bwn', 'xnor', 'twn', 'kmeans'] as const;
  for (const name of names) {
    const bits = name === 'bwn' || name === 'xnor' ? 1 : 2;
    const { quantizer, x, weights } = using({ name, options: { target: 'weights', bits } });
    const keys = quantizer.weights.filter(({ trainable }) => trainable).map(({ name }) => name);
    const run = (...[x, ...given]: Tensor[]) =>
      tidy(
        () => quantizer.apply(x!, { ...weights, ...Object.fromEntries(keys.map((key, i) => [key, given[i]!])) }, training).y,
      );
    const left = leaked(() => {
      for (const gradient of grads(run)([x, ...keys.map((key) => weights[key]!)])) gradient.dispose();
    });
    t.is(left, 0, name);
  }
});

function differences(f: (x: readonly number[]) => number, x: readonly number[], h = 1e-6): number[] {
  return x.map((_, i) => {
    const at = (shift: number) => f(x.map((value, j) => (j === i ? value + shift : value)));
    return (at(h) - at(-h)) / (2 * h);
  });
}
