/**
 * Differentiable soft quantization (Gong 2019, eq. 3 to 9 and section 3.3): a staircase of tanh pieces between learned ends l and u.
 *
 *     Δ = (u - l) / n,  n the number of steps,  c = clamp((x - l) / Δ, 0, n),  i = min(floor(c), n - 1)
 *     soft = l + Δ · (i + s/2 · tanh(k · (c - i - 1/2)) + 1/2),  s = 1 / (1 - α),  k = ln(2/α - 1)
 *
 * s makes neighbouring pieces meet: tanh(k/2) = 1 - α = 1/s. (k is the paper's k · Δ.) For α -> 0 soft is the hard staircase. Forward is
 * that staircase itself, on the grid that integer execution has; backward is the gradient of `soft`, with h = 1 where 0 <= (x - l)/Δ <= n,
 * t = tanh(...), g = s/2 · k · (1 - t^2):
 *
 *     dx = dy · g · h
 *     du = sum of dy · (soft code - g · c · h) / n           above: 1
 *     dl = sum of dy · (1 - g · h) - du                      below: 1
 *     dα = sum of dy · Δ · (s'/2 · t + s/2 · (1 - t^2) · (c - i - 1/2) · k'),  s' = s^2,  k' = -2 / (α (2 - α))
 *
 * α starts at 0.2 and is learned, within [0.1, 0.5]: near 0 the staircase is so steep that x, too, has no gradient any more. Only
 * `decay` pulls it farther (the evolution of eq. 10), to 1e-6 where it is used. Symmetric: one end, l = -u, so its gradient is
 * du - dl. The ends start where the squared error is least.
 */
import {
  abs,
  add,
  cast,
  clipByValue,
  div,
  equal,
  floor,
  greaterEqual,
  less,
  log,
  logicalAnd,
  maximum,
  minimum,
  mul,
  sub,
  type Tensor,
  tanh,
  tidy,
  where,
  zerosLike,
} from '@tensorflow/tfjs-core';
import { differentiable, sumTo } from './gradients.js';
import { filled, leastErrorRange, positive } from './initial-range.js';
import { isSymmetric, type Levels, levelsOf, stepsOf } from './levels.js';
import type { QuantizerType, WeightValues } from './quantizer.js';
import { affineParameters, fusedGradient, smallestScale, snap, symmetricParameters } from './snap.js';
import { uniform } from './uniform.js';

export const dsq: QuantizerType = {
  name: 'dsq',
  targets: ['weights', 'activations'],
  create(options, shape) {
    const { min = 0, max = 1, alpha = 0.2, decay = 0 } = options;
    const levels = levelsOf(options);
    const symmetric = isSymmetric(options);
    const parameters = ({ low, high }: WeightValues) =>
      symmetric ? symmetricParameters(positive(high!), levels) : affineParameters(low!, high!, levels);
    return uniform({
      name: 'dsq',
      options,
      shape,
      levels,
      weights: [
        ...(symmetric ? [] : [{ name: 'low', initial: min, trainable: true }]),
        { name: 'high', initial: max, trainable: true },
        { name: 'alpha', initial: alpha, trainable: true, ...(decay > 0 && { decay }) },
      ],
      initialize(x, groups) {
        const { low, high } = leastErrorRange(x, groups, options, levels, symmetric);
        return { ...(!symmetric && { low }), high, alpha: filled(high, alpha) };
      },
      parameters,
      forward(x, weights) {
        const { low, high, alpha } = weights;
        const inputs = [x, high!, alpha!, ...(symmetric ? [] : [low!])];
        const hard = () => snap(x, parameters(weights), levels);
        return differentiable(
          inputs,
          (save) => {
            save(...inputs);
            return hard();
          },
          (dy, [x, high, alpha, low]) => softGradient(dy, x!, high!, alpha!, low, levels),
        );
      },
    });
  },
};

/** Where α learns. */
const learned = { middle: 0.3, half: 0.2 };

