/** Scale and zero point: real = scale · (quantized - zeroPoint) (Jacob et al. 2017, eq. 1). */
import { invalid } from '../errors.js';
import { roundHalfEven } from '../rounding.js';
import { typedArrayName } from '../typed-array.js';

export type QuantizedType = 'int8' | 'uint8' | 'int16' | 'int32';
export type QuantizedArray = Int8Array | Uint8Array | Int16Array | Int32Array;

/** Per tensor: two numbers. Per channel: an array of one value per index along `axis`, for `scale`, `zeroPoint` or both. */
export interface QParams {
  readonly dtype: QuantizedType;
  readonly scale: number | Float32Array;
  readonly zeroPoint: number | Int32Array;
  readonly axis?: number;
}

/** Smallest and largest value, inclusive. */
export const quantizedRanges: Readonly<Record<QuantizedType, readonly [min: number, max: number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  int32: [-(2 ** 31), 2 ** 31 - 1],
};

const smallestNormalFloat = 2 ** -126;
const largestFloatBits = 0x7f7fffff;

/** Throws ERR_QUANTIZATION unless `qparams` is well formed, and ERR_SHAPE unless it fits a tensor of shape `dims`, if given. */
export function checkQParams(qparams: QParams, dims?: readonly number[]): void {
  if (typeof qparams !== 'object' || qparams === null) throw invalid('ERR_QUANTIZATION', 'qparams', 'an object', qparams);
  const { dtype, scale, zeroPoint, axis } = qparams;
  const [qmin, qmax] = rangeOf(dtype);
  if (typeof scale === 'number') checkScale(scale);
  else if (typedArrayName(scale) !== 'Float32Array')
    throw invalid('ERR_QUANTIZATION', 'scale', 'a number or a Float32Array', scale);
  else checkScales(scale);
  if (typeof zeroPoint === 'number') checkZeroPoint(zeroPoint, dtype);
  else if (typedArrayName(zeroPoint) !== 'Int32Array') {
    throw invalid('ERR_QUANTIZATION', 'zeroPoint', 'a number or an Int32Array', zeroPoint);
  } else {
    const sorted = zeroPoint.slice().sort(); // the engine's own code, not ours, see below
    const isInside = zeroPoint.length === 0 || (sorted[0]! >= qmin && sorted[sorted.length - 1]! <= qmax);
    for (let i = 0; !isInside && i < zeroPoint.length; i++) checkZeroPoint(zeroPoint[i]!, dtype, i);
  }

  const channels = channelCount(qparams);
  if (typeof zeroPoint !== 'number' && zeroPoint.length !== channels) {
    throw invalid('ERR_QUANTIZATION', 'zeroPoint', `${channels} values, as many as scale has`, zeroPoint);
  }
  if (axis === undefined) {
    if (channels !== undefined) throw invalid('ERR_QUANTIZATION', 'axis', 'the axis of a scale per channel', axis);
    return;
  }
  if (!Number.isInteger(axis) || axis < 0) throw invalid('ERR_QUANTIZATION', 'axis', 'an integer >= 0', axis);
  if (dims === undefined || channels === undefined) return;
  if (axis >= dims.length) throw invalid('ERR_SHAPE', 'axis', `an axis of a tensor of shape [${dims.join(', ')}]`, axis);
  if (dims[axis] !== channels) {
    throw invalid('ERR_SHAPE', 'scale', `${dims[axis]} values, as axis ${axis} of shape [${dims.join(', ')}] has`, scale);
  }
}

/**
 * The affine parameters of the range [min, max], which is first widened to contain 0, so that 0 is exactly representable.
 * The scale is computed in float64 and stored as float32; the zero point's ties go to even (as in ONNX Runtime's tools).
 * A range too small for a normal float32 scale, a constant 0 say, has scale 1 and zero point 0.
 */
export function chooseAffine(min: number, max: number, dtype: QuantizedType): QParams {
  if (!Number.isFinite(min)) throw invalid('ERR_QUANTIZATION', 'min', 'a finite number', min);
  if (!Number.isFinite(max) || max < min) throw invalid('ERR_QUANTIZATION', 'max', `a finite number >= ${min}`, max);
  const [qmin, qmax] = rangeOf(dtype);
  const low = Math.min(min, 0);
  const scale = (Math.max(max, 0) - low) / (qmax - qmin);
  if (scale < smallestNormalFloat) return { dtype, scale: 1, zeroPoint: 0 };
  checkScale(scale);
  const zeroPoint = Math.min(Math.max(roundHalfEven(qmin - low / scale), qmin), qmax);
  return { dtype, scale: Math.fround(scale), zeroPoint };
}

/**
 * The symmetric parameters of [-maxAbs, maxAbs]: the zero point is 0 (128 for uint8), and the lowest quantized value of a
 * signed type is not used: 127 levels on each side of 0 for 8 bits (Krishnamoorthi 2018, section 2.2).
 */
