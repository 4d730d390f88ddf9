/**
 * GridSample: images x[N, C, ..., H, W] at the places grid[N, ..., Ho, Wo, r] -> [N, C, ..., Ho, Wo]. Of the r = 2 or 3 numbers of a
 * place the first is about the last axis of x; -1 and 1 are the two ends of an axis: the centers of its outermost elements
 * (`alignCorners`), or their outer edges.
 *
 * What lies outside is 0 (`zeros`), the element at the edge (`border`), or mirrored at the ends (`reflection`). Sums are kept in
 * float64 and rounded once.
 */

import { roundHalfEven } from '../rounding.js';
import { caseGraph } from './cases.js';
import { defineOp, expectType, nodeError, requiredInput } from './op.js';
import { cubic, linear } from './resize-taps.js';
import { checkedSize, product, shapeText, strides } from './shapes.js';
import { allocate, inputData, outputTensor } from './storage.js';

const modes = ['nearest', 'linear', 'cubic'] as const;
const paddings = ['zeros', 'border', 'reflection'] as const;
const cubicA = -0.75;

export interface GridSampleAttributes {
  readonly mode: (typeof modes)[number];
  readonly padding: (typeof paddings)[number];
  readonly alignCorners: boolean;
}

export const gridSample = defineOp<GridSampleAttributes>({
  name: 'GridSample',
  inputs: [2, 2],
  outputs: [1, 1],
  parse: (attributes) => ({
    mode: attributes.oneOf('mode', modes, 'linear'),
    padding: attributes.oneOf('padding', paddings, 'zeros'),
    alignCorners: attributes.boolean('alignCorners', false),
  }),
  infer(context) {
    const x = requiredInput(context, 0);
    const grid = requiredInput(context, 1);
    for (const operand of [x, grid]) {
      expectType(context, operand, ['float32', 'float64']);
      checkedSize(context.node, operand.dims);
    }
    const rank = x.dims.length - 2;
    const fits = grid.dims.length === rank + 2 && grid.dims.at(-1) === rank && grid.dims[0] === x.dims[0];
    const hasImages = !x.dims.slice(2).includes(0);
    if ((rank !== 2 && rank !== 3) || !fits || !hasImages) {
      const shapes = `${shapeText(x.dims)} and ${shapeText(grid.dims)}`;
      const message = `expected images of 2 or 3 dimensions and places in them, got ${shapes}`;
      throw nodeError('ERR_SHAPE', context.node, message);
    }
    const dims = [x.dims[0]!, x.dims[1]!, ...grid.dims.slice(1, -1)];
    checkedSize(context.node, dims);
    return [{ type: x.type, dims }];
  },
  run(context) {
    const { attributes, outputs } = context;
    const { dims } = requiredInput(context, 0);
    const x = inputData(context, 0) as Float32Array;
    const grid = inputData(context, 1) as Float32Array;
    const [batches, channels, ...lengths] = dims as [number, number, ...number[]];
    const own = strides(lengths);
    const image = product(lengths);
    const count = product(outputs[0]!.dims.slice(2));
    const y = allocate(outputs[0]!.type, product(outputs[0]!.dims)) as Float32Array;
    if (y.length === 0) return [outputTensor(context, 0, y)];
    for (let n = 0; n < batches; n++) {
      for (let i = 0; i < count; i++) {
        const place = grid.subarray((n * count + i) * lengths.length, (n * count + i + 1) * lengths.length);
        const taps = lengths.reduce<readonly Tap[]>(
          (outer, length, axis) => crossed(outer, axisTaps(place[lengths.length - 1 - axis]!, length, attributes), own[axis]!),
          [{ element: 0, weight: 1 }],
        );
        for (let c = 0; c < channels; c++) {
          const begin = (n * channels + c) * image;
          y[(n * channels + c) * count + i] = taps.reduce((sum, { element, weight }) => sum + weight * x[begin + element]!, 0);
        }
      }
    }
    return [outputTensor(context, 0, y)];
  },
  *cases() {
    for (const mode of modes) {
      for (const padding of paddings) {
        for (const alignCorners of [true, false]) {
          const make = (images: readonly number[], grid: readonly number[], dims: readonly number[]) =>
            caseGraph({
              op: 'GridSample',
              attributes: { mode, padding, alignCorners },
              inputs: [
                { type: 'float32', dims: images },
                { type: 'float32', dims: grid, range: [-1.7, 1.7] },
              ],
              outputs: [{ type: 'float32', dims }],
            });
          yield make([2, 3, 4, 5], [2, 3, 7, 2], [2, 3, 3, 7]);
          yield make([1, 2, 1, 3], [1, 2, 4, 2], [1, 2, 2, 4]);
          yield make([1, 2, 3, 2, 4], [1, 2, 2, 3, 3], [1, 2, 2, 2, 3]);
        }
      }
    }
  },
});

/** A place along one axis, or in the image. */
interface Tap {
  readonly element: number;
  readonly weight: number;
}

function crossed(outer: readonly Tap[], inner: readonly Tap[], stride: number): readonly Tap[] {
  return outer.flatMap((a) => inner.map((b) => ({ element: a.element + b.element * stride, weight: a.weight * b.weight })));
}

/** Without those that count 0. */
function axisTaps(place: number, length: number, { mode, padding, alignCorners }: GridSampleAttributes): readonly Tap[] {
  const [low, high] = alignCorners ? [0, length - 1] : [-0.5, length - 0.5];
  const exact = Math.fround(alignCorners ? ((place + 1) / 2) * (length - 1) : ((place + 1) * length - 1) / 2);
  // No element is near a place that is no number
  if (!Number.isFinite(exact)) return [];
  const given = mode === 'nearest' && Math.abs(exact) < 2 ** 31 ? roundHalfEven(exact) : exact;
  const isOutside = given < low || given > high;
  const bounded = padding === 'border' ? Math.min(Math.max(given, 0), length - 1) : reflected(given, low, high);
  // A cubic kernel spans elements on both sides of an end: only they are brought inside, as in PyTorch
  const x = isOutside && padding !== 'zeros' && mode !== 'cubic' ? bounded : given;
  const inside = (element: number) => {
    if (element >= 0 && element < length) return element;
    if (padding === 'zeros') return -1;
    return Math.min(Math.max(padding === 'border' ? element : Math.trunc(reflected(element, low, high)), 0), length - 1);
  };
  if (mode === 'nearest') return [{ element: inside(roundHalfEven(x)), weight: 1 }].filter(({ element }) => element >= 0);
  const first = Math.floor(x) - (mode === 'cubic' ? 1 : 0);
  const kernel = mode === 'cubic' ? cubic(cubicA) : linear;
  return Array.from({ length: mode === 'cubic' ? 4 : 2 }, (_, k) => {
    return { element: inside(first + k), weight: kernel(Math.abs(first + k - x)) };
  }).filter(({ element, weight }) => element >= 0 && weight !== 0);
}

/** To and fro between the ends. */
function reflected(x: number, low: number, high: number): number {
  const range = high - low;
  if (range === 0) return low;
  const distance = Math.abs(x < low ? low - x : x > high ? x - high : 0);
  if (distance === 0) return x;
  const isBack = Math.floor(distance / range) % 2 === 1;
  return x < low === isBack ? high - (distance % range) : low + (distance % range);
}
