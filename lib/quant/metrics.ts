/** How far values are from those that they stand for: sums over as many batches as there are, never the values. */
import { invalid } from '../errors.js';
import { roundHalfEven } from '../rounding.js';
import { type QParams, quantizedRanges } from './qparams.js';

export interface Metrics {
  /** Signal to quantization noise, 10 log10(Σ y² / Σ (x - y)²): Infinity where nothing differs, -Infinity where all y are 0. */
  readonly sqnrDb: number;
  /** Σ xy / √(Σ x² Σ y²); 1 where nothing differs, else 0 where one side is all zeros. */
  readonly cosine: number;
  /**
   * Root mean square error in quantization steps: 1/√12 = 0.289 where nothing but rounding to the nearest step is wrong. NaN for values
   * that are not quantized.
   */
  readonly rmseOverScale: number;
  /** Of all y, how many the quantized type cannot hold and saturates; 0 for values that are not quantized. */
  readonly clippedFraction: number;
  readonly maxAbsError: number;
}

/** The error of rounding alone, in steps: the standard deviation of what is spread evenly over one step. */
export const roundingError = 1 / Math.sqrt(12);

/** Metrics of one value. Where both sides have the same infinity, or no number, nothing differs. */
export class ErrorMeter {
  #count = 0;
  #signal = 0;
  #power = 0;
  #product = 0;
  #noise = 0;
  #squaredSteps = 0;
  #clipped = 0;
  #maxAbsError = 0;
  #isQuantized = false;

  /**
   * `actual`, real numbers, instead of `expected`, both of shape `dims`; `qparams` where `actual` comes from integers. Throws ERR_SHAPE
   * where they are not equally long.
   */
  add(actual: Float32Array, expected: Float32Array, qparams?: QParams, dims: readonly number[] = [expected.length]): void {
    if (actual.length !== expected.length) throw invalid('ERR_SHAPE', 'actual', `${expected.length} values`, actual.length);
    this.#count += expected.length;
    this.#isQuantized ||= qparams !== undefined;
    for (const { start, end, scale, zeroPoint } of stretchesOf(expected.length, qparams, dims)) {
      const [min, max] = quantizedRanges[qparams?.dtype ?? 'int32'];
      for (let i = start; i < end; i++) {
        const [x, y] = [actual[i]!, expected[i]!];
        if (qparams !== undefined) {
          const integer = roundHalfEven(Math.fround(y / scale)) + zeroPoint;
          if (integer < min || integer > max) this.#clipped += 1;
        }
        if (!Number.isFinite(x) && Object.is(x, y)) continue;
        const error = x - y;
        this.#signal += y * y;
        this.#power += x * x;
        this.#product += x * y;
        this.#noise += error * error;
        this.#squaredSteps += (error / scale) ** 2;
        this.#maxAbsError = Math.max(this.#maxAbsError, Math.abs(error)); // Math.max keeps NaN
      }
    }
  }

  metrics(): Metrics {
    const norm = Math.sqrt(this.#signal * this.#power);
    return {
      sqnrDb: this.#noise === 0 ? Infinity : 10 * Math.log10(this.#signal / this.#noise),
      cosine: this.#noise === 0 ? 1 : norm === 0 ? 0 : this.#product / norm,
      rmseOverScale: this.#isQuantized && this.#count > 0 ? Math.sqrt(this.#squaredSteps / this.#count) : NaN,
      clippedFraction: this.#count === 0 ? 0 : this.#clipped / this.#count,
      maxAbsError: this.#maxAbsError,
    };
  }
}

interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly scale: number;
  readonly zeroPoint: number;
}

/** Elements that have the same parameters and stand together: all of them, or what is inside one index of the axis. */
function* stretchesOf(size: number, qparams: QParams | undefined, dims: readonly number[]): Iterable<Stretch> {
  const { scale = 1, zeroPoint = 0, axis } = qparams ?? {};
  const inner = axis === undefined ? size : dims.slice(axis + 1).reduce((product, dim) => product * dim, 1);
  const channels = axis === undefined ? 1 : dims[axis]!;
  for (let start = 0, c = 0; start < size; start += inner, c = (c + 1) % channels) {
    const s = typeof scale === 'number' ? Math.fround(scale) : scale[c]!;
    yield { start, end: start + inner, scale: s, zeroPoint: typeof zeroPoint === 'number' ? zeroPoint : zeroPoint[c]! };
  }
}
