/**
 * How an int32 accumulator becomes an 8-bit value, or a wider one 16 bits: the living definition. native/core/requant.h says the same in C++,
 * and every vector kernel must agree with these functions to the bit.
 *
 * Every number here is a double that holds an integer exactly; there is no BigInt.
 */
import { invalid } from '../errors.js';
import { frexpExponent, roundHalfEven } from '../rounding.js';

/**
 * - `tflite`: fixed point, rounded twice (gemmlowp)
 * - `single`: fixed point, rounded once, ties up
 * - `onnx`: float32, rounded half to even
 */
export const allNumerics = ['tflite', 'single', 'onnx'] as const;
export type Numerics = (typeof allNumerics)[number];

/** A real multiplier as multiplier · 2^(exponent - 31), multiplier in [2^30, 2^31), exponent -31 to 30; or 0 as {0, 0}. */
export interface FixedPoint {
  readonly multiplier: number;
  readonly exponent: number;
}

/** Real multipliers from here on round to 2^30, whose exponent would be 31: its single rounding would shift by nothing. */
export const fixedPointLimit = 2 ** 30 - 0.25;

/** Jacob et al. 2017, section 2.2. Throws ERR_QUANTIZATION unless 0 < real < fixedPointLimit. */
export function toFixedPoint(real: number): FixedPoint {
  if (!(real > 0 && real < fixedPointLimit)) {
    throw invalid('ERR_QUANTIZATION', 'multiplier', 'a number above 0 and below 2^30', real);
  }
  if (real < 2 ** -34) return { multiplier: 0, exponent: 0 };
  const exponent = frexpExponent(real);
  // real · 2^(31 - exponent) is exact and in [2^30, 2^31); Math.round takes its ties up, which for positives is away from zero
  const multiplier = Math.round(real * 2 ** (31 - exponent));
  const carry = multiplier === 2 ** 31;
  const normal = carry ? { multiplier: 2 ** 30, exponent: exponent + 1 } : { multiplier, exponent };
  return normal.exponent < -31 ? { multiplier: 0, exponent: 0 } : normal;
}

const powersOfTwo = Float64Array.from({ length: 64 }, (_, i) => 2 ** i);

/**
 * floor((x·q + addend) / 2^shift) for int32 x, 0 <= q < 2^31, shift >= 16 and an addend below 2^62 that is a multiple of 2^16.
 *
 * x·q has up to 62 bits, a double holds 53. With x = 2^16·h + l, 0 <= l < 2^16:  x·q = 2^16·(h·q) + l·q = 2^16·A + r,
 * where A = h·q + floor(l·q / 2^16) and 0 <= r < 2^16. |h·q| <= 2^46 and l·q < 2^47, so A is exact. Divide all by 2^16:
 * the sum is A + addend/2^16 + r/2^16, an integer below 2^48 and a fraction below 1; a fraction below 1 never changes the
 * floor of an integer's quotient by 2^(shift-16), and division by a power of two is exact. So r can be dropped.
 */
function multiplyShift(x: number, q: number, addend: number, shift: number): number {
  const high = (x >> 16) * q + Math.floor(((x & 0xffff) * q) / 65536);
  return Math.floor((high + addend / 65536) / powersOfTwo[shift - 16]!);
}

/**
 * gemmlowp: RoundingDivideByPOT(SaturatingRoundingDoublingHighMul(x << left, q), right), left = max(exponent, 0),
 * right = max(-exponent, 0); the left shift wraps modulo 2^32. With q >= 0 the two roundings are one shift each:
 *
 *     SRDHM(x, q) = (x·q + 2^30) >> 31
 *     RDByPOT(SRDHM(x, q), e) = (x·q + 2^30 + 2^(30+e) - (x < 0 ? 2^31 : 0)) >> (31 + e),   e >= 1
 */
export function requantizeTflite(x: number, { multiplier, exponent }: FixedPoint): number {
  if (exponent >= 0) return multiplyShift(x << exponent, multiplier, 2 ** 30, 31);
  const addend = 2 ** 30 + powersOfTwo[30 - exponent]! - (x < 0 ? 2 ** 31 : 0);
  return multiplyShift(x, multiplier, addend, 31 - exponent);
}

/** One rounding, ties up: (x·q + 2^(shift-1)) >> shift, shift = 31 - exponent, saturated to int32. */
export function requantizeSingle(x: number, { multiplier, exponent }: FixedPoint): number {
  const shift = 31 - exponent; // 1 to 62
  const half = powersOfTwo[shift - 1]!;
  // For shift <= 16: |x| < 2^22 makes x·q exact in a double, and a larger |x| gives at least 2^22 · 2^30 / 2^16, which
  // saturates however the product was rounded.
  const y = shift <= 16 ? Math.floor((x * multiplier + half) / powersOfTwo[shift]!) : multiplyShift(x, multiplier, half, shift);
  return Math.min(Math.max(y, -(2 ** 31)), 2 ** 31 - 1);
}

/**
 * f32(x) · f32(scale) in float32, rounded half to even. Limited to ±1024, which is wider than any 8-bit range, or what suits another
 * type: clamping again after adding a zero point gives what clamping to [qmin - z, qmax - z] before rounding would. x may be any integer
 * of up to 53 bits.
 */
export function requantizeOnnx(x: number, scale: number, limit = 1024): number {
  const f = Math.fround(Math.fround(x) * Math.fround(scale)); // the inner product of two 24-bit significands is exact
  return roundHalfEven(Math.min(Math.max(f, -limit), limit));
}

export function addZeroPointAndClamp(x: number, zeroPoint: number, min: number, max: number): number {
  return Math.min(Math.max(x + zeroPoint, min), max);
}
