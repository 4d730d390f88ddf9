/**
 * Binary weights (Rastegari 2016, XNOR-Net, section 3.1): y = α · sign(x), α = mean |x| of a filter (granularity per channel), which
 * is the α and the signs nearest to x (eq. 4 to 6). sign(0) = 1.
 *
 * The gradient, with d sign(x)/dx taken as 1 for |x| <= 1 and 0 elsewhere (Courbariaux 2016, eq. 4):
 *
 *     dx_i = α · 1[|x_i| <= 1] · dy_i + sign(x_i) / n · sum over j of dy_j · sign(x_j)
 *
 * This is the product rule for α(x) · sign(x), d α/dx_i = sign(x_i) / n. The paper's section 3.1 keeps of the sum only the term
 * j = i, dy_i / n, although every y_j depends on x_i through α.
 */
import { abs, add, cast, div, lessEqual, mul, type Tensor } from '@tensorflow/tfjs-core';
import { differentiable } from './gradients.js';
import type { Groups } from './groups.js';
import { symmetricLevels } from './levels.js';
import type { QuantizerName, QuantizerOptions, QuantizerType, WeightValues } from './quantizer.js';
import { fromCodes, symmetricParameters, toCodes } from './snap.js';
import { uniform } from './uniform.js';

export const bwn: QuantizerType = {
  name: 'bwn',
  targets: ['weights'],
  create: (options, shape) => binaryWeights('bwn', options, shape),
};

export function binaryWeights(name: QuantizerName, options: QuantizerOptions, shape: readonly (number | null)[]) {
  const levels = symmetricLevels(1);
  const parameters = (_: WeightValues, x: Tensor | undefined, groups: Groups) =>
    symmetricParameters(groups.mean(abs(x!)), levels);
  return uniform({
    name,
    options,
    shape,
    levels,
    parameters,
    forward(x, weights, groups) {
      const grid = parameters(weights, x, groups);
      return differentiable(
        [x],
        (save) => {
          const signs = toCodes(x, grid, levels);
          save(signs, cast(lessEqual(abs(x), 1), 'float32'), grid.scale);
          return fromCodes(signs, grid);
        },
        (dy, [signs, near, alpha]) => {
          const shared = div(groups.sum(mul(dy, signs!)), groups.count(dy));
          return [add(mul(mul(dy, near!), alpha!), mul(signs!, shared))];
        },
      );
    },
  });
}
