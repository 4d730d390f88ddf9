/**
 * Rounding to a grid, in the float32 arithmetic of `Tensor.quantize` and `Tensor.dequantize`: division, ties to even, saturation,
 * multiplication. The one difference is on purpose: NaN stays NaN, so that training sees it.
 */
import {
  add,
  cast,
  clipByValue,
  div,
  floor,
  greaterEqual,
  less,
  lessEqual,
  logicalAnd,
  maximum,
  minimum,
  mul,
  reshape,
  round,
  scalar,
  sub,
  type Tensor,
  where,
} from '@tensorflow/tfjs-core';
import { fused, groupLayout } from '../fused.js';
import { differentiable, sumTo } from './gradients.js';
import type { Levels } from './levels.js';

/** Of shapes that broadcast over what is quantized. */
export interface GridParameters {
  readonly scale: Tensor;
  /** Whole numbers. */
  readonly zeroPoint: Tensor;
}

export const smallestScale = 2 ** -126;

/** x / scale + zeroPoint, rounded and clamped. A grid of every second integer takes ties up, so that the sign of 0 is 1. */
export function toCodes(x: Tensor, { scale, zeroPoint }: GridParameters, { qmin, qmax, step }: Levels): Tensor {
  const v = div(x, scale);
  if (step === 1) return clipByValue(add(round(v), zeroPoint), qmin, qmax);
  const index = floor(add(div(sub(v, qmin), 2), 0.5));
  return clipByValue(add(mul(index, 2), qmin), qmin, qmax);
}

export function fromCodes(codes: Tensor, { scale, zeroPoint }: GridParameters): Tensor {
  return mul(sub(codes, zeroPoint), scale);
}

export function snap(x: Tensor, { scale, zeroPoint }: GridParameters, levels: Levels): Tensor {
  const layout = groupLayout(x.shape, scale.shape);
  const [y] = (layout && fused('OctensorSnap', { x, scale, zeroPoint }, { ...levels, ...layout })) ?? [];
  return y ?? fromCodes(toCodes(x, { scale, zeroPoint }, levels), { scale, zeroPoint });
}

/**
 * dx and, by `mode`, sums of dy for the numbers of a grid, each of a's shape, in one pass; undefined where the backend has no kernel
 * for it.
 *
 *     range   a scale, b zero point: what is above the grid, what is below
 *     step    a scale, b zero point: for the scale (LSQ, without g), what is outside
 *     soft    a upper end, b α, c lower end, none of a symmetric grid: for the upper end, the lower one, α
 */
export function fusedGradient(
  mode: 'range' | 'step' | 'soft',
  dy: Tensor,
  x: Tensor,
  numbers: { readonly a: Tensor; readonly b: Tensor; readonly c?: Tensor },
  levels: Levels,
): { readonly dx: Tensor; readonly sums: readonly Tensor[] } | undefined {
  const layout = groupLayout(x.shape, numbers.a.shape);
  const [dx, ...sums] = (layout && fused('OctensorSnapGradient', { dy, x, ...numbers }, { mode, ...levels, ...layout })) ?? [];
  return dx && { dx, sums };
}

/** The affine grid of [low, high], widened to hold 0, as `chooseAffine` finds it, in float32; a range without width has scale 1. */
export function affineParameters(low: Tensor, high: Tensor, { qmin, qmax }: Levels): GridParameters {
  const bottom = minimum(low, 0);
  const scale = usable(div(sub(maximum(high, 0), bottom), qmax - qmin));
  return { scale, zeroPoint: clipByValue(round(sub(qmin, div(bottom, scale))), qmin, qmax) };
}

/** The grid of [-high, high]. */
export function symmetricParameters(high: Tensor, { qmax }: Levels): GridParameters {
  return { scale: usable(div(high, qmax)), zeroPoint: scalar(0) };
}

function usable(scale: Tensor): Tensor {
  return where(less(scale, smallestScale), 1, scale);
}

/** 1 where x is between the ends of the grid, 0 elsewhere. */
export function insideOf(x: Tensor, { scale, zeroPoint }: GridParameters, { qmin, qmax }: Levels): Tensor {
  const low = mul(sub(qmin, zeroPoint), scale);
  const high = mul(sub(qmax, zeroPoint), scale);
  return cast(logicalAnd(greaterEqual(x, low), lessEqual(x, high)), 'float32');
}

/** Straight through (Bengio 2013): dx = dy between the ends of the grid, 0 outside. `forward` is `snap` unless it is given. */
export function straightThrough(
  x: Tensor,
  parameters: GridParameters,
  levels: Levels,
  forward: (x: Tensor) => Tensor = (x) => snap(x, parameters, levels),
): Tensor {
  return differentiable(
    [x],
    (save) => {
      save(x, parameters.scale, parameters.zeroPoint);
      return forward(x);
    },
    (dy, [x, scale, zeroPoint]) => [
      fusedGradient('range', dy, x!, { a: scale!, b: zeroPoint! }, levels)?.dx ??
        mul(dy, insideOf(x!, { scale: scale!, zeroPoint: zeroPoint! }, levels)),
    ],
  );
}

/**
 * Straight through, and a gradient for the ends: d low = sum of dy below the grid, d high = sum of dy above it (TensorFlow's
 * FakeQuantWithMinMaxVarsGradient; PACT, eq. 3, for the upper end). `low` is undefined where the grid starts at 0, and the ends are
 * one number, `high`, where it is symmetric.
 */
export function learnedRange(
  x: Tensor,
  ends: { readonly low?: Tensor; readonly high: Tensor; readonly isSymmetric?: boolean },
  parameters: GridParameters,
  levels: Levels,
): Tensor {
  const { low, high, isSymmetric = false } = ends;
  const inputs = low === undefined ? [x, high] : [x, high, low];
  return differentiable(
    inputs,
    (save) => {
      save(x, parameters.scale, parameters.zeroPoint);
      return snap(x, parameters, levels);
    },
    (dy, [x, scale, zeroPoint]) => {
      const whole = fusedGradient('range', dy, x!, { a: scale!, b: zeroPoint! }, levels);
      if (whole !== undefined) {
        const [above, below] = whole.sums;
        const dHigh = reshape(isSymmetric ? sub(above!, below!) : above!, high.shape);
        return low === undefined ? [whole.dx, dHigh] : [whole.dx, dHigh, reshape(below!, low.shape)];
      }
      const above = cast(less(mul(sub(levels.qmax, zeroPoint!), scale!), x!), 'float32');
      const below = cast(less(x!, mul(sub(levels.qmin, zeroPoint!), scale!)), 'float32');
      const dx = mul(dy, sub(1, add(above, below)));
      const dHigh = sumTo(mul(dy, isSymmetric ? sub(above, below) : above), high.shape);
      return low === undefined ? [dx, dHigh] : [dx, dHigh, sumTo(mul(dy, below), low.shape)];
    },
  );
}
