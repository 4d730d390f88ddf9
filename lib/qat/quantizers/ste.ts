/**
 * Straight-through, affine or symmetric (Krishnamoorthi 2018, sections 2.1, 2.2 and 2.4).
 *
 *     y = scale · (clamp(round(x / scale) + zeroPoint, qmin, qmax) - zeroPoint)
 *     dx = dy inside the grid, 0 outside
 *
 * Weights: the range is that of the weights as they are now, and not differentiated; with one bit, symmetric, the scale is mean |x|,
 * which is nearest to x among all ±scale. Activations: a fixed range, found once.
 */
import { abs, type Tensor } from '@tensorflow/tfjs-core';
import type { Groups } from './groups.js';
import { leastErrorRange } from './initial-range.js';
import { isSymmetric, type Levels, levelsOf } from './levels.js';
import type { QuantizerOptions, QuantizerType, QuantizerWeight, WeightValues } from './quantizer.js';
import { affineParameters, type GridParameters, straightThrough, symmetricParameters } from './snap.js';
import { uniform } from './uniform.js';

export const ste: QuantizerType = {
  name: 'ste',
  targets: ['weights', 'activations'],
  create(options, shape) {
    const levels = levelsOf(options);
    const range = rangeWithoutGradient(options, levels);
    return uniform({
      name: 'ste',
      options,
      shape,
      levels,
      ...range,
      forward: (x, weights, groups) => straightThrough(x, range.parameters(weights, x, groups), levels),
    });
  },
};

/** Of the weights themselves, or two ends that activations keep; shared with `stochastic`. */
export function rangeWithoutGradient(options: QuantizerOptions, levels: Levels) {
  const symmetric = isSymmetric(options);
  const parameters = (low: Tensor, high: Tensor) =>
    symmetric ? symmetricParameters(high, levels) : affineParameters(low, high, levels);
  if (options.target === 'weights') {
    return {
      parameters: (_: WeightValues, x: Tensor | undefined, groups: Groups): GridParameters => {
        if (!symmetric) return affineParameters(groups.min(x!), groups.max(x!), levels);
        return symmetricParameters(levels.step === 2 ? groups.mean(abs(x!)) : groups.maxAbs(x!), levels);
      },
    };
  }
  return {
    weights: endWeights(options, false),
    initialize: (x: Tensor, groups: Groups): WeightValues => endValues(leastErrorRange(x, groups, options, levels, symmetric)),
    parameters: ({ min, max }: WeightValues): GridParameters => parameters(min!, max!),
  };
}

/** Two ends, per group. */
export function endWeights(
  { min, max }: QuantizerOptions,
  trainable: boolean,
): readonly [Omit<QuantizerWeight, 'shape'>, Omit<QuantizerWeight, 'shape'>] {
  return [
    { name: 'min', initial: min ?? 0, trainable },
    { name: 'max', initial: max ?? 6, trainable },
  ];
}

export function endValues({ low, high }: { readonly low: Tensor; readonly high: Tensor }): WeightValues {
  return { min: low, max: high };
}
