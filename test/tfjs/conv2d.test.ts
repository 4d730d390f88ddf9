/** Native convolutions and their gradients against the cpu backend's. */
import test from 'ava';
import { setThreads } from '#lib/tfjs/index.js';
import { Random } from '../support/random.js';
import { type Attrs, compareSums, randomValues, runKernel } from './kernel-runs.js';

interface Convolution {
  readonly x: readonly [number, number, number, number];
  readonly filter: readonly [number, number, number, number];
  readonly strides?: readonly [number, number];
  readonly pad?: string | number | readonly (readonly number[])[];
  readonly dilations?: readonly [number, number];
  readonly dimRoundingMode?: string;
}

const explicit = [
  [0, 0],
  [1, 0],
  [0, 2],
  [0, 0],
];

const convolutions: readonly Convolution[] = [
  { x: [1, 1, 1, 1], filter: [1, 1, 1, 1] },
  { x: [2, 5, 6, 3], filter: [3, 3, 3, 4] },
  { x: [2, 5, 6, 3], filter: [3, 3, 3, 4], pad: 'valid' },
  { x: [3, 14, 14, 16], filter: [1, 1, 16, 40] },
  { x: [3, 14, 14, 40], filter: [1, 1, 40, 8] },
  { x: [2, 15, 13, 5], filter: [3, 3, 5, 33], strides: [2, 2] },
  { x: [2, 15, 13, 5], filter: [3, 3, 5, 33], strides: [2, 2], pad: 'valid' },
  { x: [2, 16, 16, 1], filter: [5, 5, 1, 6], strides: [1, 2] },
  { x: [1, 12, 9, 2], filter: [2, 4, 2, 7] },
  { x: [1, 12, 9, 2], filter: [2, 4, 2, 7], strides: [2, 3] },
  { x: [2, 11, 11, 3], filter: [1, 1, 3, 5], strides: [3, 2], pad: 'valid' },
  { x: [2, 11, 11, 3], filter: [2, 2, 3, 5], strides: [4, 3] },
  { x: [1, 2, 3, 4], filter: [3, 3, 4, 5], strides: [7, 7] },
  { x: [2, 9, 9, 3], filter: [3, 3, 3, 4], pad: explicit },
  { x: [2, 9, 9, 3], filter: [3, 3, 3, 4], strides: [2, 2], pad: explicit },
  { x: [1, 8, 8, 2], filter: [3, 3, 2, 3], pad: 2 },
  { x: [1, 8, 8, 2], filter: [3, 3, 2, 3], strides: [2, 2], pad: 1, dimRoundingMode: 'floor' },
  { x: [1, 6, 6, 2], filter: [3, 3, 2, 3], pad: 4 },
  { x: [1, 3, 3, 2], filter: [7, 7, 2, 3] },
  { x: [8, 28, 28, 1], filter: [3, 3, 1, 16], strides: [2, 2] },
  { x: [16, 14, 14, 24], filter: [3, 3, 24, 12] },
  { x: [1, 3, 3, 600], filter: [3, 3, 600, 3] },
  { x: [1, 40, 300, 2], filter: [3, 3, 2, 3] },
];
const dilated: readonly Convolution[] = [
  { x: [2, 12, 12, 3], filter: [3, 3, 3, 4], dilations: [2, 2] },
  { x: [2, 12, 12, 3], filter: [3, 2, 3, 4], dilations: [3, 1], pad: 'valid' },
  { x: [1, 6, 6, 3], filter: [3, 3, 3, 4], dilations: [5, 4] },
  // Far outside the image: not for native code.
  { x: [1, 2, 2, 1], filter: [2, 2, 1, 1], dilations: [9000, 9000] },
];

function attrsOf({ strides = [1, 1], pad = 'same', dilations = [1, 1], dimRoundingMode }: Convolution): Attrs {
  return { strides, pad, dilations, dataFormat: 'NHWC', ...(dimRoundingMode && { dimRoundingMode }) };
}

/** What dy is like: the convolution's output. */
async function outputShape(c: Convolution): Promise<readonly number[]> {
  const inputs = { x: randomValues(new Random(0), c.x), filter: randomValues(new Random(0), c.filter) };
  return (await runKernel('octensor', 'Conv2D', inputs, attrsOf(c))).shape;
}

