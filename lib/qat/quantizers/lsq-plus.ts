/**
 * LSQ+ (Bhalgat 2020, eq. 3 to 6): activations with a learned step and a learned offset β, for values on both sides of 0.
 *
 *     q = clamp(round((x - β) / s), 0, n),  n = 2^b - 1,  y = s · q + β
 *     dx = dy inside the grid, 0 outside
 *     ds = g · sum of dy · (q - (x - β) / s inside, q outside),  dβ = g · sum of dy outside
 *
 * Integer execution has whole zero points, so β is used as -zeroPoint · s, zeroPoint = clamp(round(-β / s), 0, n): 0 stays exact,
 * and the gradient goes straight through that rounding. g = 1 / sqrt(N · n) as in LSQ. Both start where the squared error of the
 * first batch is least (section 3.2). Weights are LSQ's, starting from the deviation: s = max(|μ - 3σ|, |μ + 3σ|) / 2^(b-1), eq. 8.
 */
import { abs, add, clipByValue, div, maximum, mul, neg, round, sign, sqrt, square, sub } from '@tensorflow/tfjs-core';
import { differentiable } from './gradients.js';
import { leastErrorRange } from './initial-range.js';
import { unsignedLevels } from './levels.js';
import { learnedStep, stepGradients, usableStep } from './lsq.js';
import type { QuantizerOptions, QuantizerType, WeightValues } from './quantizer.js';
import { type GridParameters, smallestScale, snap } from './snap.js';
import { uniform } from './uniform.js';

export const lsqPlus: QuantizerType = {
  name: 'lsq+',
  targets: ['weights', 'activations'],
  create(options, shape) {
    if (options.target === 'activations') return learnedOffset(options, shape);
    return learnedStep('lsq+', options, shape, (x, groups) => {
      if (options.bits === 1) return groups.mean(abs(x));
      // In units of the largest weight, so that squares neither overflow nor vanish
      const unit = maximum(groups.maxAbs(x), smallestScale);
      const u = div(x, unit);
      const mean = groups.mean(u);
      const spread = mul(sqrt(groups.mean(square(sub(u, mean)))), 3);
      return mul(div(maximum(abs(sub(mean, spread)), abs(add(mean, spread))), 2 ** (options.bits - 1)), unit);
    });
  },
};

function learnedOffset(options: QuantizerOptions, shape: readonly (number | null)[]) {
  const levels = unsignedLevels(options.bits);
  const { min = 0, max = 6 } = options;
  const parameters = ({ scale, offset }: WeightValues): GridParameters => {
    const s = usableStep(scale!);
    return { scale: s, zeroPoint: clipByValue(round(div(neg(offset!), s)), levels.qmin, levels.qmax) };
  };
  return uniform({
    name: 'lsq+',
    options,
    shape,
    levels,
    weights: [
      { name: 'scale', initial: (max - min) / levels.qmax, trainable: true },
      { name: 'offset', initial: min, trainable: true },
    ],
    initialize(x, groups) {
      const { low, high } = leastErrorRange(x, groups, options, levels, false);
      return { scale: usableStep(div(sub(high, low), levels.qmax)), offset: low };
    },
    parameters,
    forward(x, { scale, offset }, groups) {
      const grid = parameters({ scale: scale!, offset: offset! });
      const g = 1 / Math.sqrt(groups.count(x) * levels.qmax);
      return differentiable(
        [x, scale!, offset!],
        (save) => {
          save(x, grid.scale, grid.zeroPoint, scale!);
          return snap(x, grid, levels);
        },
        (dy, [x, s, zeroPoint, raw]) => {
          const { dx, dScale, dOutside } = stepGradients(dy, x!, { scale: s!, zeroPoint: zeroPoint! }, levels);
          return [dx, mul(dScale, mul(sign(raw!), g)), mul(dOutside, g)];
        },
      );
    },
  });
}
