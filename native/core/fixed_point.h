// The fixed-point arithmetic of gemmlowp (fixedpoint/fixedpoint.h) that softmax needs at run time, on raw int32 values, from
// its mathematics: lib/ops/fixed-point.ts says the same in TypeScript.
#ifndef OCTENSOR_CORE_FIXED_POINT_H_
#define OCTENSOR_CORE_FIXED_POINT_H_

#include <stdint.h>

namespace octensor {

static inline int32_t WrapToInt32(int64_t x) { return static_cast<int32_t>(static_cast<uint32_t>(static_cast<uint64_t>(x))); }

// SaturatingRoundingDoublingHighMul: a b / 2^31, ties up.
static inline int32_t MultiplyHigh(int32_t a, int32_t b) {
  const int64_t product = (int64_t{a} * b + (int64_t{1} << 30)) >> 31;
  return product > INT32_MAX ? INT32_MAX : static_cast<int32_t>(product);
}

// RoundingDivideByPOT: x / 2^exponent, ties away from zero, for exponents from 0 to 31. Softmax of flat, long rows asks for up
// to 35: what a shift by that modulo 32 and a mask of ones make of it, as TFLite has it on x86, is the result.
static inline int64_t RoundingDivideByPot(int32_t x, int exponent) {
  const int32_t mask = WrapToInt32((int64_t{1} << exponent) - 1);
  const int32_t remainder = x & mask, threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return int64_t{x >> (exponent & 31)} + (remainder > threshold ? 1 : 0);
}

// x 2^exponent, saturated; exponent > 0.
static inline int32_t MultiplyByPot(int32_t x, int exponent) {
  const int64_t y = int64_t{x} * (int64_t{1} << exponent);
  return y > INT32_MAX ? INT32_MAX : y < INT32_MIN ? INT32_MIN : static_cast<int32_t>(y);
}

// 1 / (1 + a) for a in [0, 1], both in Q0.31: three steps of Newton and Raphson for the reciprocal of d = (1 + a) / 2, in
// Q2.29, from 48/17 - 32/17 d.
static inline int32_t OneOverOnePlusX(int32_t a) {
  constexpr int32_t kStart = 1515870810, kSlope = -1010580540, kOne = 1 << 29;
  const auto half_denominator = static_cast<int32_t>((int64_t{a} + (int64_t{1} << 31)) >> 1);
  int32_t x = WrapToInt32(int64_t{kStart} + MultiplyHigh(half_denominator, kSlope));
  for (int i = 0; i < 3; ++i) {
    const int32_t error = WrapToInt32(int64_t{kOne} - MultiplyHigh(half_denominator, x));
    x = WrapToInt32(int64_t{x} + MultiplyByPot(MultiplyHigh(x, error), 2));
  }
  return MultiplyByPot(x, 1);
}

// 1 / x as scale / 2^bits_over_unit, scale in Q0.31, of x > 0 with `integer_bits` integer bits (gemmlowp: GetReciprocal).
struct Reciprocal {
  int32_t scale;
  int bits_over_unit;
};

static inline Reciprocal ReciprocalOf(int32_t x, int integer_bits) {
  int leading_zeros = 0;
  while ((static_cast<uint32_t>(x) << leading_zeros & 0x80000000u) == 0) ++leading_zeros;
  const uint32_t fraction = (static_cast<uint32_t>(x) << leading_zeros) - 0x80000000u;
  return {OneOverOnePlusX(static_cast<int32_t>(fraction)), integer_bits - leading_zeros};
}

}  // namespace octensor

#endif  // OCTENSOR_CORE_FIXED_POINT_H_
