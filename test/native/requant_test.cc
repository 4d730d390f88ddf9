// core/requant.h against gemmlowp's own code and against definitions written from the formulas in wider arithmetic.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "core/requant.h"

#include <doctest.h>
#include <fixedpoint/fixedpoint.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace octensor {
namespace {

constexpr int32_t kMin = INT32_MIN, kMax = INT32_MAX;
constexpr int32_t kOne = 1 << 30;  // the smallest multiplier

// Of any magnitude: small values are as likely as large ones.
int32_t RandomInt32(std::mt19937& random) { return static_cast<int32_t>(random()) >> (random() % 32); }

int32_t RandomMultiplier(std::mt19937& random) { return static_cast<int32_t>(kOne + (random() & (kOne - 1))); }

const std::vector<int32_t>& ExtremeValues() {
  static const std::vector<int32_t> values = [] {
    std::vector<int32_t> v = {kMin, kMin + 1, kMin + 2, kMax, kMax - 1, kMax - 2, 0, kOne, -kOne};
    for (int bit = 0; bit < 30; ++bit) {  // powers of two and their halves' neighbours: where ties are
      for (const int32_t x : {1 << bit, -(1 << bit), (3 << bit) / 2, -(3 << bit) / 2}) v.insert(v.end(), {x - 1, x, x + 1});
    }
    return v;
  }();
  return values;
}

// With these multipliers ties are frequent (2^30), and products nearly overflow (2^31 - 1).
const std::vector<int32_t>& ExtremeMultipliers() {
  static const std::vector<int32_t> values = {kOne, kOne + 1, kOne + 2, 3 << 29, kMax - 2, kMax - 1, kMax};
  return values;
}

// Calls check(x, {multiplier, exponent}) for extremes and `count` random pairs, at every exponent.
template <typename Check>
void ForAllFixedPoints(int count, Check check) {
  std::mt19937 random(1);
  for (int exponent = -31; exponent <= kMaxFixedPointExponent; ++exponent) {
    for (const int32_t x : ExtremeValues()) {
      for (const int32_t q : ExtremeMultipliers()) check(x, FixedPoint{q, exponent});
      check(x, FixedPoint{RandomMultiplier(random), exponent});
    }
    for (int i = 0; i < count; ++i) {
      const int32_t x = RandomInt32(random);
      check(x, FixedPoint{RandomMultiplier(random), exponent});
      check(x, FixedPoint{ExtremeMultipliers()[random() % ExtremeMultipliers().size()], exponent});
    }
  }
}

int32_t Gemmlowp(int32_t x, FixedPoint m) {
  const int left = m.exponent > 0 ? m.exponent : 0, right = m.exponent > 0 ? 0 : -m.exponent;
  // The shift wraps in the engine; in gemmlowp's callers it would be undefined.
  const auto shifted = static_cast<int32_t>(static_cast<uint32_t>(x) << left);
  return gemmlowp::RoundingDivideByPOT(gemmlowp::SaturatingRoundingDoublingHighMul(shifted, m.multiplier), right);
}

TEST_CASE("tflite numerics are gemmlowp's double rounding, for every exponent") {
  size_t differences = 0;
  ForAllFixedPoints(100000, [&](int32_t x, FixedPoint m) { differences += RequantizeTflite(x, m) != Gemmlowp(x, m); });
  CHECK(differences == 0);
}

TEST_CASE("tflite numerics round twice, the second time away from zero") {
  CHECK(RequantizeTflite(3, {kOne, 0}) == 2);               // 1.5, first rounding: up
  CHECK(RequantizeTflite(-3, {kOne, 0}) == -1);             // -1.5, first rounding: up
  CHECK(RequantizeTflite(6, {kOne, -1}) == 2);              // 3 exactly, then 1.5
  CHECK(RequantizeTflite(-6, {kOne, -1}) == -2);            // -3 exactly, then -1.5
  CHECK(RequantizeTflite(5, {kOne, -1}) == 2);              // 1.25 -> 2.5 -> 3 -> 1.5 -> 2
  CHECK(RequantizeTflite(3 << 29, {kOne, 2}) == kMin / 2);  // x << 2 wraps to 2^31
  CHECK(RequantizeTflite(kMin, {kMax, 0}) == -kMax);
}

// (x q + 2^(30 - s)) >> (31 - s), one rounding with ties up, saturated; the shift as a floor division in 128 bits.
int32_t SingleRounding(int32_t x, FixedPoint m) {
  const __int128 divisor = static_cast<__int128>(1) << (31 - m.exponent);
  const __int128 dividend = static_cast<__int128>(x) * m.multiplier + divisor / 2;
  const __int128 remainder = (dividend % divisor + divisor) % divisor;
  const __int128 quotient = (dividend - remainder) / divisor;
  return quotient > kMax ? kMax : quotient < kMin ? kMin : static_cast<int32_t>(quotient);
}

TEST_CASE("single numerics round once, for every exponent") {
  size_t differences = 0;
  ForAllFixedPoints(50000, [&](int32_t x, FixedPoint m) { differences += RequantizeSingle(x, m) != SingleRounding(x, m); });
  CHECK(differences == 0);
}

TEST_CASE("single numerics round ties up and saturate") {
  CHECK(RequantizeSingle(5, {kOne, -1}) == 1);  // 1.25: double rounding makes it 2
  CHECK(RequantizeSingle(6, {kOne, -1}) == 2);  // 1.5
  CHECK(RequantizeSingle(-6, {kOne, -1}) == -1);
  CHECK(RequantizeSingle(kMax, {kMax, 1}) == kMax);
  CHECK(RequantizeSingle(kMin, {kMax, 1}) == kMin);
  CHECK(RequantizeSingle(1, {kMax, 30}) == kOne);
  CHECK(RequantizeSingle(2, {kMax, 30}) == kMax);
  CHECK(RequantizeSingle(-3, {kMax, 30}) == kMin);
}

TEST_CASE("a multiplier of zero gives zero in both fixed-point numerics") {
  for (const int32_t x : ExtremeValues()) {
    for (const int exponent : {0, -1, -31}) {
      CHECK(RequantizeTflite(x, {0, exponent}) == 0);
      CHECK(RequantizeSingle(x, {0, exponent}) == 0);
    }
  }
}

// docs/numerics.md: f = f32(acc) * scale, clamped to [qmin - z, qmax - z], rounded half to even, + z. The product of two floats
// is exact in double; converting that to float is the one rounding of a float multiplication.
int32_t OnnxDefinition(int32_t x, float scale, int32_t zero_point, int32_t qmin, int32_t qmax) {
  const double f = static_cast<float>(double{static_cast<float>(x)} * double{scale});
  const double clamped = std::fmin(std::fmax(f, qmin - zero_point), qmax - zero_point);
  double rounded = std::floor(clamped);
  const double fraction = clamped - rounded;
  if (fraction > 0.5 || (fraction == 0.5 && std::fmod(rounded, 2.0) != 0)) rounded += 1;
  return static_cast<int32_t>(rounded) + zero_point;
}

TEST_CASE("onnx numerics are a float product rounded half to even") {
  std::mt19937 random(2);
  size_t differences = 0;
  const auto check = [&](int32_t x, float scale) {
    const bool is_signed = random() % 2 != 0;
    const int32_t qmin = is_signed ? -128 : 0, qmax = qmin + 255;
    const auto zero_point = static_cast<int32_t>(random() % 256) + qmin;
    const int32_t actual = AddZeroPointAndClamp(RequantizeOnnx(x, scale), zero_point, qmin, qmax);
    differences += actual != OnnxDefinition(x, scale, zero_point, qmin, qmax);
  };
  for (const int32_t x : ExtremeValues()) {
    for (int exponent = -149; exponent <= 127; ++exponent) check(x, std::ldexp(1.0f, exponent));
    check(x, 3.4028234e38f);
  }
  for (int i = 0; i < 2000000; ++i) {
    const int32_t x = RandomInt32(random);
    check(x, std::ldexp(1.0f + static_cast<float>(random() >> 9) * 0x1p-23f, static_cast<int>(random() % 48) - 40));
    check(x, std::ldexp(1.0f, -static_cast<int>(random() % 32)));     // ties
    check(x, 130.0f / static_cast<float>(std::abs(int64_t{x}) + 1));  // results all over the 8 bits
  }
  CHECK(differences == 0);
}

TEST_CASE("onnx numerics round ties to even") {
  CHECK(RequantizeOnnx(1, 0.5f) == 0);
  CHECK(RequantizeOnnx(3, 0.5f) == 2);
  CHECK(RequantizeOnnx(5, 0.5f) == 2);
  CHECK(RequantizeOnnx(-1, 0.5f) == 0);
  CHECK(RequantizeOnnx(-3, 0.5f) == -2);
}

TEST_CASE("adding a zero point clamps, also where the sum exceeds 32 bits") {
  CHECK(AddZeroPointAndClamp(kMax, 255, 0, 255) == 255);
  CHECK(AddZeroPointAndClamp(kMin, -128, -128, 127) == -128);
  CHECK(AddZeroPointAndClamp(10, 3, 0, 255) == 13);
  CHECK(AddZeroPointAndClamp(10, 3, 14, 20) == 14);
  CHECK(AddZeroPointAndClamp(18, 3, 14, 20) == 20);
}

// TensorFlow Lite's QuantizeMultiplier, as its kernels/internal/quantization_util.cc has it.
FixedPoint QuantizeMultiplier(double real) {
  int shift = 0;
  const double mantissa = std::frexp(real, &shift);
  auto q = static_cast<int64_t>(std::round(mantissa * (int64_t{1} << 31)));
  if (q == (int64_t{1} << 31)) {
    q /= 2;
    ++shift;
  }
  if (shift < -31) {
    shift = 0;
    q = 0;
  }
  return {static_cast<int32_t>(q), shift};
}

TEST_CASE("real multipliers become fixed point as in TensorFlow Lite") {
  std::mt19937_64 random(3);
  size_t differences = 0;
  const auto check = [&](double real) {
    const FixedPoint actual = ToFixedPoint(real), expected = QuantizeMultiplier(real);
    differences += actual.multiplier != expected.multiplier || actual.exponent != expected.exponent;
  };
  for (int exponent = -60; exponent < kMaxFixedPointExponent; ++exponent) {
    const double power = std::ldexp(1.0, exponent);
    for (const double real : {power, std::nextafter(power, 0.0), std::nextafter(power, 1e300)}) check(real);
    check(power * (1 - 0x1p-32));  // rounds up to the next power of two: a tie
    for (int i = 0; i < 20000; ++i) {
      check(power * (1 + static_cast<double>(random() >> 12) * 0x1p-52));
      check(double{static_cast<float>(power * (1 + static_cast<double>(random() >> 41) * 0x1p-23))});
      check(power * (1 + (static_cast<double>(random() >> 34) + 0.5) * 0x1p-30));  // a tie
    }
  }
  for (const double real : {5e-324, 2.2250738585072014e-308, 1e-300, 1073741823.9999999}) check(real);
  CHECK(differences == 0);
}

}  // namespace
}  // namespace octensor
