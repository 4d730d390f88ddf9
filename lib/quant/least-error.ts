/** The range whose integers are expected to be off by the least squared error. */
import { roundHalfEven } from '../rounding.js';
import { clipRange } from './extent.js';
import { Histogram } from './histogram.js';
import type { Range } from './observers.js';

/**
 * Values as a density that is constant within each bin, in units of the bin width: jumps[k] is by how much the density grows at
 * edges[k].
 */
interface Density {
  readonly edges: Float64Array;
  readonly jumps: Float64Array;
}

/** The integers n from `lowest` to `highest` stand for n · step; 0 is one of them. */
interface Grid {
  readonly step: number;
  readonly lowest: number;
  readonly highest: number;
}

/** So many ranges are tried along a line, before the best of them is moved in the strides given, down to single bins. */
const stations = 64;
const strides = [16, 4, 1];

/**
 * The range among those with ends on bin edges (or at the ends of the data) with the least squared error, summed over the
 * values as if they were spread evenly within their bins. The error is that of the integers which the range gives, zero point
 * rounded: 255 steps, or 127 on each side where it is symmetric; rounding and clipping are integrated exactly.
 *
 * The search is that of PyTorch's HistogramObserver in kind, shrinking a range, but not greedy: both ends together first, then
 * each along all of its way, in turn while that helps; the best is then moved by ever smaller strides. One end, where the other
 * is 0.
 */
export function leastErrorRange(histogram: Histogram, symmetric: boolean): Range {
  const { width } = histogram;
  const [low, high] = symmetric ? [0, histogram.maxAbs / width] : [histogram.min / width, histogram.max / width];
  const density = densityOf(histogram, symmetric);
  const gridOf = symmetric ? symmetricGrid : affineGrid;
  const most = [Math.max(Math.ceil(-low), 0), Math.max(Math.ceil(high), 0)] as const;
  const endsOf = (below: number, above: number) =>
    [Math.max(-below, Math.min(low, 0)), Math.min(above, Math.max(high, 0))] as const;

  let best: readonly [below: number, above: number] = most;
  let least = Infinity;
  /** What was tried: where one end is 0 both lines of the search are the same. */
  const tried = new Set<number>();
  /** Whether a range of so many bins below and above 0 is better than all before it. */
  const improves = (below: number, above: number): boolean => {
    if (below < 0 || above < 0 || below > most[0] || above > most[1] || below + above === 0) return false;
    const key = below * (most[1] + 1) + above;
    if (tried.has(key)) return false;
    tried.add(key);
    const error = squaredError(density, gridOf(...endsOf(below, above)));
    if (!(error < least)) return false;
    least = error;
    best = [below, above];
    return true;
  };

  const part = (bins: number, station: number) => Math.ceil((bins * station) / stations);
  for (let station = stations; station > 0; station--) improves(part(most[0], station), part(most[1], station));
  for (let isBetter = true; isBetter; ) {
    isBetter = false;
    for (let station = stations; station >= 0; station--) if (improves(part(most[0], station), best[1])) isBetter = true;
    for (let station = stations; station >= 0; station--) if (improves(best[0], part(most[1], station))) isBetter = true;
  }
  for (const stride of strides) {
    const moves = [
      [-stride, 0],
      [stride, 0],
      [0, -stride],
      [0, stride],
    ] as const;
    while (moves.some(([below, above]) => improves(best[0] + below, best[1] + above)));
  }
  const [from, to] = endsOf(...best);
  return clipRange(histogram, (symmetric ? -to : from) * width, to * width);
}

/** Values that are 0 are left out: they are exact in every range. */
function densityOf(histogram: Histogram, folded: boolean): Density {
  const first = folded ? 0 : histogram.binOf(histogram.min);
  const last = histogram.binOf(folded ? histogram.maxAbs : histogram.max);
  const counts = folded ? histogram.magnitudes() : histogram.counts.slice(Histogram.binsPerSide + first);
  if (first <= 0 && last >= 0) counts[-first]! -= histogram.zeros;
  const size = last - first + 1;
  const edges = Float64Array.from({ length: size + 1 }, (_, k) => first + k);
  const jumps = Float64Array.from(edges, (_, k) => (k < size ? counts[k]! : 0) - (k > 0 ? counts[k - 1]! : 0));
  return { edges, jumps };
}

function symmetricGrid(_: number, high: number): Grid {
  return { step: high / 127, lowest: -127, highest: 127 };
}

/** low <= 0 <= high. The zero point is rounded, which moves the ends by up to half a step. */
export function affineGrid(low: number, high: number): Grid {
  const step = (high - low) / 255;
  const zeroPoint = roundHalfEven(-low / step);
  return { step, lowest: -zeroPoint, highest: 255 - zeroPoint };
}

/**
 * ∫ density(t) · (t - step · n(t))² dt with n(t) the integer that t becomes. Of (t - step · n(t))² from 0 on, the integral is
 *
 *     E(x) = n · step³ / 12 + r³ / 3,    n = n(x), r = x - step · n
 *
 * (each whole step between two integers adds step³ / 12; r is large where x is clipped), and a density that jumps at edges
 * gives -Σ jump · E(edge), as it is 0 after the last of them.
 */
export function squaredError({ edges, jumps }: Density, { step, lowest, highest }: Grid): number {
  const perStep = 1 / step;
  const whole = step ** 3 / 12;
  let sum = 0;
  for (let k = 0; k < edges.length; k++) {
    const x = edges[k]!;
    const n = Math.min(Math.max(Math.floor(x * perStep + 0.5), lowest), highest);
    const r = x - n * step;
    sum += jumps[k]! * (n * whole + (r * r * r) / 3);
  }
  return -sum;
}
