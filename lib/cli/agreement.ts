/** How far two tensors that should be the same are apart. */
import { fromFloat16Bits } from '../float16.js';
import type { QParams } from '../quant/qparams.js';
import type { Tensor } from '../tensor.js';

export interface Agreement {
  /** Of real numbers, where values are quantized. NaN where one of two is NaN. */
  readonly maxAbsDifference: number;
  /** Signal to quantization noise, 10 log10(sum y² / sum (x - y)²): Infinity where nothing differs. */
  readonly sqnrDb: number;
  readonly cosine: number;
  /** Whether the largest score is the same; undefined for what is not one row of scores. */
  readonly sameTop?: boolean;
}

export interface MeasuredValue {
  readonly tensor: Tensor;
  readonly qparams?: QParams | undefined;
}

/** `expected` is the signal. Undefined where the shapes differ, or one of them is text. */
export function agreementOf(actual: MeasuredValue, expected: MeasuredValue): Agreement | undefined {
  const [x, y] = [realsOf(actual), realsOf(expected)];
  const { dims, size } = expected.tensor;
  if (x === undefined || y === undefined || String(actual.tensor.dims) !== String(dims)) return undefined;
  let [maxAbsDifference, noise, signal, power, product] = [0, 0, 0, 0, 0];
  for (let i = 0; i < size; i++) {
    const [a, e] = [x[i]!, y[i]!];
    // The same infinity, or no number on both sides
    if (!Number.isFinite(a) && Object.is(a, e)) continue;
    const difference = Math.abs(a - e);
    maxAbsDifference = Math.max(maxAbsDifference, difference); // Math.max keeps NaN
    noise += difference ** 2;
    signal += e ** 2;
    power += a ** 2;
    product += a * e;
  }
  const isRow = size >= 2 && dims.at(-1) === size;
  return {
    maxAbsDifference,
    sqnrDb: noise === 0 ? Infinity : 10 * Math.log10(signal / noise),
    cosine: noise === 0 ? 1 : product / Math.sqrt(signal * power),
    ...(isRow && { sameTop: topIndex(x) === topIndex(y) }),
  };
}

function realsOf({ tensor, qparams }: MeasuredValue): ArrayLike<number> | undefined {
  const { type, data } = tensor;
  if (type === 'string') return undefined;
  if (qparams !== undefined && qparams.dtype === type) return tensor.dequantize(qparams).data;
  if (type === 'float16') return Float64Array.from(data as Uint16Array, fromFloat16Bits);
  if (type === 'int64' || type === 'uint64') return Float64Array.from(data as BigInt64Array, Number);
  return data as Float32Array;
}

/** Of equal scores the first. */
function topIndex(scores: ArrayLike<number>): number {
  let top = 0;
  for (let i = 1; i < scores.length; i++) if (scores[i]! > scores[top]!) top = i;
  return top;
}
