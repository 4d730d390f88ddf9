/**
 * DoReFa-Net (Zhou 2016, eq. 5 to 9). quantize_k(r) = round((2^k - 1) · r) / (2^k - 1) for r in [0, 1], its gradient 1.
 *
 *     weights, k > 1    u = tanh(x) / (2 · max |tanh(x)|) + 1/2,  y = 2 · quantize_k(u) - 1
 *     weights, k = 1    y = sign(x) · mean |x|, dx = dy
 *     activations       y = quantize_k(clamp(x, 0, 1)), dx = dy in [0, 1], 0 outside
 *
 * dx of weights is that of 2u - 1, where t = tanh(x), M = max |t| reached at j:
 *
 *     dx_i = dy_i · (1 - t_i^2) / M,  and at j also  -(1 - t_j^2) · sign(t_j) / M^2 · sum of dy · t
 *
 * The 2^k levels have no 0 among them: codes are every second integer of ±(2^k - 1). With 8 bits that is no int8, so there are 254
 * steps, codes -127 to 127. `rescale: false` gives the paper's weights in [-1, 1], for layers that normalize what they compute; by
 * default y is multiplied by max |x|, a constant in the gradient, because a folded BatchNorm needs its weights' size. The upper end of
 * activations, 1 in the paper, is `max`, or where the squared error of the first batch is least; it is not trained.
 */
import { abs, div, maximum, mul, type Tensor, tanh } from '@tensorflow/tfjs-core';
import { differentiable } from './gradients.js';
import type { Groups } from './groups.js';
import { filled, leastErrorRange } from './initial-range.js';
import { type Levels, symmetricLevels, unsignedLevels } from './levels.js';
import type { QuantizerOptions, QuantizerType, WeightValues } from './quantizer.js';
import { type GridParameters, smallestScale, snap, straightThrough, symmetricParameters, toCodes } from './snap.js';
import { uniform } from './uniform.js';

export const dorefa: QuantizerType = {
  name: 'dorefa',
  targets: ['weights', 'activations'],
  create: (options, shape) =>
    options.target === 'weights' ? weightQuantizer(options, shape) : activationQuantizer(options, shape),
};

function weightQuantizer(options: QuantizerOptions, shape: readonly (number | null)[]) {
  const { bits, rescale = true } = options;
  const levels = oddLevels(bits);
  const size = (x: Tensor, groups: Groups) => {
    if (bits === 1) return groups.mean(abs(x));
    return rescale ? groups.maxAbs(x) : filled(groups.maxAbs(x), 1);
  };
  /** 2u - 1, times the weights' size, which is a constant to the gradient although it is found in x. */
  const squashed = (x: Tensor, groups: Groups): Tensor => {
    if (bits === 1) return x;
    const t = tanh(x);
    return scaledBy(div(t, maximum(groups.maxAbs(t), smallestScale)), size(x, groups));
  };
  const parameters = (_: WeightValues, x: Tensor | undefined, groups: Groups) => symmetricParameters(size(x!, groups), levels);
  return uniform({
    name: 'dorefa',
    options,
    shape,
    levels,
    parameters,
    codes: (x: Tensor, grid: GridParameters, groups: Groups) => toCodes(squashed(x, groups), grid, levels),
    forward(x, weights, groups) {
      const grid = parameters(weights, x, groups);
      const latent = squashed(x, groups);
      return differentiable(
        [latent],
        () => snap(latent, grid, levels),
        (dy) => [dy],
      );
    },
  });
}

/** x · factor, where the factor is a constant to the gradient. */
function scaledBy(x: Tensor, factor: Tensor): Tensor {
  return differentiable(
    [x],
    (save) => {
      save(factor);
      return mul(x, factor);
    },
    (dy, [factor]) => [mul(dy, factor!)],
  );
}

function oddLevels(bits: number): Levels {
  if (bits === 1 || bits === 8) return symmetricLevels(bits);
  return { dtype: 'int8', qmin: 1 - 2 ** bits, qmax: 2 ** bits - 1, step: 2 };
}

function activationQuantizer(options: QuantizerOptions, shape: readonly (number | null)[]) {
  const levels = unsignedLevels(options.bits);
  const parameters = ({ max }: WeightValues) => symmetricParameters(max!, levels);
  return uniform({
    name: 'dorefa',
    options,
    shape,
    levels,
    weights: [{ name: 'max', initial: options.max ?? 1, trainable: false }],
    initialize: (x, groups) => ({ max: leastErrorRange(x, groups, { ...options, min: 0 }, levels, false).high }),
    parameters,
    forward: (x, weights) => straightThrough(x, parameters(weights), levels),
  });
}