export function chooseSymmetric(maxAbs: number, dtype: QuantizedType): QParams {
  if (!Number.isFinite(maxAbs) || maxAbs < 0) throw invalid('ERR_QUANTIZATION', 'maxAbs', 'a finite number >= 0', maxAbs);
  const zeroPoint = dtype === 'uint8' ? 128 : 0;
  const scale = maxAbs / (rangeOf(dtype)[1] - zeroPoint);
  if (scale < smallestNormalFloat) return { dtype, scale: 1, zeroPoint };
  checkScale(scale);
  return { dtype, scale: Math.fround(scale), zeroPoint };
}

/**
 * ONNX QuantizeLinear: saturate(round(x / scale) + zeroPoint); the division is float32 and ties go to even. NaN becomes the
 * zero point. `values` has shape `dims`; without `dims` it is a vector.
 */
export function quantizeArray(
  values: Float32Array,
  qparams: QParams,
  dims: readonly number[] = [values.length],
): QuantizedArray {
  checkQParams(qparams, dims);
  const [qmin, qmax] = quantizedRanges[qparams.dtype];
  const quantized = newQuantizedArray(qparams.dtype, values.length);
  forEachRun(qparams, dims, (start, end, scale, zeroPoint) => {
    for (let i = start; i < end; i++) {
      const x = Math.fround(values[i]! / scale);
      // Clamping to integers before rounding gives what clamping after it would, and keeps the sum small.
      const clamped = Math.min(Math.max(x, qmin - zeroPoint), qmax - zeroPoint);
      quantized[i] = Number.isNaN(x) ? zeroPoint : roundHalfEven(clamped) + zeroPoint;
    }
  });
  return quantized;
}

/** ONNX DequantizeLinear: f32(q - zeroPoint) · scale in float32. `values` has shape `dims`; without `dims` it is a vector. */
export function dequantizeArray(
  values: QuantizedArray,
  qparams: QParams,
  dims: readonly number[] = [values.length],
): Float32Array {
  checkQParams(qparams, dims);
  const real = new Float32Array(values.length);
  forEachRun(qparams, dims, (start, end, scale, zeroPoint) => {
    for (let i = start; i < end; i++) real[i] = Math.fround(values[i]! - zeroPoint) * scale;
  });
  return real;
}

/** Calls `run` for each stretch of elements of one channel: the whole tensor, or the dimensions inside one index of `axis`. */
function forEachRun(
  qparams: QParams,
  dims: readonly number[],
  run: (start: number, end: number, scale: number, zeroPoint: number) => void,
): void {
  const { scale, zeroPoint, axis } = qparams;
  const size = dims.reduce((product, dim) => product * dim, 1);
  const channels = channelCount(qparams) ?? 1;
  const inner = channelCount(qparams) === undefined ? size : dims.slice(axis! + 1).reduce((product, dim) => product * dim, 1);
  if (size === 0) return;
  for (let start = 0, channel = 0; start < size; start += inner, channel = (channel + 1) % channels) {
    const s = typeof scale === 'number' ? Math.fround(scale) : scale[channel]!;
    run(start, start + inner, s, typeof zeroPoint === 'number' ? zeroPoint : zeroPoint[channel]!);
  }
}

/** Undefined for parameters of a whole tensor. */
function channelCount({ scale, zeroPoint }: QParams): number | undefined {
  if (typeof scale !== 'number') return scale.length;
  return typeof zeroPoint === 'number' ? undefined : zeroPoint.length;
}

function newQuantizedArray(dtype: QuantizedType, length: number): QuantizedArray {
  if (dtype === 'int8') return new Int8Array(length);
  if (dtype === 'uint8') return new Uint8Array(length);
  return dtype === 'int16' ? new Int16Array(length) : new Int32Array(length);
}

function rangeOf(dtype: QuantizedType): readonly [min: number, max: number] {
  if (typeof dtype !== 'string' || !Object.hasOwn(quantizedRanges, dtype)) {
    throw invalid('ERR_QUANTIZATION', 'dtype', `one of ${Object.keys(quantizedRanges).join(', ')}`, dtype);
  }
  return quantizedRanges[dtype];
}

function checkScale(scale: number, channel?: number): void {
  const float = Math.fround(scale);
  if (float > 0 && float < Infinity) return;
  const name = channel === undefined ? 'scale' : `scale[${channel}]`;
  throw invalid('ERR_QUANTIZATION', name, 'a number that is finite and above 0 as a float32', scale);
}

/** Networks have tens of thousands of them, which are checked before anything is compiled: so in as few operations as it takes. */
function checkScales(scales: Float32Array): void {
  const bits = new Uint32Array(scales.buffer, scales.byteOffset, scales.length);
  // What is above 0 and finite: 1 to the bits of the largest float32. Subtracting 1 takes 0 above them all
  for (let i = 0; i < bits.length; i++) if ((bits[i]! - 1) >>> 0 >= largestFloatBits) checkScale(scales[i]!, i);
}

function checkZeroPoint(zeroPoint: number, dtype: QuantizedType, channel?: number): void {
  const [qmin, qmax] = rangeOf(dtype);
  if (Number.isInteger(zeroPoint) && zeroPoint >= qmin && zeroPoint <= qmax) return;
  const name = channel === undefined ? 'zeroPoint' : `zeroPoint[${channel}]`;
  throw invalid('ERR_QUANTIZATION', name, `an integer from ${qmin} to ${qmax} for ${dtype}`, zeroPoint);
}
