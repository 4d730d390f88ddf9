// Every elementwise kernel that the CPU can run against core/requant.h, element by element.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "kernels/elementwise.h"

#include <doctest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "core/cpu.h"
#include "guarded_buffer.h"

namespace octensor {
namespace {

int32_t Fixed(int32_t x, FixedPoint m, Numerics numerics) {
  return numerics == Numerics::kTflite ? RequantizeTflite(x, m) : RequantizeSingle(x, m);
}

int32_t Even(float x) { return static_cast<int32_t>(std::nearbyint(std::fmin(std::fmax(x, -1024.0f), 1024.0f))); }

uint8_t Expected(const AddParams& p, uint8_t a, uint8_t b) {
  const int32_t da = (a ^ p.a_flip) - p.a_zero_point, db = (b ^ p.b_flip) - p.b_zero_point, sign = p.subtract ? -1 : 1;
  int32_t q;
  if (p.numerics == Numerics::kOnnx) {
    const float x = p.a_real * static_cast<float>(da), z = p.b_real * static_cast<float>(db);
    q = Even((x + static_cast<float>(sign) * z) / p.y_real);
  } else {
    const int32_t x = Fixed(da * (1 << 20), p.a_scale, p.numerics), z = Fixed(db * (1 << 20), p.b_scale, p.numerics);
    q = Fixed(x + sign * z, p.y_scale, p.numerics);
  }
  return static_cast<uint8_t>(AddZeroPointAndClamp(q, p.zero_point, p.lo, p.hi) ^ p.y_flip);
}

uint8_t Expected(const MulParams& p, uint8_t a, uint8_t b) {
  const int32_t product = ((a ^ p.a_flip) - p.a_zero_point) * ((b ^ p.b_flip) - p.b_zero_point);
  if (p.numerics == Numerics::kOnnx) {
    const float scaled = p.real * static_cast<float>(product);
    return static_cast<uint8_t>(AddZeroPointAndClamp(Even(scaled + p.real_zero_point), p.y_flip, p.lo, p.hi) ^ p.y_flip);
  }
  return static_cast<uint8_t>(AddZeroPointAndClamp(Fixed(product, p.scale, p.numerics), p.zero_point, p.lo, p.hi) ^ p.y_flip);
}

// Every pair of bytes, then every length up to 200 with buffers that end at a guard page, then in place.
template <class Params>
void Check(const Params& p, void (*run)(const Params&, const uint8_t*, const uint8_t*, uint8_t*, size_t)) {
  constexpr size_t kPairs = 65536;
  std::vector<uint8_t> a(kPairs), b(kPairs), y(kPairs), expected(kPairs);
  for (size_t i = 0; i < kPairs; ++i) {
    a[i] = static_cast<uint8_t>(i), b[i] = static_cast<uint8_t>(i >> 8);
    expected[i] = Expected(p, a[i], b[i]);
  }
  run(p, a.data(), b.data(), y.data(), kPairs);
  size_t first = 0;
  while (first < kPairs && y[first] == expected[first]) ++first;
  CAPTURE(first);
  CHECK(first == kPairs);
  for (size_t n = 0; n <= 200; n += n < 70 ? 1 : 13) {
    GuardedBuffer<uint8_t> x(n), z(n), result(n);
    const size_t start = (n * 977) % (kPairs - n);
    for (size_t i = 0; i < n; ++i) x[i] = a[start + i], z[i] = b[start + i];
    run(p, x.data(), z.data(), result.data(), n);
    CHECK(result.IsSurroundingUntouched());
    CHECK(std::memcmp(result.data(), expected.data() + start, n) == 0);
    run(p, x.data(), z.data(), x.data(), n);
    CHECK(std::memcmp(x.data(), expected.data() + start, n) == 0);
  }
}

template <class Params>
Params RandomParams(std::mt19937& random) {
  const auto byte = [&] { return static_cast<uint8_t>(random()); };
  Params p = {};
  p.a_flip = byte() & 0x80, p.b_flip = byte() & 0x80, p.y_flip = byte() & 0x80;
  p.a_zero_point = byte(), p.b_zero_point = byte(), p.zero_point = byte();
  p.lo = random() % 3 == 0 ? byte() / 2 : 0;
  p.hi = random() % 3 == 0 ? 128 + byte() / 2 : 255;
  return p;
}

template <class Test>
void ForEachKernel(const Test& test) {
  size_t count;
  const ElementwiseKernels* const* list = ElementwiseKernelList(&count);
  for (size_t i = 0; i < count; ++i) {
    CAPTURE(list[i]->name);
    if (IsSupported(list[i]->isa)) test(*list[i]);
  }
}

TEST_CASE("add: every pair of bytes, all numerics") {
  ForEachKernel([](const ElementwiseKernels& kernels) {
    std::mt19937 random(1);
    std::uniform_real_distribution<double> exponent(-6, 6);
    for (int i = 0; i < 60; ++i) {
      AddParams p = RandomParams<AddParams>(random);
      p.numerics = static_cast<Numerics>(i % 3);
      p.subtract = random() % 2 == 0;
      double sa = std::exp2(exponent(random)), sb = std::exp2(exponent(random)), sy = std::exp2(exponent(random) * 0.2 + 3);
      if (i % 7 == 0) sb = sa;
      if (i % 11 == 0) sy = 2 * sa;                        // ties
      if (i % 13 == 0) sb = sa * (1 - 1e-7);               // factors near 1/2, whose upper part is 2^15
      if (i % 17 == 0) sb = sa * std::exp2(-24 - i % 20);  // and near 0
      if (random() % 2 == 0) std::swap(sa, sb);
      const double common = 2 * std::fmax(sa, sb);
      p.a_scale = ToFixedPoint(sa / common), p.b_scale = ToFixedPoint(sb / common),
      p.y_scale = ToFixedPoint(common / (sy * (1 << 20)));
      p.a_real = static_cast<float>(sa), p.b_real = static_cast<float>(sb), p.y_real = static_cast<float>(sy);
      CAPTURE(i);
      Check(p, kernels.add);
    }
  });
}

TEST_CASE("add: parameters that vector code does not take") {
  ForEachKernel([](const ElementwiseKernels& kernels) {
    AddParams p = {};
    p.hi = 255;
    p.general = true;
    p.a_scale = ToFixedPoint(0.3), p.b_scale = ToFixedPoint(0.4), p.y_scale = ToFixedPoint(3.7);
    Check(p, kernels.add);
  });
}

TEST_CASE("mul: every pair of bytes, all numerics") {
  ForEachKernel([](const ElementwiseKernels& kernels) {
    std::mt19937 random(2);
    std::uniform_real_distribution<double> exponent(-20, 0);
    for (int i = 0; i < 60; ++i) {
      MulParams p = RandomParams<MulParams>(random);
      p.numerics = static_cast<Numerics>(i % 3);
      double scale = std::exp2(exponent(random) * (i % 2 == 0 ? 1 : 0.5));
      if (i % 5 == 0) scale = 0.25;  // ties
      if (i % 10 == 7) scale = 1e4, p.general = true;
      p.scale = ToFixedPoint(scale);
      p.general |= p.scale.exponent >= 0;
      p.real = static_cast<float>(scale);
      p.real_zero_point = static_cast<float>(p.zero_point - p.y_flip);
      CAPTURE(i);
      Check(p, kernels.mul);
    }
  });
}

template <typename T>
T ExpectedInteger(const QuantizeParams& p, float x) {
  const float quotient = x / p.scale;
  if (std::isnan(quotient)) return static_cast<T>(p.zero_point);
  const double bounded = std::fmin(std::fmax(quotient, p.lo), p.hi);
  return static_cast<T>(static_cast<int32_t>(p.half_even ? std::nearbyint(bounded) : std::round(bounded)) + p.zero_point);
}

template <typename T>
void CheckQuantize(QuantizeParams p, const ElementwiseKernels& kernels, std::mt19937& random) {
  p.lo = static_cast<float>(std::numeric_limits<T>::min() - p.zero_point);
  p.hi = static_cast<float>(std::numeric_limits<T>::max() - p.zero_point);
  std::uniform_real_distribution<float> real(p.lo - 9, p.hi + 9);
  const float special[] = {NAN, -NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 1e-40f, 3e38f, -3e38f, 0.49999997f * p.scale};
  for (size_t n = 0; n < 300; n += n < 40 ? 1 : 37) {
    GuardedBuffer<float> x(n);
    GuardedBuffer<T> y(n);
    for (size_t i = 0; i < n; ++i) {
      const float value = real(random), half = std::floor(value) + 0.5f;
      x[i] = p.scale * (i % 4 == 0 ? value : i % 4 == 1 ? half : i % 4 == 2 ? std::nextafter(half, 0.0f) : value / 64);
      if (i % 5 == 3) x[i] = special[random() % 10];
    }
    kernels.quantize(p, x.data(), y.data(), n);
    CHECK(y.IsSurroundingUntouched());
    for (size_t i = 0; i < n; ++i) {
      CAPTURE(x[i]);
      REQUIRE(y[i] == ExpectedInteger<T>(p, x[i]));
    }
  }
}

TEST_CASE("quantize: halves, their neighbours and what is no number") {
  ForEachKernel([](const ElementwiseKernels& kernels) {
    std::mt19937 random(3);
    for (int i = 0; i < 40; ++i) {
      QuantizeParams p = {};
      p.half_even = i % 2 == 0;
      p.scale = i % 4 < 2 ? 1.0f : 0.037f;
      p.type = IntegerType::kInt8, p.zero_point = static_cast<int8_t>(random());
      CheckQuantize<int8_t>(p, kernels, random);
      p.type = IntegerType::kUint8, p.zero_point = static_cast<uint8_t>(random());
      CheckQuantize<uint8_t>(p, kernels, random);
      p.type = IntegerType::kInt16, p.zero_point = static_cast<int16_t>(random());
      CheckQuantize<int16_t>(p, kernels, random);
    }
  });
}

TEST_CASE("map: every byte at every position") {
  ForEachKernel([](const ElementwiseKernels& kernels) {
    std::mt19937 random(4);
    uint8_t table[256];
    for (uint8_t& entry : table) entry = static_cast<uint8_t>(random());
    for (size_t n = 0; n < 700; n += n < 150 ? 1 : 61) {
      GuardedBuffer<uint8_t> x(n), y(n);
      for (size_t i = 0; i < n; ++i) x[i] = static_cast<uint8_t>(i + n);
      kernels.map(table, x.data(), y.data(), n);
      CHECK(y.IsSurroundingUntouched());
      for (size_t i = 0; i < n; ++i) REQUIRE(y[i] == table[x[i]]);
    }
  });
}

}  // namespace
}  // namespace octensor
