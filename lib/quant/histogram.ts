/** Where the values of many batches lie, in memory that does not grow with them. */
import { frexpExponent } from '../rounding.js';
import { extentOf } from './extent.js';

const binsPerSide = 2048;

/**
 * Counts of values in `binsPerSide` bins on each side of 0, of one width, a power of two. Bin k holds
 *
 *     [k · width, (k + 1) · width)  for k >= 0,        (k · width, (k + 1) · width]  for k < 0
 *
 * and is counts[binsPerSide + k]. The width is the smallest that lets the largest |x| so far into a bin, so that this is in the
 * upper half of them. Where a later batch exceeds it, the width doubles: bins 2k and 2k + 1 become bin k. As edges are
 * multiples of a power of two, that gives the very counts that the wider bins would have had from the start: the histogram
 * depends on the values alone, not on their order or on how they were cut into batches.
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
  #exponent = widthExponent(smallestFloat);

  get width(): number {
    return 2 ** this.#exponent;
  }

  get maxAbs(): number {
    return Math.max(-this.min, this.max, 0);
  }

  /** ERR_QUANTIZATION, and nothing counted, where a value is NaN or infinite. */
  add(values: Float32Array): void {
    if (values.length === 0) return;
    const { min, max } = extentOf(values);
    this.min = Math.min(this.min, min);
    this.max = Math.max(this.max, max);
    this.total += values.length;
    if (this.maxAbs > 0) this.#widen(widthExponent(this.maxAbs));
    this.zeros += count(values, this.counts, 1 / this.width);
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

const smallestFloat = 2 ** -149;

/** The e for which 2^(e+10) <= maxAbs < 2^(e+11). */
function widthExponent(maxAbs: number): number {
  return frexpExponent(maxAbs) - Math.log2(binsPerSide);
}

/**
 * Counts each value, without branches: half of what follows a Relu is 0, and no processor foresees which. How many were 0.
 * Scaling by a power of two is exact, so `|0` is the floor of the true quotient.
 */
function count(values: Float32Array, counts: Float64Array, perWidth: number): number {
  const patterns = new Int32Array(values.buffer, values.byteOffset, values.length);
  let zeros = 0;
  for (let i = 0; i < patterns.length; i++) {
    const bits = patterns[i]!;
    const magnitude = bits & 0x7fffffff;
    const sign = (bits & -magnitude) >> 31; // -1 below 0, else 0, for -0 as well
    const bin = (Math.abs(values[i]!) * perWidth) | 0;
    counts[binsPerSide + (bin ^ sign)]! += 1;
    zeros += (magnitude - 1) >>> 31;
  }
  return zeros;
}
