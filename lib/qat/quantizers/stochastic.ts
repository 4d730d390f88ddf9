/**
 * Stochastic rounding (Krishnamoorthi 2018, section 2.3; Gupta 2015, section 3.1): in training up with the probability of the
 * fraction, which makes the rounding error 0 on average; to the nearest in inference, which is what integer execution does.
 *
 *     y = scale · (clamp(round(x / scale + e) + zeroPoint, qmin, qmax) - zeroPoint),  e ~ U(-1/2, 1/2)
 *     dx = dy inside the grid, 0 outside
 *
 * P(round(v + e) = floor(v) + 1) = P(e >= 1/2 - (v - floor(v))) = v - floor(v), so E[y] = x inside. The numbers follow from the seed
 * and the step alone.
 */
import { add, mul, randomUniform, type Tensor } from '@tensorflow/tfjs-core';
import { levelsOf } from './levels.js';
import type { ApplyContext, QuantizerType } from './quantizer.js';
import { type GridParameters, snap, straightThrough } from './snap.js';
import { rangeWithoutGradient } from './ste.js';
import { uniform } from './uniform.js';

export const stochastic: QuantizerType = {
  name: 'stochastic',
  targets: ['weights', 'activations'],
  create(options, shape) {
    const levels = levelsOf(options);
    const range = rangeWithoutGradient(options, levels);
    const width = levels.step;
    const noisy = (x: Tensor, { scale }: GridParameters, { step }: ApplyContext): Tensor => {
      const noise = randomUniform(x.shape, -0.5 * width, 0.5 * width, 'float32', seedOf(options.seed ?? 1, step));
      return add(x, mul(noise, scale));
    };
    return uniform({
      name: 'stochastic',
      options,
      shape,
      levels,
      ...range,
      forward(x, weights, groups, context) {
        const parameters = range.parameters(weights, x, groups);
        if (!context.training) return straightThrough(x, parameters, levels);
        return straightThrough(x, parameters, levels, (x) => snap(noisy(x, parameters, context), parameters, levels));
      },
    });
  },
};

/** Neighbouring steps of neighbouring seeds share nothing: one round of a multiplicative hash (Knuth). */
function seedOf(seed: number, step: number): number {
  return (Math.imul(seed, 0x9e3779b1) ^ Math.imul(step + 1, 0x85ebca6b)) >>> 0;
}
