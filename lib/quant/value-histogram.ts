/** How values are distributed, for people to look at: bounded memory, whatever the number of batches. */

/** `counts[i]` finite values are in [min + i · width, min + (i + 1) · width). Empty where nothing was seen. */
export interface Histogram {
  readonly min: number;
  readonly width: number;
  readonly counts: readonly number[];
}

/**
 * Bins are multiples of a power of two wide. When a value is outside all of them, they are joined in pairs until it is not; no value
 * ever moves from its bin to the one beside it.
 */
export class ValueHistogram {
  readonly #bins: number;
  #counts: Float64Array;
  #width = 0;
  /** The first bin begins at `#first · #width`. */
  #first = 0;
  #low = Infinity;
  #high = -Infinity;

  constructor(bins = 128) {
    this.#bins = bins;
    this.#counts = new Float64Array(bins);
  }

  /** NaN and infinities are left out. */
  add(values: Float32Array): void {
    let [low, high] = [Infinity, -Infinity];
    for (const value of values) {
      if (!Number.isFinite(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    if (low > high) return;
    this.#cover(low, high);
    const [counts, width, first] = [this.#counts, this.#width, this.#first];
    for (const value of values) if (Number.isFinite(value)) counts[Math.floor(value / width) - first]! += 1;
  }

  histogram(): Histogram {
    const { length } = this.#counts;
    let [from, to] = [0, length];
    while (from < to && this.#counts[from] === 0) from++;
    while (to > from && this.#counts[to - 1] === 0) to--;
    return { min: (this.#first + from) * this.#width, width: this.#width, counts: [...this.#counts.subarray(from, to)] };
  }

  #cover(low: number, high: number): void {
    this.#low = Math.min(this.#low, low);
    this.#high = Math.max(this.#high, high);
    const before = { counts: this.#counts, width: this.#width, first: this.#first };
    // Numbers of bins stay exact integers: 2^30 of the first width reach from 0 to the largest value
    if (this.#width === 0) this.#width = 2 ** (exponentOf(Math.max(Math.abs(low), Math.abs(high))) - 30);
    const binOf = (value: number) => Math.floor(value / this.#width);
    while (binOf(this.#high) - binOf(this.#low) >= this.#bins) this.#width *= 2;
    this.#first = binOf(this.#low);
    if (before.width === this.#width && before.first === this.#first) return;
    this.#counts = new Float64Array(this.#bins);
    for (const [i, count] of before.counts.entries()) {
      if (count > 0) this.#counts[binOf((before.first + i) * before.width) - this.#first]! += count;
    }
  }
}

/** Of the power of two at or below a float32; that of the smallest normal one for what is smaller. */
function exponentOf(value: number): number {
  return value < 2 ** -126 ? -126 : Math.floor(Math.log2(value));
}
