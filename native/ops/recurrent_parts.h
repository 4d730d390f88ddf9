// What layers with states share: fixed-point factors from fields, and sums of products of short vectors.
#ifndef OCTENSOR_OPS_RECURRENT_PARTS_H_
#define OCTENSOR_OPS_RECURRENT_PARTS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/requant.h"
#include "kernels/kernel.h"
#include "ops/step.h"

namespace octensor {

inline int32_t ScaleSum(int32_t sum, FixedPoint factor, Numerics numerics) {
  return numerics == Numerics::kTflite ? RequantizeTflite(sum, factor) : RequantizeSingle(sum, factor);
}

// Field `name`: int32[2 count], multiplier and exponent of each.
inline void ReadFixedPoints(StepFields* fields, const char* name, size_t count, FixedPoint* factors) {
  const int32_t* given = fields->Int32s(name, 2 * count);
  for (size_t i = 0; given != nullptr && i < count; ++i) {
    factors[i] = {given[2 * i], given[2 * i + 1]};
    if (factors[i].multiplier >= 0 && factors[i].exponent >= -31 && factors[i].exponent <= kMaxFixedPointExponent) continue;
    return fields->Fail(name, StatusCode::kQuantization, "expected factors in fixed point");
  }
}

// Zero points of 8- or 16-bit values: differences of two of them and sums of their products stay within 64 bits.
inline void ReadZeroPoints(StepFields* fields, const char* name, size_t count, int32_t* zero_points) {
  const int32_t* given = fields->Int32s(name, count);
  for (size_t i = 0; given != nullptr && i < count; ++i) {
    if (given[i] < -32768 || given[i] > 32767) {
      return fields->Fail(name, StatusCode::kQuantization, "expected zero points of up to 16 bits");
    }
    zero_points[i] = given[i];
  }
}

inline int32_t Saturate16(int64_t x) { return static_cast<int32_t>(std::clamp<int64_t>(x, -32768, 32767)); }

// The sum of a[i] (b[i] - b_zero_point), modulo 2^32.
template <typename A, typename B>
int32_t WrappingDot(const A* a, const B* b, int32_t b_zero_point, size_t n) {
  uint32_t sum = 0;
  for (size_t i = 0; i < n; ++i) sum += static_cast<uint32_t>(int32_t{a[i]} * (int32_t{b[i]} - b_zero_point));
  return static_cast<int32_t>(sum);
}

// sums[row] = bias[row] + the sum of weights[row][i] vector[i], in double, one product after the other. Four rows at a time,
// whose sums do not wait for each other.
template <typename W, typename V>
void RealProducts(const W* weights, const W* bias, const V* vector, size_t rows, size_t length, double* sums) {
  size_t row = 0;
  for (; row + 4 <= rows; row += 4) {
    const W* w = weights + row * length;
    double a = 0, b = 0, c = 0, d = 0;
    if (bias != nullptr) a = bias[row], b = bias[row + 1], c = bias[row + 2], d = bias[row + 3];
    for (size_t i = 0; i < length; ++i) {
      const double v = vector[i];
      a += double{w[i]} * v;
      b += double{w[length + i]} * v;
      c += double{w[2 * length + i]} * v;
      d += double{w[3 * length + i]} * v;
    }
    sums[row] = a, sums[row + 1] = b, sums[row + 2] = c, sums[row + 3] = d;
  }
  for (; row < rows; ++row) {
    double sum = bias != nullptr ? double{bias[row]} : 0;
    for (size_t i = 0; i < length; ++i) sum += double{weights[row * length + i]} * double{vector[i]};
    sums[row] = sum;
  }
}

}  // namespace octensor

#endif  // OCTENSOR_OPS_RECURRENT_PARTS_H_
