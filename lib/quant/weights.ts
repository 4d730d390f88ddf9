/** Weights and biases as integers. */
import { invalid } from '../errors.js';
import type { QuantizedArray } from './qparams.js';
import { chooseAffine, chooseSymmetric, type QParams, quantizedRanges } from './qparams.js';
import type { Scheme } from './schemes.js';

export interface QuantizedWeights {
  readonly data: QuantizedArray;
  readonly qparams: QParams;
}

/** What integers are chosen for one stretch of weights. */
export type IntegerOptions = Pick<Scheme['weights'], 'symmetric' | 'bits' | 'dtype'>;

/** How one real number becomes an integer: to the nearest, or at random. */
export type Rounding = (value: number, index: number) => number;

/**
 * Parameters of float weights: one for each index along `axis`, or one for all. 4 bits use 16 of the 256 steps: [-7, 7] where
 * symmetric. A channel of zeros alone has scale 1. ERR_QUANTIZATION for buckets, which are not what integer operators have:
 * `quantizeBuckets`.
 */
export function weightParameters(
  data: Float32Array,
  dims: readonly number[],
  axis: number,
  { granularity, symmetric, bits, dtype }: Scheme['weights'],
): QParams {
  if (typeof granularity === 'object') {
    throw invalid('ERR_QUANTIZATION', 'granularity', 'per-channel or per-tensor for products of integers', granularity);
  }
  const ranges = channelRanges(data, dims, granularity === 'per-channel' ? axis : undefined);
  const all = ranges.map(([min, max]) => narrowed(min, max, { symmetric, bits, dtype }));
  if (granularity !== 'per-channel') return all[0]!;
  const scale = Float32Array.from(all, (each) => each.scale as number);
  const zeros = Int32Array.from(all, (each) => each.zeroPoint as number);
  const zeroPoint = zeros.every((zero) => zero === zeros[0]) ? zeros[0]! : zeros;
  return { dtype, scale, zeroPoint, axis };
}

/** Parameters of weights between two ends. */
export function narrowed(min: number, max: number, { symmetric, bits, dtype }: IntegerOptions): QParams {
  if (bits === 8) return symmetric ? chooseSymmetric(Math.max(-min, max), dtype) : chooseAffine(min, max, dtype);
  // 4 bits in a byte: the steps are 255 / 15 times as wide, or 127 / 7
  const middle = dtype === 'int8' ? 0 : 8;
  if (symmetric) return { dtype, scale: positive(Math.max(-min, max) / 7), zeroPoint: middle };
  const [low, high] = [Math.min(min, 0), Math.max(max, 0)];
  const scale = positive((high - low) / 15);
  const lowest = dtype === 'int8' ? -8 : 0;
  return { dtype, scale, zeroPoint: Math.min(Math.max(Math.round(lowest - low / scale), lowest), lowest + 15) };
}

function positive(scale: number): number {
  const single = Math.fround(scale);
  return single >= 2 ** -126 ? single : 1;
}

/** Smallest and largest integer that weights of so many bits have. */
export function weightLimits({ bits, symmetric, dtype }: IntegerOptions): readonly [min: number, max: number] {
  if (bits === 4) return dtype === 'int8' ? [symmetric ? -7 : -8, 7] : [symmetric ? 1 : 0, 15];
  const [min, max] = quantizedRanges[dtype];
  return [symmetric ? min + 1 : min, max];
}

/** Smallest and largest element of each channel; of all, without an axis. */
export function channelRanges(
  data: Float32Array,
  dims: readonly number[],
  axis: number | undefined,
): readonly (readonly [min: number, max: number])[] {
  const channels = axis === undefined ? 1 : dims[axis]!;
  const inner = axis === undefined ? data.length : dims.slice(axis + 1).reduce((size, dim) => size * dim, 1);
  const ranges = Array.from({ length: channels }, (): [number, number] => [0, 0]);
  for (let i = 0, c = 0; i < data.length; c = c + 1 === channels ? 0 : c + 1) {
    const range = ranges[c]!;
    for (const end = i + inner; i < end; i++) {
      if (data[i]! < range[0]) range[0] = data[i]!;
      if (data[i]! > range[1]) range[1] = data[i]!;
    }
  }
  return ranges;
}

export function quantizeWeights(
  data: Float32Array,
  dims: readonly number[],
  qparams: QParams,
  limits: readonly [min: number, max: number],
  round: Rounding = Math.round,
): QuantizedWeights {
  const { scale, zeroPoint, axis } = qparams;
  const channels = typeof scale === 'number' ? 1 : scale.length;
  const inner = axis === undefined ? data.length : dims.slice(axis + 1).reduce((size, dim) => size * dim, 1);
  const result = qparams.dtype === 'int8' ? new Int8Array(data.length) : new Uint8Array(data.length);
  for (let i = 0, c = 0; i < data.length; c = c + 1 === channels ? 0 : c + 1) {
    const s = typeof scale === 'number' ? scale : scale[c]!;
    const z = typeof zeroPoint === 'number' ? zeroPoint : zeroPoint[c]!;
    for (const end = i + inner; i < end; i++) {
      result[i] = Math.min(Math.max(round(data[i]! / s, i) + z, limits[0]), limits[1]);
    }
  }
  return { data: result, qparams };
}

/**
 * Symmetric weights with scales at which `bias` fits int32 (`quantizeBias`): a fine x and a channel whose weights are next to nothing
 * leave it no room. The channel's weights then get a coarser scale, at which they are as exact as its bias is large.
 */
export function withRoomFor(bias: Float32Array, x: QParams, weights: QParams): QParams {
  const { scale, zeroPoint } = weights;
  if (zeroPoint !== 0) return weights;
  const least = (value: number) => (Math.abs(value) / (x.scale as number) / 2 ** 31) * (1 + 2 ** -20);
  if (typeof scale === 'number') {
    return { ...weights, scale: Math.fround(bias.reduce((most, value) => Math.max(most, least(value)), scale)) };
  }
  return { ...weights, scale: scale.map((own, c) => Math.max(own, least(bias[c]!))) };
}

/** int32 at the scale of the products: round(b / (sx · sw)), in float64, saturated. */
export function quantizeBias(bias: Float32Array, x: QParams, weights: QParams): QuantizedWeights {
  const sx = x.scale as number;
  const sw = weights.scale;
  const [min, max] = quantizedRanges.int32;
  const data = Int32Array.from(bias, (value, c) => {
    return Math.min(Math.max(Math.round(value / (sx * (typeof sw === 'number' ? sw : sw[c]!))), min), max);
  });
  const scale = typeof sw === 'number' ? Math.fround(sx * sw) : Float32Array.from(sw, (s) => sx * s);
  return { data, qparams: { dtype: 'int32', scale, zeroPoint: 0, ...(typeof scale !== 'number' && { axis: 0 }) } };
}
