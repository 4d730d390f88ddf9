/**
 * Ranges of activations as moving averages of what each batch had (Jacob et al. 2017, section 3.1):
 *
 *     min += momentum · (batch min - min),  max alike; then as TensorFlow's nudged ranges
 *     dx = dy between the ends, 0 outside
 *
 * TensorFlow's `MovingAverageQuantize` likewise quantizes with the averages that the batch at hand is already part of. Symmetric: the
 * larger of the two magnitudes is averaged.
 */
import { add, mul, neg, sub, type Tensor } from '@tensorflow/tfjs-core';
import type { Groups } from './groups.js';
import { filled } from './initial-range.js';
import { isSymmetric, levelsOf } from './levels.js';
import type { QuantizerType, WeightValues } from './quantizer.js';
import { affineParameters, straightThrough, symmetricParameters } from './snap.js';
import { endWeights } from './ste.js';
import { uniform } from './uniform.js';

export const ema: QuantizerType = {
  name: 'ema',
  targets: ['activations'],
  create(options, shape) {
    const { momentum = 0.01, min: low, max: high } = options;
    const levels = levelsOf(options);
    const symmetric = isSymmetric(options);
    const parameters = ({ min, max }: WeightValues) =>
      symmetric ? symmetricParameters(max!, levels) : affineParameters(min!, max!, levels);
    const seen = (x: Tensor, groups: Groups): WeightValues => {
      if (!symmetric) return { min: groups.min(x), max: groups.max(x) };
      const end = groups.maxAbs(x);
      return { min: neg(end), max: end };
    };
    return uniform({
      name: 'ema',
      options,
      shape,
      levels,
      weights: endWeights(options, false),
      initialize(x, groups) {
        const { min, max } = seen(x, groups);
        return { min: low === undefined ? min! : filled(min!, low), max: high === undefined ? max! : filled(max!, high) };
      },
      updates(x, weights, groups) {
        const batch = seen(x, groups);
        const move = (name: string) => add(weights[name]!, mul(sub(batch[name]!, weights[name]!), momentum)) as Tensor;
        return { min: move('min'), max: move('max') };
      },
      parameters,
      forward: (x, weights) => straightThrough(x, parameters(weights), levels),
    });
  },
};
