/** Ranges to start from. */
import {
  clone,
  fill,
  less,
  maximum,
  minimum,
  mul,
  reshape,
  scalar,
  square,
  stridedSlice,
  sub,
  type Tensor,
  tidy,
  where,
} from '@tensorflow/tfjs-core';
import type { Groups } from './groups.js';
import type { Levels } from './levels.js';
import type { QuantizerOptions } from './quantizer.js';
import { affineParameters, smallestScale, snap, symmetricParameters } from './snap.js';

const candidates = 40;
const sampleSize = 1 << 14;

export interface Ends {
  readonly low: Tensor;
  readonly high: Tensor;
}

/**
 * The range of each group, shrunk to where the squared error of the grid is least: with 8 bits nearly all of it, with 2 bits much
 * less (as LSQ+ starts, Bhalgat 2020, section 3.2). Of activations a sample is looked at. The options' own `min` and `max` win.
 * A symmetric range is [-high, high].
 */
export function leastErrorRange(
  x: Tensor,
  groups: Groups,
  { min, max }: QuantizerOptions,
  levels: Levels,
  isSymmetric: boolean,
): Ends {
  if (max !== undefined) {
    const ends = groups.max(x);
    const high = isSymmetric ? Math.max(max, -(min ?? 0)) : max;
    return { low: filled(ends, isSymmetric ? -high : (min ?? 0)), high: filled(ends, high) };
  }
  return tidy(() => {
    const seen = groups.shape.length === 0 ? sampled(x) : x;
    const high = isSymmetric ? groups.maxAbs(x) : maximum(groups.max(x), 0);
    const given = isSymmetric || min === undefined ? undefined : filled(high, min);
    const low = isSymmetric ? mul(high, -1) : (given ?? minimum(groups.min(x), 0));
    let best: Tensor = filled(high, Infinity);
    let fraction: Tensor = filled(high, 1);
    for (let i = candidates; i > 0; i--) {
      const f = i / candidates;
      const grid = isSymmetric
        ? symmetricParameters(mul(high, f), levels)
        : affineParameters(given ?? mul(low, f), mul(high, f), levels);
      const error = groups.sum(square(sub(snap(seen, grid, levels), seen)));
      const isBetter = less(error, best);
      fraction = where(isBetter, scalar(f), fraction);
      best = where(isBetter, error, best);
    }
    return { low: clone(given ?? mul(low, fraction)), high: clone(mul(high, fraction)) };
  }) as unknown as Ends;
}

/** Every so many elements; an odd distance, so that it meets all channels where their number is a power of two. */
function sampled(x: Tensor): Tensor {
  const distance = Math.ceil(x.size / sampleSize) | 1;
  if (x.size <= sampleSize) return x;
  return stridedSlice(reshape(x, [x.size]), [0], [x.size], [distance]);
}

/** A constant of the shape that `like` has. */
export function filled(like: Tensor, value: number): Tensor {
  return fill(like.shape, value);
}

/** A learned bound as it is used: above 0 whatever an optimizer made of it. */
export function positive(bound: Tensor): Tensor {
  return maximum(bound, smallestScale);
}
