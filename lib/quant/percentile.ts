/** Ranges that leave out a given share of all values, the outermost ones. */
import { clipRange } from './extent.js';
import { Histogram } from './histogram.js';
import type { Range } from './observers.js';

/**
 * The narrowest range of whole bins, clipped to the ends of the data, that leaves out at most (100 - percentile) % of all
 * values: half of those on either side, or all of them by |x| where it is symmetric. (ONNX Runtime's percentile calibration,
 * which has bins of its own.) At 100 it is all of the data.
 */
export function percentileRange(histogram: Histogram, percentile: number, symmetric: boolean): Range {
  const { counts, total, width } = histogram;
  const spare = (total * (100 - percentile)) / 100;
  if (symmetric) {
    const threshold = Math.min(keptBins(histogram.magnitudes(), spare) * width, histogram.maxAbs);
    return clipRange(histogram, -threshold, threshold);
  }
  const high = (keptBins(counts, spare / 2) - Histogram.binsPerSide) * width;
  const low = (Histogram.binsPerSide - keptBins(counts.toReversed(), spare / 2)) * width;
  return clipRange(histogram, low, high);
}

/** How many bins remain when as many are left out at the end as hold no more than `spare` values. */
function keptBins(counts: Float64Array, spare: number): number {
  let bins = counts.length;
  for (let left = 0; bins > 1; bins--) {
    left += counts[bins - 1]!;
    if (left > spare) break;
  }
  return bins;
}
