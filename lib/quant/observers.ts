/**
 * Ranges of activations, seen batch by batch and never kept. Memory is bounded whatever the number of batches, and ranges do
 * not depend on how or in which order the data is cut into batches; the moving average's do, by what it is.
 */
import { invalid } from '../errors.js';
import { entropyRange } from './entropy.js';
import { extentOf } from './extent.js';
import { Histogram } from './histogram.js';
import { leastErrorRange } from './least-error.js';
import { percentileRange } from './percentile.js';
import type { RangeMethod } from './schemes.js';

/** The real numbers that the integers of a value stand for. It need not contain 0: parameters are chosen so that they do. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** What the operator Extent, or Histogram, gives. */
export interface Statistic {
  readonly ends: Float32Array;
  readonly counts?: Int32Array;
}

export interface Observer {
  /** The operator whose results `take` takes in. */
  readonly statistic: 'Extent' | 'Histogram';
  /** Takes in one batch, by the statistics of its parts. ERR_QUANTIZATION, and nothing taken in, where a value was NaN or infinite. */
  take(parts: readonly Statistic[]): void;
  /** Takes in one batch, which may be empty. ERR_QUANTIZATION, and nothing taken in, where a value is NaN or infinite. */
  observe(values: Float32Array): void;
  /** The range of what was seen so far. ERR_QUANTIZATION where that is nothing. */
  range(): Range;
}

export interface ObserverOptions {
  readonly method: RangeMethod;
  /** Whether the integers are to be symmetric around 0: then one threshold is sought for both ends. */
  readonly symmetric: boolean;
  /** Of `percentile`: how much of all values the range covers, above 50, up to 100. */
  readonly percentile: number;
}

export function makeObserver({ method, symmetric, percentile }: ObserverOptions): Observer {
  switch (method) {
    case 'minmax':
      return new MinMaxObserver();
    case 'ema':
      return new MovingAverageObserver();
    case 'percentile':
      return new HistogramObserver((histogram) => percentileRange(histogram, percentile, symmetric));
    case 'mse':
      return new HistogramObserver((histogram) => leastErrorRange(histogram, symmetric));
    case 'entropy':
      return new HistogramObserver(entropyRange);
    default:
      throw invalid('ERR_OPTION', 'method', 'minmax, ema, percentile, mse or entropy', method);
  }
}

abstract class ExtentObserver implements Observer {
  readonly statistic = 'Extent';
  #range: Range | undefined;

  observe(values: Float32Array): void {
    if (values.length > 0) this.#add(extentOf(values));
  }

  take(parts: readonly Statistic[]): void {
    let [min, max] = [Infinity, -Infinity];
    for (const [low, high] of parts.map(expectFinite)) {
      min = Math.min(min, low);
      max = Math.max(max, high);
    }
    if (min <= max) this.#add({ min, max });
  }

  range(): Range {
    return this.#range ?? nothingSeen();
  }

  /** The range of what was seen before, and of another batch. */
  protected abstract joined(known: Range, batch: Range): Range;

  #add(batch: Range): void {
    this.#range = this.joined(this.#range ?? batch, batch);
  }
}

class MinMaxObserver extends ExtentObserver {
  protected joined(known: Range, { min, max }: Range): Range {
    return { min: Math.min(known.min, min), max: Math.max(known.max, max) };
  }
}

/** r += c · (the batch's - r) for both ends, from the first batch's on. A batch is what is taken in at once. */
class MovingAverageObserver extends ExtentObserver {
  static readonly #rate = 0.01;

  protected joined(known: Range, { min, max }: Range): Range {
    const follow = (r: number, next: number) => r + MovingAverageObserver.#rate * (next - r);
    return { min: follow(known.min, min), max: follow(known.max, max) };
  }
}

class HistogramObserver implements Observer {
  readonly statistic = 'Histogram';
  readonly #histogram = new Histogram();
  readonly #choose: (histogram: Histogram) => Range;

  constructor(choose: (histogram: Histogram) => Range) {
    this.#choose = choose;
  }

  observe(values: Float32Array): void {
    this.#histogram.add(values);
  }

  take(parts: readonly Statistic[]): void {
    const all = parts.map(expectFinite);
    for (const [i, [min, max]] of all.entries()) this.#histogram.merge(min, max, parts[i]!.counts!);
  }

  range(): Range {
    const { min, max, total } = this.#histogram;
    if (total === 0) nothingSeen();
    return min === max ? { min, max } : this.#choose(this.#histogram);
  }
}

function expectFinite({ ends }: Statistic): readonly [min: number, max: number] {
  const [min, max] = ends as unknown as [number, number];
  if (Number.isNaN(min)) throw invalid('ERR_QUANTIZATION', 'values', 'finite numbers', 'NaN or an infinity among them');
  return [min, max];
}

function nothingSeen(): never {
  throw invalid('ERR_QUANTIZATION', 'values', 'at least one value to choose a range from', 0);
}
