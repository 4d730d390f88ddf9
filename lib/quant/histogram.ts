/** Where the values of many batches lie, in memory that does not grow with them. */
import { binsPerSide, countValues, widthExponent } from '../ops/histogram.js';
import { notFinite } from './extent.js';

/**
 * Counts of values in bins as those of the operator Histogram, which counts one batch: bin k is counts[binsPerSide + k]. The width is
 * the smallest that lets the largest |x| so far into a bin, so that this is in the upper half of them. Where a later batch exceeds
 * it, the width doubles: bins 2k and 2k + 1 become bin k. As edges are multiples of a power of two, that gives the very counts that
 * the wider bins would have had from the start: the histogram depends on the values alone, not on their order or on how they were
 * cut into batches.
 *
 * Counts are doubles: exact up to 2^53 values.
 */
export class Histogram {
  static readonly binsPerSide = binsPerSide;
  readonly counts = new Float64Array(2 * binsPerSide);
  /** Of all values, exactly. */
  min = Infinity;
  max = -Infinity;
  /** How many values are 0 itself. They are in bin 0, too. */
  zeros = 0;
  total = 0;
  #exponent = widthExponent(0);

  get width(): number {
    return 2 ** this.#exponent;
  }

  get maxAbs(): number {
    return Math.max(-this.min, this.max, 0);
  }

  /** ERR_QUANTIZATION, and nothing counted, where a value is NaN or infinite. */
  add(values: Float32Array): void {
    const { ends, counts } = countValues(values);
    const [min, max] = ends as unknown as [number, number];
    if (Number.isNaN(min)) throw notFinite(values);
    this.merge(min, max, counts);
  }

  /** What the operator gave for one batch; `min` above `max` where that was empty. */
  merge(min: number, max: number, counts: Int32Array): void {
    if (min > max) return;
    this.min = Math.min(this.min, min);
    this.max = Math.max(this.max, max);
    this.zeros += counts[2 * binsPerSide]!;
    const exponent = widthExponent(Math.max(-min, max));
    this.#widen(exponent);
    const shift = Math.min(this.#exponent - exponent, 31);
    const perWidth = 2 ** -exponent;
    const lowest = min < 0 ? -1 - Math.floor(-min * perWidth) : 0;
    const highest = max < 0 ? -1 : Math.floor(max * perWidth);
    for (let k = lowest; k <= highest; k++) {
      const found = counts[binsPerSide + k]!;
      this.counts[binsPerSide + (k >> shift)]! += found;
      this.total += found;
    }
  }

  /** The bin of a value that was counted. */
  binOf(value: number): number {
    const bin = Math.floor(Math.abs(value) / this.width);
    return value < 0 ? -1 - bin : bin;
  }

  /** Counts of |x| in bins [k · width, (k + 1) · width). */
  magnitudes(): Float64Array {
    return Float64Array.from(
      { length: binsPerSide },
      (_, k) => this.counts[binsPerSide + k]! + this.counts[binsPerSide - 1 - k]!,
    );
  }

  #widen(exponent: number): void {
    const shift = Math.min(exponent - this.#exponent, 31);
    if (shift <= 0) return;
    this.#exponent = exponent;
    const { counts } = this;
    // From 0 outwards on either side, each into a bin that is not behind it
    const move = (k: number) => {
      const moved = counts[binsPerSide + k]!;
      counts[binsPerSide + k] = 0;
      counts[binsPerSide + (k >> shift)]! += moved;
    };
    for (let k = 0; k < binsPerSide; k++) {
      move(k);
      move(-1 - k);
    }
  }
}
