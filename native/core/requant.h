// How an int32 accumulator becomes an 8-bit value: the definition, in scalar form. lib/quant/requant.ts says the same in
// TypeScript; every vector epilogue in kernels/ must agree with these functions to the bit.
//
// Kernel files include this header with ISA-specific flags, so it uses no C++ standard library (a template instantiated there
// could replace the baseline copy at link time); everything is `static inline`, that is internal to its object file.
#ifndef OCTENSOR_CORE_REQUANT_H_
#define OCTENSOR_CORE_REQUANT_H_

#include <math.h>
#include <stdint.h>

namespace octensor {

// A positive real multiplier as multiplier * 2^(exponent - 31), multiplier in [2^30, 2^31) (Jacob et al. 2017, section 2.2).
// `exponent` is at most 30; a real multiplier too small to matter becomes {0, 0}.
struct FixedPoint {
  int32_t multiplier;
  int32_t exponent;
};

constexpr int kMaxFixedPointExponent = 30;

static inline FixedPoint ToFixedPoint(double real) {
  int exponent = 0;
  const double mantissa = frexp(real, &exponent);
  // round half away from zero; mantissa is positive, below 1, and its product with 2^31 is exact
  int64_t multiplier = static_cast<int64_t>(mantissa * 2147483648.0 + 0.5);
  if (multiplier == (int64_t{1} << 31)) {
    multiplier >>= 1;
    ++exponent;
  }
  if (exponent < -31) return {0, 0};
  return {static_cast<int32_t>(multiplier), exponent};
}

static inline int32_t SaturateToInt32(int64_t x) {
  if (x > INT32_MAX) return INT32_MAX;
  if (x < INT32_MIN) return INT32_MIN;
  return static_cast<int32_t>(x);
}

// gemmlowp's double rounding: RoundingDivideByPOT(SaturatingRoundingDoublingHighMul(x << left, multiplier), right).
// The left shift wraps. Two identities make it one 64-bit shift each (docs/numerics.md; the tests check them):
//   SRDHM(x, q) = (x q + 2^30) >> 31
//   RDByPOT(SRDHM(x, q), e) = (x q + 2^30 + 2^(30 + e) - (x < 0 ? 2^31 : 0)) >> (31 + e),  e >= 1
static inline int32_t RequantizeTflite(int32_t x, FixedPoint m) {
  constexpr int64_t kHalf = int64_t{1} << 30;
  if (m.exponent >= 0) {
    const int32_t shifted = static_cast<int32_t>(static_cast<uint32_t>(x) << m.exponent);
    return static_cast<int32_t>((int64_t{shifted} * m.multiplier + kHalf) >> 31);
  }
  const int e = -m.exponent;
  const int64_t sign_correction = x < 0 ? int64_t{1} << 31 : 0;
  return static_cast<int32_t>((int64_t{x} * m.multiplier + kHalf + (kHalf << e) - sign_correction) >> (31 + e));
}

// One rounding, ties up, in 64 bits: (x q + 2^(30 - s)) >> (31 - s); saturated to int32 where s > 0 lets it grow.
static inline int32_t RequantizeSingle(int32_t x, FixedPoint m) {
  const int shift = 31 - m.exponent;  // 1 to 62
  return SaturateToInt32((int64_t{x} * m.multiplier + (int64_t{1} << (shift - 1))) >> shift);
}

// ONNX: f32(x) * scale, rounded half to even. The clamp keeps the conversion defined; it is wider than any 8-bit range,
// so clamping again after adding a zero point gives what clamping to [qmin - z, qmax - z] before rounding gives.
// Needs -ffp-contract=off and the default rounding mode.
static inline int32_t RequantizeOnnx(int32_t x, float scale) {
  float f = static_cast<float>(x) * scale;
  if (f > 1024.0f) f = 1024.0f;
  if (f < -1024.0f) f = -1024.0f;
  return static_cast<int32_t>(nearbyintf(f));
}

// Adds the output's zero point and clamps to [lo, hi].
static inline int32_t AddZeroPointAndClamp(int32_t x, int32_t zero_point, int32_t lo, int32_t hi) {
  const int64_t y = int64_t{x} + zero_point;
  return static_cast<int32_t>(y < lo ? lo : y > hi ? hi : y);
}

}  // namespace octensor

#endif  // OCTENSOR_CORE_REQUANT_H_
