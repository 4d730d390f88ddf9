/**
 * Weights with a scale for each bucket, a run of so many weights along the input dimensions of one output channel (PocketFlow's
 * `split`; one bucket as long as a channel is its `channel`, and the scale per channel of integer kernels). Only for weights
 * that are dequantized before they are used: a product of integers cannot change its scale within a sum.
 */
import { invalid } from '../errors.js';
import { extentOf } from './extent.js';
import { type IntegerOptions, narrowed, type Rounding, weightLimits } from './weights.js';

export interface BucketOptions extends IntegerOptions {
  /** The output channels' axis: the first or the last. */
  readonly axis: number;
  readonly round?: Rounding;
}

/**
 * What the operator DequantizeLinear reads with attributes `axis` and `blockSize`, for weights as a matrix: shape `dims` is
 * [channels, inputs], axis 1, where channels come first, and [inputs, channels], axis 0, where they come last. Elements are in
 * the order of the weights, whose own shape is a Reshape away. 4 bits are codes of 4 bits in a byte each.
 */
export interface BucketedWeights {
  readonly dims: readonly [number, number];
  readonly axis: 0 | 1;
  readonly blockSize: number;
  readonly bits: 8 | 4;
  readonly data: Int8Array | Uint8Array;
  /** `dims` with ceil(inputs / blockSize), the buckets of a channel, for inputs. The last of a channel may be shorter. */
  readonly scaleDims: readonly [number, number];
  readonly scales: Float32Array;
  readonly zeroPoints: Int8Array | Uint8Array;
}

/**
 * Float weights of shape `dims` in buckets of `bucket` weights. ERR_SHAPE for a shape that does not fit the data or the axis,
 * ERR_OPTION for a bucket that is no whole number above 0, ERR_QUANTIZATION for weights that are not finite.
 */
export function quantizeBuckets(
  data: Float32Array,
  dims: readonly number[],
  bucket: number,
  { axis, symmetric, bits, dtype, round = Math.round }: BucketOptions,
): BucketedWeights {
  const { channels, inputs, channelsFirst } = matrixOf(data, dims, axis);
  if (!(Number.isSafeInteger(bucket) && bucket > 0)) throw invalid('ERR_OPTION', 'bucket', 'an integer above 0', bucket);
  extentOf(data);
  const buckets = Math.ceil(inputs / bucket);
  const [lowest, highest] = weightLimits({ symmetric, bits, dtype });
  const integers = (length: number) => (dtype === 'int8' ? new Int8Array(length) : new Uint8Array(length));
  const [codes, scales, zeroPoints] = [
    integers(data.length),
    new Float32Array(channels * buckets),
    integers(channels * buckets),
  ];
  const stride = channelsFirst ? 1 : channels;
  for (let channel = 0; channel < channels; channel++) {
    for (let b = 0; b < buckets; b++) {
      const start = (channelsFirst ? channel * inputs : channel) + b * bucket * stride;
      const end = start + Math.min(bucket, inputs - b * bucket) * stride;
      let [min, max] = [0, 0];
      for (let i = start; i < end; i += stride) {
        min = Math.min(min, data[i]!);
        max = Math.max(max, data[i]!);
      }
      const qparams = narrowed(min, max, { symmetric, bits, dtype });
      const [scale, zeroPoint] = [qparams.scale as number, qparams.zeroPoint as number];
      for (let i = start; i < end; i += stride) {
        codes[i] = Math.min(Math.max(round(data[i]! / scale, i) + zeroPoint, lowest), highest);
      }
      const own = channelsFirst ? channel * buckets + b : b * channels + channel;
      scales[own] = scale;
      zeroPoints[own] = zeroPoint;
    }
  }
  return {
    dims: channelsFirst ? [channels, inputs] : [inputs, channels],
    axis: channelsFirst ? 1 : 0,
    blockSize: bucket,
    bits,
    data: codes,
    scaleDims: channelsFirst ? [channels, buckets] : [buckets, channels],
    scales,
    zeroPoints,
  };
}

function matrixOf(data: Float32Array, dims: readonly number[], axis: number) {
  const size = dims.reduce((product, dim) => product * dim, 1);
  if (size !== data.length || size === 0) {
    throw invalid('ERR_SHAPE', 'weights', `as many as a shape of one element or more has, [${dims.join(', ')}]`, data);
  }
  const outer = dims.slice(0, axis).reduce((product, dim) => product * dim, 1);
  const channels = dims[axis];
  if (channels === undefined || (outer !== 1 && axis !== dims.length - 1)) {
    throw invalid('ERR_SHAPE', 'axis', `the first or the last axis of shape [${dims.join(', ')}]`, axis);
  }
  return { channels, inputs: size / channels, channelsFirst: axis !== dims.length - 1 || dims.length === 1 };
}
