/**
 * Ternary weights (Li 2016, eq. 3 to 6 and section 2.3).
 *
 *     Δ = 0.7 · mean |x|,  t = sign(x) where |x| > Δ, 0 elsewhere,  α = mean of |x| where |x| > Δ,  y = α · t
 *     dx = dy
 *
 * α is the least-squares factor for given t: minimizing sum (x - α t)^2 gives α = sum x t / sum t^2, the mean of |x| over t != 0. Then
 * the error is sum x^2 - (sum over |x| > Δ of |x|)^2 / count, whose best Δ is 2/3 of mean |x| for uniform weights and 0.75 for normal
 * ones; 0.7 is the paper's rule for all.
 */
import { abs, add, cast, div, greater, maximum, mul, sign, type Tensor } from '@tensorflow/tfjs-core';
import { differentiable } from './gradients.js';
import type { Groups } from './groups.js';
import type { Levels } from './levels.js';
import type { QuantizerType, WeightValues } from './quantizer.js';
import { fromCodes, symmetricParameters } from './snap.js';
import { uniform } from './uniform.js';

const levels: Levels = { dtype: 'int8', qmin: -1, qmax: 1, step: 1 };

export const twn: QuantizerType = {
  name: 'twn',
  targets: ['weights'],
  create(options, shape) {
    const far = (x: Tensor, groups: Groups) => cast(greater(abs(x), mul(groups.mean(abs(x)), 0.7)), 'float32') as Tensor;
    const parameters = (_: WeightValues, x: Tensor | undefined, groups: Groups) => {
      const chosen = far(x!, groups);
      return symmetricParameters(div(groups.sum(mul(abs(x!), chosen)), maximum(groups.sum(chosen), 1)), levels);
    };
    // Adding 0 makes 0 of -0
    const codes = (x: Tensor, groups: Groups) => add(mul(sign(x), far(x, groups)), 0) as Tensor;
    return uniform({
      name: 'twn',
      options,
      shape,
      levels,
      parameters,
      codes: (x, _, groups) => codes(x, groups),
      forward(x, weights, groups) {
        const grid = parameters(weights, x, groups);
        return differentiable(
          [x],
          () => fromCodes(codes(x, groups), grid),
          (dy) => [dy],
        );
      },
    });
  },
};
