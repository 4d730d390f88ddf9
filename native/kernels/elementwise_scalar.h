// The elementwise kernels by their definition: what the scalar kernels are, and what vector code leaves rare parameters to.
#ifndef OCTENSOR_KERNELS_ELEMENTWISE_SCALAR_H_
#define OCTENSOR_KERNELS_ELEMENTWISE_SCALAR_H_

#include <math.h>

#include "kernels/elementwise.h"
#include "kernels/inline.h"

namespace octensor {
namespace {

inline int32_t RequantizeFixed(int32_t x, FixedPoint m, Numerics numerics) {
  return numerics == Numerics::kTflite ? RequantizeTflite(x, m) : RequantizeSingle(x, m);
}

// Rounded half to even. A NaN would become the lower bound: the makers of params see to it that there is none.
inline int32_t RoundHalfEven(float x) {
  const float bounded = x > 1024.0f ? 1024.0f : x > -1024.0f ? x : -1024.0f;
  return static_cast<int32_t>(nearbyintf(bounded));
}

inline int32_t AddOne(const AddParams& p, int32_t a, int32_t b) {
  const int32_t left = a - p.a_zero_point, right = b - p.b_zero_point;
  if (p.numerics == Numerics::kOnnx) {
    const float x = p.a_real * static_cast<float>(left), z = p.b_real * static_cast<float>(right);
    return RoundHalfEven((p.subtract ? x - z : x + z) / p.y_real);
  }
  const int32_t x = RequantizeFixed(left * (1 << kAddSpareBits), p.a_scale, p.numerics);
  const int32_t z = RequantizeFixed(right * (1 << kAddSpareBits), p.b_scale, p.numerics);
  return RequantizeFixed(p.subtract ? x - z : x + z, p.y_scale, p.numerics);
}

[[maybe_unused]] OCTENSOR_NOINLINE void AddScalar(const AddParams& p, const uint8_t* a, const uint8_t* b, uint8_t* y,
                                                  size_t n) {
  for (size_t i = 0; i < n; ++i) {
    const int32_t q = AddOne(p, a[i] ^ p.a_flip, b[i] ^ p.b_flip);
    y[i] = static_cast<uint8_t>(AddZeroPointAndClamp(q, p.zero_point, p.lo, p.hi) ^ p.y_flip);
  }
}

inline int32_t MulOne(const MulParams& p, int32_t a, int32_t b) {
  const int32_t product = (a - p.a_zero_point) * (b - p.b_zero_point);
  if (p.numerics != Numerics::kOnnx) {
    return AddZeroPointAndClamp(RequantizeFixed(product, p.scale, p.numerics), p.zero_point, p.lo, p.hi);
  }
  const float real = p.real * static_cast<float>(product) + p.real_zero_point;
  return AddZeroPointAndClamp(RoundHalfEven(real), p.y_flip, p.lo, p.hi);  // int8 v is v + 128
}

[[maybe_unused]] OCTENSOR_NOINLINE void MulScalar(const MulParams& p, const uint8_t* a, const uint8_t* b, uint8_t* y,
                                                  size_t n) {
  for (size_t i = 0; i < n; ++i) y[i] = static_cast<uint8_t>(MulOne(p, a[i] ^ p.a_flip, b[i] ^ p.b_flip) ^ p.y_flip);
}

inline int32_t QuantizeOne(const QuantizeParams& p, float x) {
  float q = x / p.scale;
  if (q != q) return p.zero_point;
  q = q < p.lo ? p.lo : q > p.hi ? p.hi : q;
  const auto whole = static_cast<int32_t>(q);
  const float rest = q - static_cast<float>(whole);  // exact
  if (p.half_even) return static_cast<int32_t>(nearbyintf(q)) + p.zero_point;
  return whole + (rest >= 0.5f ? 1 : 0) - (rest <= -0.5f ? 1 : 0) + p.zero_point;
}

[[maybe_unused]] OCTENSOR_NOINLINE void QuantizeScalar(const QuantizeParams& p, const float* x, void* y, size_t n) {
  if (p.type == IntegerType::kInt16) {
    for (size_t i = 0; i < n; ++i) static_cast<int16_t*>(y)[i] = static_cast<int16_t>(QuantizeOne(p, x[i]));
  } else {  // an int8's byte is its low one
    for (size_t i = 0; i < n; ++i) static_cast<uint8_t*>(y)[i] = static_cast<uint8_t>(QuantizeOne(p, x[i]));
  }
}

[[maybe_unused]] OCTENSOR_NOINLINE void MapScalar(const uint8_t* table, const uint8_t* x, uint8_t* y, size_t n) {
  for (size_t i = 0; i < n; ++i) y[i] = table[x[i]];
}

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_ELEMENTWISE_SCALAR_H_