interface Pieces {
  readonly low: Tensor;
  readonly delta: Tensor;
  readonly s: Tensor;
  readonly k: Tensor;
  /** (x - l) / Δ, not clamped and clamped, and c - i - 1/2. */
  readonly v: Tensor;
  readonly c: Tensor;
  readonly offset: Tensor;
  readonly t: Tensor;
  readonly soft: Tensor;
}

function pieces(x: Tensor, high: Tensor, alpha: Tensor, low: Tensor | undefined, levels: Levels): Pieces {
  const n = stepsOf(levels);
  const [bottom, top] = low === undefined ? [mul(positive(high), -1), positive(high)] : [minimum(low, 0), maximum(high, 0)];
  const delta = maximum(div(sub(top, bottom), n), smallestScale);
  const a = usableAlpha(alpha);
  const s = div(1, sub(1, a));
  const k = log(sub(div(2, a), 1));
  const v = div(sub(x, bottom), delta);
  const c = clipByValue(v, 0, n);
  const offset = sub(sub(c, minimum(floor(c), n - 1)), 0.5);
  const t = tanh(mul(k, offset));
  const soft = add(sub(c, offset), mul(mul(s, t), 0.5));
  return { low: bottom as Tensor, delta, s, k, v, c, offset, t, soft };
}

function usableAlpha(alpha: Tensor): Tensor {
  return clipByValue(alpha, 1e-6, 0.5);
}

/** 0 where a step along it would take α, which is at the end of where it learns or past it, farther out. */
function inward(dAlpha: Tensor, alpha: Tensor): Tensor {
  const offset = sub(alpha, learned.middle);
  const isOutside = greaterEqual(abs(offset), learned.half);
  return where(logicalAnd(isOutside, less(mul(offset, dAlpha), 0)), zerosLike(dAlpha), dAlpha);
}

/** The soft staircase, of which `dsq` has the gradient: x on the way to the grid of n steps between low (-high, if undefined) and high. */
export function softStaircase(x: Tensor, high: Tensor, alpha: Tensor, low: Tensor | undefined, levels: Levels): Tensor {
  return tidy(() => {
    const { low: bottom, delta, soft } = pieces(x, high, alpha, low, levels);
    return add(bottom, mul(delta, soft));
  });
}

function softGradient(dy: Tensor, x: Tensor, high: Tensor, alpha: Tensor, low: Tensor | undefined, levels: Levels): Tensor[] {
  const whole = fusedGradient('soft', dy, x, { a: high, b: alpha, ...(low !== undefined && { c: low }) }, levels);
  if (whole !== undefined) {
    const [dHigh, dLow, dAlpha] = whole.sums;
    return low === undefined
      ? [whole.dx, sub(dHigh!, dLow!), inward(dAlpha!, alpha)]
      : [whole.dx, dHigh!, inward(dAlpha!, alpha), dLow!];
  }
  const n = stepsOf(levels);
  const { delta, s, k, v, c, offset, t, soft } = pieces(x, high, alpha, low, levels);
  const inside = cast(equal(v, c), 'float32');
  const bend = sub(1, mul(t, t));
  const g = mul(mul(mul(mul(s, 0.5), k), bend), inside);
  const perHigh = div(sub(soft, mul(g, c)), n);
  const perLow = sub(sub(1, g), perHigh);
  const a = usableAlpha(alpha);
  const kSlope = div(-2, mul(a, sub(2, a)));
  const perAlpha = mul(delta, add(mul(mul(mul(s, s), 0.5), t), mul(mul(mul(mul(s, 0.5), bend), offset), kSlope)));
  const to = (slope: Tensor, shape: readonly number[]) => sumTo(mul(dy, slope) as Tensor, shape);
  const dx = mul(dy, g);
  const dAlpha = inward(to(perAlpha, alpha.shape), alpha);
  if (low === undefined) return [dx, to(sub(perHigh, perLow) as Tensor, high.shape), dAlpha];
  return [dx, to(perHigh, high.shape), dAlpha, to(perLow, low.shape)];
}
