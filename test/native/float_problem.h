// What tests of float32 kernels and steps share: random values, the error bound of kernels/float.h, comparison by bits.
#ifndef OCTENSOR_TEST_NATIVE_FLOAT_PROBLEM_H_
#define OCTENSOR_TEST_NATIVE_FLOAT_PROBLEM_H_

#include <doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "core/cpu.h"
#include "kernels/registry.h"

namespace octensor {

using Random = std::mt19937;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr FloatBounds kUnbounded = {-kInfinity, kInfinity};

inline float RandomFloat(Random& random, float lo = -2, float hi = 2) {
  return std::uniform_real_distribution<float>(lo, hi)(random);
}

inline std::vector<float> RandomFloats(Random& random, size_t count, float lo = -2, float hi = 2) {
  std::vector<float> values(count);
  for (float& value : values) value = RandomFloat(random, lo, hi);
  return values;
}

// Same bits, or both NaN.
inline bool IsSame(float a, float b) { return std::memcmp(&a, &b, sizeof(a)) == 0 || (std::isnan(a) && std::isnan(b)); }

inline double ClampExact(double x, FloatBounds bounds) {
  return std::isnan(x) ? x : std::fmin(std::fmax(x, bounds.lo), bounds.hi);
}

// A sum of products in double, whose own error does not count next to float32's, and what float32 may make of it.
struct ExactSum {
  double sum, magnitude;
  size_t products = 0;

  explicit ExactSum(double bias) : sum(bias), magnitude(std::fabs(bias)) {}
  void Add(double a, double b) {
    sum += a * b;
    magnitude += std::fabs(a * b);
    ++products;
  }
  bool Allows(float y, FloatBounds bounds) const {
    const double nu = static_cast<double>(products + 2) * std::ldexp(1.0, -24);
    return std::fabs(y - ClampExact(sum, bounds)) <= nu / (1 - nu) * magnitude;
  }
};

template <typename F>
void ForEachEagerKernels(F f) {
  size_t count;
  const EagerKernels* const* kernels = EagerKernelList(&count);
  for (size_t i = 0; i < count; ++i) {
    if (IsSupported(kernels[i]->isa)) f(*kernels[i]);
  }
}

template <typename F>
void ForEachFloatKernels(F f) {
  size_t count;
  const FloatKernels* const* kernels = FloatKernelList(&count);
  for (size_t i = 0; i < count; ++i) {
    if (IsSupported(kernels[i]->isa)) f(*kernels[i]);
  }
}

}  // namespace octensor

#endif  // OCTENSOR_TEST_NATIVE_FLOAT_PROBLEM_H_
