/**
 * XNOR-Net (Rastegari 2016, section 3.2): weights as in `bwn`, activations y = β · sign(x), so that a convolution is
 * α · β · (sign(I) ⊛ sign(W)).
 *
 *     dx = β · dy for |x| <= 1, 0 elsewhere (Courbariaux 2016, eq. 4); sign(0) = 1
 *
 * The paper's factor is a map K, the mean of |I| over channels and window at each position, found anew for each input (eq. 10, 11);
 * the dot product that it stands for has β = mean |I| (eq. 7 to 9). A factor that depends on the input is no scale of a quantized
 * value, so β is a moving average over batches of mean |x|. Values must have both signs: after a ReLU there is nothing to binarize
 * about 0, and `dorefa` with one bit is what such networks use.
 */
import { abs, add, cast, lessEqual, mul, sub } from '@tensorflow/tfjs-core';
import { binaryWeights } from './bwn.js';
import { differentiable } from './gradients.js';
import { filled } from './initial-range.js';
import { symmetricLevels } from './levels.js';
import type { QuantizerType, WeightValues } from './quantizer.js';
import { snap, symmetricParameters } from './snap.js';
import { uniform } from './uniform.js';

export const xnor: QuantizerType = {
  name: 'xnor',
  targets: ['weights', 'activations'],
  create(options, shape) {
    if (options.target === 'weights') return binaryWeights('xnor', options, shape);
    const { momentum = 0.01, max } = options;
    const levels = symmetricLevels(1);
    const parameters = ({ beta }: WeightValues) => symmetricParameters(beta!, levels);
    return uniform({
      name: 'xnor',
      options,
      shape,
      levels,
      weights: [{ name: 'beta', initial: max ?? 1, trainable: false }],
      initialize(x, groups) {
        const mean = groups.mean(abs(x));
        return { beta: max === undefined ? mean : filled(mean, max) };
      },
      updates: (x, { beta }, groups) => ({ beta: add(beta!, mul(sub(groups.mean(abs(x)), beta!), momentum)) }),
      parameters,
      forward(x, weights) {
        const grid = parameters(weights);
        return differentiable(
          [x],
          (save) => {
            save(cast(lessEqual(abs(x), 1), 'float32'), grid.scale);
            return snap(x, grid, levels);
          },
          (dy, [near, scale]) => [mul(mul(dy, near!), scale!)],
        );
      },
    });
  },
};