test.serial('convolutions', async (t) => {
  const random = new Random(1);
  for (const c of [...convolutions, ...dilated]) {
    const inputs = { x: randomValues(random, c.x), filter: randomValues(random, c.filter) };
    await compareSums(t, 'Conv2D', inputs, attrsOf(c), c.filter[0] * c.filter[1] * c.filter[2]);
  }
});

test.serial('gradients by the input', async (t) => {
  const random = new Random(2);
  for (const c of convolutions) {
    const inputs = { dy: randomValues(random, await outputShape(c)), filter: randomValues(random, c.filter) };
    const attrs = { ...attrsOf(c), inputShape: [...c.x] };
    await compareSums(t, 'Conv2DBackpropInput', inputs, attrs, c.filter[0] * c.filter[1] * c.filter[3]);
  }
});

test.serial('gradients by the filter', async (t) => {
  const random = new Random(3);
  for (const c of convolutions) {
    const shape = await outputShape(c);
    const inputs = { x: randomValues(random, c.x), dy: randomValues(random, shape) };
    const attrs = { ...attrsOf(c), filterShape: [...c.filter] };
    await compareSums(t, 'Conv2DBackpropFilter', inputs, attrs, shape[0]! * shape[1]! * shape[2]!);
  }
});

test.serial('bias and activations', async (t) => {
  const random = new Random(4);
  const [x, filter] = [randomValues(random, [2, 6, 6, 5]), randomValues(random, [3, 3, 5, 9])];
  for (const activation of ['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'prelu', 'leakyrelu']) {
    for (const biasShape of [undefined, [9], [1, 1, 1, 9], [1], [6, 6, 9]]) {
      const bias = biasShape && randomValues(random, biasShape);
      const preluActivationWeights = activation === 'prelu' ? randomValues(random, [1, 1, 9]) : undefined;
      const attrs = { ...attrsOf({ x: [2, 6, 6, 5], filter: [3, 3, 5, 9] }), activation, leakyreluAlpha: 0.2 };
      await compareSums(t, 'FusedConv2D', { x, filter, bias, preluActivationWeights }, attrs, 46);
    }
  }
});

test.serial('what has no native kernel: NCHW, and no images at all', async (t) => {
  const random = new Random(5);
  const attrs = { ...attrsOf({ x: [2, 5, 6, 6], filter: [3, 3, 5, 4] }), dataFormat: 'NCHW' };
  const inputs = { x: randomValues(random, [2, 5, 6, 6]), filter: randomValues(random, [3, 3, 5, 4]) };
  await compareSums(t, 'Conv2D', inputs, attrs, 45);
  await compareSums(t, 'FusedConv2D', { ...inputs, bias: randomValues(random, [4]) }, { ...attrs, activation: 'relu' }, 46);
  const none: Convolution = { x: [0, 6, 6, 5], filter: [3, 3, 5, 4] };
  const filter = randomValues(random, none.filter);
  await compareSums(t, 'Conv2D', { x: randomValues(random, none.x), filter }, attrsOf(none), 45);
  const dy = randomValues(random, [0, 6, 6, 4]);
  await compareSums(t, 'Conv2DBackpropInput', { dy, filter }, { ...attrsOf(none), inputShape: [...none.x] }, 36);
  const forFilter = { x: randomValues(random, none.x), dy };
  await compareSums(t, 'Conv2DBackpropFilter', forFilter, { ...attrsOf(none), filterShape: [...none.filter] }, 0);
});

test.serial('bits do not depend on the number of threads', async (t) => {
  const random = new Random(6);
  const c: Convolution = { x: [16, 20, 20, 24], filter: [3, 3, 24, 20], strides: [2, 2] };
  const [x, filter] = [randomValues(random, c.x), randomValues(random, c.filter)];
  const dy = randomValues(random, await outputShape(c));
  const results: Float32Array[][] = [];
  for (const threads of [1, 2, 3]) {
    setThreads(threads);
    const runs = [
      await runKernel('octensor', 'Conv2D', { x, filter }, attrsOf(c)),
      await runKernel('octensor', 'Conv2DBackpropInput', { dy, filter }, { ...attrsOf(c), inputShape: [...c.x] }),
      await runKernel('octensor', 'Conv2DBackpropFilter', { x, dy }, { ...attrsOf(c), filterShape: [...c.filter] }),
    ];
    results.push(runs.map(({ values }) => values));
  }
  t.deepEqual(results[1], results[0]);
  t.deepEqual(results[2], results[0]);
});
