/**
 * The threshold on |x| whose 128 levels tell most about the values, as TensorRT chooses it (S. Migacz, "8-bit inference with
 * TensorRT", 2017).
 */
import { clipRange } from './extent.js';
import type { Histogram } from './histogram.js';
import type { Range } from './observers.js';

const levels = 128;
/** Divergences that differ by less are equal but for rounding. */
const noise = 1e-12;

/**
 * The ends of the data, clipped to ±T, T = (i + 1/2) · width for the best number of bins i. Values that are 0 are not counted:
 * 0 is exact at every scale, and where a Relu made most values 0 they would outweigh all else in the first level.
 */
export function entropyRange(histogram: Histogram): Range {
  const counts = histogram.magnitudes();
  counts[0]! -= histogram.zeros;
  const threshold = (keptBinsOfLeastDivergence(counts) + 0.5) * histogram.width;
  return clipRange(histogram, -threshold, threshold);
}

/**
 * The number of bins i from `levels` to as many as there are up to the last that is not empty, for which KL(P || Q) is
 * smallest; the largest of several.
 *
 *     P = bins[0..i), with all that lie outside added to P[i - 1]
 *     Q = bins[0..i), in each of `levels` stretches of bins spread evenly over those of its bins that are not empty
 *
 * both divided by their sums. All i are searched that leave at least half of the values inside. Within a stretch Q is one
 * number, so with sums of counts c, of c · log c and of bins that are not empty, up to each bin, an i takes as many steps as
 * there are levels rather than bins.
 */
export function keptBinsOfLeastDivergence(counts: Float64Array): number {
  const size = counts.length;
  const [sums, logSums, filled] = [new Float64Array(size + 1), new Float64Array(size + 1), new Uint32Array(size + 1)];
  for (let k = 0; k < size; k++) {
    sums[k + 1] = sums[k]! + counts[k]!;
    logSums[k + 1] = logSums[k]! + timesLog(counts[k]!);
    filled[k + 1] = filled[k]! + (counts[k]! > 0 ? 1 : 0);
  }
  const total = sums[size]!;
  let last = size;
  while (last > levels && counts[last - 1]! === 0) last--;

  let best = last;
  let least = Infinity;
  for (let i = last; i >= levels; i--) {
    const inside = sums[i]!;
    const own = counts[i - 1]!;
    const outside = total - inside;
    // Without a value in the last bin Q is 0 where P is not, and the divergence infinite
    if (own === 0 && outside > 0) continue;
    // So few bins are filled in the end that Q is P again, which would clip all data that is far from 0
    if (outside > inside) break;
    // Σ p log p - Σ p log q, each stretch with one q, and both times their sums. The last stretch has what lies outside; none of the
    // others can give less than 0 (its bins against their mean), so that most i are found too large before all levels are looked at
    let divergence = Math.log(inside / total);
    for (let level = levels - 1, end = i; level >= 0 && divergence < least; level--) {
      const start = Math.floor((level * i) / levels);
      const inLevel = sums[end]! - sums[start]!;
      if (inLevel > 0) {
        const isLast = level === levels - 1;
        const logs = logSums[end]! - logSums[start]! + (isLast ? timesLog(own + outside) - timesLog(own) : 0);
        const mean = Math.log(inLevel / (filled[end]! - filled[start]!));
        divergence += (logs - (isLast ? inLevel + outside : inLevel) * mean) / total;
      }
      end = start;
    }
    if (divergence < least - noise) {
      least = divergence;
      best = i;
    }
  }
  return best;
}

function timesLog(count: number): number {
  return count > 0 ? count * Math.log(count) : 0;
}
