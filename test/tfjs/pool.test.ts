/** Native poolings and their gradients against the cpu backend's. */
import test, { type ExecutionContext } from 'ava';
import { Random } from '../support/random.js';
import { type Attrs, type Inputs, randomValues, runKernel, type Values } from './kernel-runs.js';

interface Pooling {
  readonly x: readonly [number, number, number, number];
  readonly filterSize: readonly [number, number];
  readonly strides?: readonly [number, number];
  readonly pad?: string | number;
}

const poolings: readonly Pooling[] = [
  { x: [1, 1, 1, 1], filterSize: [1, 1] },
  { x: [2, 6, 6, 5], filterSize: [2, 2], strides: [2, 2], pad: 'valid' },
  { x: [2, 7, 9, 5], filterSize: [2, 2], strides: [2, 2] },
  { x: [2, 7, 9, 16], filterSize: [3, 3] },
  { x: [2, 7, 9, 33], filterSize: [3, 3], strides: [2, 2] },
  { x: [1, 12, 7, 70], filterSize: [4, 1], strides: [3, 2] },
  { x: [1, 12, 7, 130], filterSize: [2, 3], strides: [5, 4], pad: 'valid' },
  { x: [3, 7, 7, 20], filterSize: [7, 7], pad: 'valid' },
  { x: [1, 5, 5, 3], filterSize: [1, 1], strides: [2, 2] },
  { x: [1, 3, 2, 3], filterSize: [5, 5] },
  { x: [2, 8, 8, 4], filterSize: [3, 3], pad: 1 },
];

function attrsOf({ filterSize, strides = [1, 1], pad = 'same' }: Pooling): Attrs {
  return { filterSize, strides, pad };
}

/** Sums of as many floats as a window has, on either side; their magnitude is at most that number. */
function compareClose(t: ExecutionContext, actual: Values, expected: Values, { filterSize: [height, width] }: Pooling): void {
  t.deepEqual(actual.shape, expected.shape);
  const bound = 2 * (height * width + 4) * 2 ** -24 * height * width;
  t.is(
    actual.values.findIndex((value, i) => !(Math.abs(value - expected.values[i]!) <= bound)),
    -1,
  );
}

async function both(kernel: string, inputs: Inputs, attrs: Attrs): Promise<readonly [Values, Values]> {
  return [await runKernel('octensor', kernel, inputs, attrs), await runKernel('cpu', kernel, inputs, attrs)];
}

test.serial('maxima are equal', async (t) => {
  const random = new Random(1);
  for (const p of poolings) {
    const [actual, expected] = await both('MaxPool', { x: randomValues(random, p.x) }, attrsOf(p));
    t.deepEqual(actual, expected);
  }
});

test.serial('NaN is passed over; the largest of nothing is -Infinity', async (t) => {
  const random = new Random(2);
  for (const p of poolings) {
    const x = randomValues(random, p.x);
    for (let i = 0; i < x.values.length; i++) if (random.integer(0, 2) > 0) x.values[i] = Number.NaN;
    const [actual, expected] = await both('MaxPool', { x }, attrsOf(p));
    t.deepEqual(actual, expected);
    const dy = randomValues(random, expected.shape);
    const [gradient, definition] = await both('MaxPoolGrad', { dy, input: x, output: expected }, attrsOf(p));
    compareClose(t, gradient, definition, p);
  }
});

test.serial('averages', async (t) => {
  const random = new Random(3);
  for (const p of poolings) {
    const [actual, expected] = await both('AvgPool', { x: randomValues(random, p.x) }, attrsOf(p));
    compareClose(t, actual, expected, p);
  }
});

test.serial("maxima's gradients, also of equal pixels", async (t) => {
  const random = new Random(4);
  for (const p of poolings) {
    for (const isCoarse of [false, true]) {
      const x = randomValues(random, p.x);
      if (isCoarse) x.values.set(x.values.map((value) => Math.round(value * 2)));
      const output = await runKernel('cpu', 'MaxPool', { x }, attrsOf(p));
      const inputs = { dy: randomValues(random, output.shape), input: x, output };
      const [actual, expected] = await both('MaxPoolGrad', inputs, attrsOf(p));
      compareClose(t, actual, expected, p);
    }
  }
});

test.serial("averages' gradients", async (t) => {
  const random = new Random(5);
  for (const p of poolings) {
    const input = randomValues(random, p.x);
    const { shape } = await runKernel('octensor', 'AvgPool', { x: input }, attrsOf(p));
    const [actual, expected] = await both('AvgPoolGrad', { dy: randomValues(random, shape), input }, attrsOf(p));
    compareClose(t, actual, expected, p);
  }
});
