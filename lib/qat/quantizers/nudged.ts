/**
 * TensorFlow's FakeQuantWithMinMaxVars with learned ends. The range, widened to hold 0, is moved so that 0 is a level:
 *
 *     scale = (max - min) / (qmax - qmin),  zeroPoint = clamp(round(qmin - min / scale), qmin, qmax)
 *     y = scale · (clamp(round(x / scale) + zeroPoint, qmin, qmax) - zeroPoint)
 *     dx = dy between the moved ends, d min = sum of dy below them, d max = sum of dy above
 *
 * TensorFlow takes ties up, floor(v + 1/2), and adds the moved minimum; here ties go to even and the arithmetic is that of integer
 * execution, so that what was trained is what runs. Symmetric: one end, d max = sum above - sum below.
 */
import { leastErrorRange } from './initial-range.js';
import { isSymmetric, levelsOf } from './levels.js';
import type { QuantizerType, WeightValues } from './quantizer.js';
import { affineParameters, learnedRange, symmetricParameters } from './snap.js';
import { endValues, endWeights } from './ste.js';
import { uniform } from './uniform.js';

export const nudged: QuantizerType = {
  name: 'nudged',
  targets: ['weights', 'activations'],
  create(options, shape) {
    const levels = levelsOf(options);
    const symmetric = isSymmetric(options);
    const weights = endWeights(options, true);
    const parameters = ({ min, max }: WeightValues) =>
      symmetric ? symmetricParameters(max!, levels) : affineParameters(min!, max!, levels);
    return uniform({
      name: 'nudged',
      options,
      shape,
      levels,
      weights: symmetric ? [weights[1]] : weights,
      initialize(x, groups) {
        const { min, max } = endValues(leastErrorRange(x, groups, options, levels, symmetric));
        return symmetric ? { max: max! } : { min: min!, max: max! };
      },
      parameters,
      forward(x, weights) {
        const ends = symmetric ? { high: weights.max!, isSymmetric: true } : { low: weights.min!, high: weights.max! };
        return learnedRange(x, ends, parameters(weights), levels);
      },
    });
  },
};
