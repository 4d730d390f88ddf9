/** Places for lifetimes: storage that is not alive at the same time may share memory. */

/** Storage that is written in step `first` (-1: before all steps) and last read in step `last`. */
export interface Lifetime {
  readonly sizeBytes: number;
  readonly first: number;
  readonly last: number;
}

export interface Places {
  readonly offsets: readonly number[];
  readonly peakBytes: number;
}

/** One cache line, and one register of AVX-512. */
const alignment = 64;

/**
 * Greedy by size (Pisarchyk and Lee 2020, section 5.2): the largest first, each into the smallest gap between those that live
 * at the same time, else above them.
 */
export function place(lifetimes: readonly Lifetime[]): Places {
  const offsets = new Array<number>(lifetimes.length).fill(0);
  const placed = new PlacedList(lifetimes.length);
  let peakBytes = 0;
  const order = lifetimes.map((_, i) => i).sort((a, b) => lifetimes[b]!.sizeBytes - lifetimes[a]!.sizeBytes || a - b);
  for (const index of order) {
    const { sizeBytes, first, last } = lifetimes[index]!;
    const size = Math.ceil(sizeBytes / alignment) * alignment;
    const offset = placed.gapFor(size, first, last);
    placed.insert(offset, offset + size, first, last);
    offsets[index] = offset;
    peakBytes = Math.max(peakBytes, offset + size);
  }
  return { offsets, peakBytes };
}

/** By offset. Plain numbers side by side: the scan over them is all the time that planning a large network takes. */
class PlacedList {
  readonly #firsts: Int32Array;
  readonly #lasts: Int32Array;
  readonly #offsets: Float64Array;
  readonly #ends: Float64Array;
  #count = 0;

  constructor(capacity: number) {
    this.#firsts = new Int32Array(capacity);
    this.#lasts = new Int32Array(capacity);
    this.#offsets = new Float64Array(capacity);
    this.#ends = new Float64Array(capacity);
  }

  gapFor(size: number, first: number, last: number): number {
    const [firsts, lasts, offsets, ends] = [this.#firsts, this.#lasts, this.#offsets, this.#ends];
    let best = -1;
    let bestGap = Infinity;
    let end = 0;
    for (let i = 0, count = this.#count; i < count; i++) {
      // Either is below 0 where they do not meet. Two tests, of which the first is as often true as false, would take five times as long
      if (((last - firsts[i]!) | (lasts[i]! - first)) < 0) continue;
      const gap = offsets[i]! - end;
      if (gap >= size && gap < bestGap) [best, bestGap] = [end, gap];
      end = Math.max(end, ends[i]!);
    }
    return best === -1 ? end : best;
  }

  /** After those with the same offset. */
  insert(offset: number, end: number, first: number, last: number): void {
    let [low, high] = [0, this.#count];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#offsets[middle]! > offset) high = middle;
      else low = middle + 1;
    }
    for (const [list, value] of [
      [this.#firsts, first],
      [this.#lasts, last],
      [this.#offsets, offset],
      [this.#ends, end],
    ] as const) {
      list.copyWithin(low + 1, low, this.#count);
      list[low] = value;
    }
    this.#count++;
  }
}
