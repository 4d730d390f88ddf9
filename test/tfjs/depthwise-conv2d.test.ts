/** Native depthwise convolutions and their gradients against the cpu backend's. */
import test from 'ava';
import { setThreads } from '#lib/tfjs/index.js';
import { Random } from '../support/random.js';
import { type Attrs, compareSums, randomValues, runKernel } from './kernel-runs.js';

interface Depthwise {
  readonly x: readonly [number, number, number, number];
  /** Height, width, multiplier. */
  readonly kernel: readonly [number, number, number];
  readonly strides?: readonly [number, number];
  readonly pad?: string | number | readonly (readonly number[])[];
  readonly dilations?: readonly [number, number];
}

const explicit = [
  [0, 0],
  [0, 1],
  [2, 0],
  [0, 0],
];

const convolutions: readonly Depthwise[] = [
  { x: [1, 1, 1, 1], kernel: [1, 1, 1] },
  { x: [2, 5, 6, 3], kernel: [3, 3, 1] },
  { x: [2, 7, 6, 16], kernel: [3, 3, 1], pad: 'valid' },
  { x: [3, 14, 14, 40], kernel: [3, 3, 1] },
  { x: [3, 14, 14, 40], kernel: [3, 3, 1], strides: [2, 2] },
  { x: [2, 9, 13, 33], kernel: [5, 5, 1], strides: [2, 2], pad: 'valid' },
  { x: [2, 9, 13, 5], kernel: [2, 4, 1] },
  { x: [2, 9, 13, 5], kernel: [3, 3, 2] },
  { x: [2, 9, 13, 5], kernel: [3, 3, 3], strides: [2, 2] },
  { x: [1, 8, 8, 1], kernel: [3, 3, 20] },
  { x: [2, 9, 9, 17], kernel: [2, 2, 1], strides: [3, 3] },
  { x: [2, 11, 10, 4], kernel: [3, 3, 1], strides: [5, 5], pad: 'valid' },
  { x: [1, 2, 3, 4], kernel: [3, 3, 1], strides: [6, 6] },
  { x: [2, 9, 9, 3], kernel: [3, 3, 1], pad: explicit },
  { x: [1, 8, 8, 8], kernel: [3, 3, 1], pad: 2 },
  { x: [1, 3, 3, 8], kernel: [7, 7, 1] },
  { x: [1, 1, 9, 6], kernel: [1, 4, 1], strides: [2, 2] },
];
const dilated: readonly Depthwise[] = [
  { x: [2, 12, 12, 20], kernel: [3, 3, 1], dilations: [2, 2] },
  { x: [2, 12, 12, 4], kernel: [3, 2, 2], dilations: [3, 1], pad: 'valid' },
];

function attrsOf({ strides = [1, 1], pad = 'same', dilations = [1, 1] }: Depthwise): Attrs {
  return { strides, pad, dilations, dataFormat: 'NHWC' };
}

function filterOf({ x, kernel: [height, width, multiplier] }: Depthwise): [number, number, number, number] {
  return [height, width, x[3], multiplier];
}

async function outputShape(c: Depthwise): Promise<readonly number[]> {
  const inputs = { x: randomValues(new Random(0), c.x), filter: randomValues(new Random(0), filterOf(c)) };
  return (await runKernel('octensor', 'DepthwiseConv2dNative', inputs, attrsOf(c))).shape;
}

test.serial('depthwise convolutions', async (t) => {
  const random = new Random(1);
  for (const c of [...convolutions, ...dilated]) {
    const inputs = { x: randomValues(random, c.x), filter: randomValues(random, filterOf(c)) };
    await compareSums(t, 'DepthwiseConv2dNative', inputs, attrsOf(c), c.kernel[0] * c.kernel[1]);
  }
});

test.serial('gradients by the input', async (t) => {
  const random = new Random(2);
  for (const c of convolutions) {
    const inputs = { dy: randomValues(random, await outputShape(c)), filter: randomValues(random, filterOf(c)) };
    const attrs = { ...attrsOf(c), inputShape: [...c.x] };
    await compareSums(t, 'DepthwiseConv2dNativeBackpropInput', inputs, attrs, c.kernel[0] * c.kernel[1] * c.kernel[2]);
  }
});

test.serial('gradients by the filter', async (t) => {
  const random = new Random(3);
  for (const c of convolutions) {
    const shape = await outputShape(c);
    const inputs = { x: randomValues(random, c.x), dy: randomValues(random, shape) };
    const attrs = { ...attrsOf(c), filterShape: filterOf(c) };
    await compareSums(t, 'DepthwiseConv2dNativeBackpropFilter', inputs, attrs, shape[0]! * shape[1]! * shape[2]!);
  }
});

test.serial('bias and activations', async (t) => {
  const random = new Random(4);
  const c: Depthwise = { x: [2, 6, 6, 5], kernel: [3, 3, 2] };
  const [x, filter] = [randomValues(random, c.x), randomValues(random, filterOf(c))];
  for (const activation of ['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'prelu', 'leakyrelu']) {
    for (const biasShape of [undefined, [10], [1], [6, 1, 10]]) {
      const bias = biasShape && randomValues(random, biasShape);
      const preluActivationWeights = activation === 'prelu' ? randomValues(random, [10]) : undefined;
      const attrs = { ...attrsOf(c), activation, leakyreluAlpha: 0.2 };
      await compareSums(t, 'FusedDepthwiseConv2D', { x, filter, bias, preluActivationWeights }, attrs, 10);
    }
  }
});

test.serial('no images at all', async (t) => {
  const random = new Random(5);
  const c: Depthwise = { x: [0, 6, 6, 5], kernel: [3, 3, 1] };
  const [x, filter, dy] = [randomValues(random, c.x), randomValues(random, filterOf(c)), randomValues(random, c.x)];
  await compareSums(t, 'DepthwiseConv2dNative', { x, filter }, attrsOf(c), 9);
  await compareSums(t, 'DepthwiseConv2dNativeBackpropInput', { dy, filter }, { ...attrsOf(c), inputShape: [...c.x] }, 9);
  const attrs = { ...attrsOf(c), filterShape: filterOf(c) };
  await compareSums(t, 'DepthwiseConv2dNativeBackpropFilter', { x, dy }, attrs, 0);
});

test.serial('bits do not depend on the number of threads', async (t) => {
  const random = new Random(6);
  const c: Depthwise = { x: [16, 20, 20, 24], kernel: [3, 3, 1] };
  const [x, filter] = [randomValues(random, c.x), randomValues(random, filterOf(c))];
  const dy = randomValues(random, c.x);
  const results: Float32Array[][] = [];
  for (const threads of [1, 2, 3]) {
    setThreads(threads);
    const gradients = { inputShape: [...c.x], filterShape: filterOf(c), ...attrsOf(c) };
    const runs = [
      await runKernel('octensor', 'DepthwiseConv2dNative', { x, filter }, attrsOf(c)),
      await runKernel('octensor', 'DepthwiseConv2dNativeBackpropInput', { dy, filter }, gradients),
      await runKernel('octensor', 'DepthwiseConv2dNativeBackpropFilter', { x, dy }, gradients),
    ];
    results.push(runs.map(({ values }) => values));
  }
  t.deepEqual(results[1], results[0]);
  t.deepEqual(results[2], results[0]);
});
