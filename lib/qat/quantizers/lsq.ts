/**
 * Learned step size quantization (Esser 2020, eq. 1 to 3 and section 2.2).
 *
 *     v = x / s,  y = s · round(clamp(v, qmin, qmax))
 *     dx = dy inside the grid, 0 outside
 *     ds = g · sum of dy · (round(v) - v inside, qmin below, qmax above),  g = 1 / sqrt(N · qmax)
 *
 * N is the number of weights, or of features of one example, that share s. s starts at 2 · mean |x| / sqrt(qmax). Levels are
 * [-2^(b-1), 2^(b-1) - 1], or [0, 2^b - 1] for activations without sign. The paper has no signed grid of one bit: here it is ±s, with
 * the same gradient (sign(v) for round(v)), from s = mean |x|. A step below 0 is used as |s|, so that no update makes it useless.
 */
import { abs, add, cast, div, less, maximum, mul, reshape, scalar, sign, sub, type Tensor } from '@tensorflow/tfjs-core';
import { differentiable, sumTo } from './gradients.js';
import type { Groups } from './groups.js';
import { type Levels, signedLevels, unsignedLevels } from './levels.js';
import type { QuantizerOptions, QuantizerType, WeightValues } from './quantizer.js';
import { fusedGradient, type GridParameters, smallestScale, snap, toCodes } from './snap.js';
import { uniform } from './uniform.js';

export const lsq: QuantizerType = {
  name: 'lsq',
  targets: ['weights', 'activations'],
  create: (options, shape) =>
    learnedStep('lsq', options, shape, (x, groups, { qmax, step }) =>
      mul(groups.mean(abs(x)), step === 2 ? 1 : 2 / Math.sqrt(qmax)),
    ),
};

/** A learned scale without a zero point that starts where `start` says. */
export function learnedStep(
  name: 'lsq' | 'lsq+',
  options: QuantizerOptions,
  shape: readonly (number | null)[],
  start: (x: Tensor, groups: Groups, levels: Levels) => Tensor,
) {
  const levels = options.target === 'weights' || options.signed ? signedLevels(options.bits) : unsignedLevels(options.bits);
  const parameters = ({ scale }: WeightValues): GridParameters => ({ scale: usableStep(scale!), zeroPoint: scalar(0) });
  return uniform({
    name,
    options,
    shape,
    levels,
    weights: [{ name: 'scale', initial: (options.max ?? 1) / levels.qmax, trainable: true }],
    initialize: (x, groups) => ({ scale: usableStep(start(x, groups, levels)) }),
    parameters,
    forward(x, weights, groups) {
      const g = 1 / Math.sqrt(groups.count(x) * levels.qmax);
      return stepGradient(x, weights.scale!, parameters(weights), levels, g);
    },
  });
}

export function usableStep(scale: Tensor): Tensor {
  return maximum(abs(scale), smallestScale);
}

function stepGradient(x: Tensor, raw: Tensor, parameters: GridParameters, levels: Levels, g: number): Tensor {
  return differentiable(
    [x, raw],
    (save) => {
      save(x, parameters.scale, parameters.zeroPoint, raw);
      return snap(x, parameters, levels);
    },
    (dy, [x, scale, zeroPoint, raw]) => {
      const { dx, dScale } = stepGradients(dy, x!, { scale: scale!, zeroPoint: zeroPoint! }, levels);
      return [dx, mul(reshape(dScale, raw!.shape), mul(sign(raw!), g))];
    },
  );
}

/** Of dy: at x, of the step, and of what is outside the grid; the latter two are sums without g, in the shape of the scale. */
export function stepGradients(dy: Tensor, x: Tensor, grid: GridParameters, levels: Levels) {
  const { scale, zeroPoint } = grid;
  const whole = fusedGradient('step', dy, x, { a: scale, b: zeroPoint }, levels);
  if (whole !== undefined) return { dx: whole.dx, dScale: whole.sums[0]!, dOutside: whole.sums[1]! };
  const v = add(div(x, scale), zeroPoint);
  const inside = insideLevels(v, levels);
  // What is clamped has codes of qmin and qmax, which are their own gradients
  const slope = sub(toCodes(x, grid, levels), mul(v, inside));
  return {
    dx: mul(dy, inside),
    dScale: sumTo(mul(dy, slope), scale.shape),
    dOutside: sumTo(mul(dy, sub(1, inside)), scale.shape),
  };
}

/** 1 where v, in steps, is between the ends. */
function insideLevels(v: Tensor, { qmin, qmax }: Levels): Tensor {
  return sub(1, add(cast(less(v, qmin), 'float32'), cast(less(qmax, v), 'float32')));
}
