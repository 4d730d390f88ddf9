/**
 * Parameterized clipping activation (Choi 2018, eq. 1 to 3): a ReLU with a learned upper end.
 *
 *     y = round(clamp(x, 0, α) · (2^b - 1) / α) · α / (2^b - 1)
 *     dx = dy in [0, α], 0 outside;  dα = sum of dy where x > α
 *
 * α takes the L2 decay of `decay` (section 3.2). It starts where the squared error of the first batch is least; the paper starts
 * from a constant, which `max` gives. `signed` makes it the clamp to [-α, α], with d α = sum above - sum below.
 */
import { leastErrorRange, positive } from './initial-range.js';
import { symmetricLevels, unsignedLevels } from './levels.js';
import type { QuantizerType, WeightValues } from './quantizer.js';
import { learnedRange, symmetricParameters } from './snap.js';
import { uniform } from './uniform.js';

export const pact: QuantizerType = {
  name: 'pact',
  targets: ['activations'],
  create(options, shape) {
    const { bits, signed = false, max = 6, decay = 0 } = options;
    const levels = signed ? symmetricLevels(bits) : unsignedLevels(bits);
    const parameters = ({ alpha }: WeightValues) => symmetricParameters(positive(alpha!), levels);
    return uniform({
      name: 'pact',
      options,
      shape,
      levels,
      weights: [{ name: 'alpha', initial: max, trainable: true, ...(decay > 0 && { decay }) }],
      initialize: (x, groups) => ({
        alpha: leastErrorRange(x, groups, { ...options, min: 0 }, levels, signed).high,
      }),
      parameters,
      forward: (x, weights) => learnedRange(x, { high: weights.alpha!, isSymmetric: signed }, parameters(weights), levels),
    });
  },
};
