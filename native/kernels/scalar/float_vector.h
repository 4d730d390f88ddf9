// Vectors of float32 for the templates in kernels/float_*.h: plain C++: four floats, which compilers map to whatever the
// baseline has.
#ifndef OCTENSOR_KERNELS_SCALAR_FLOAT_VECTOR_H_
#define OCTENSOR_KERNELS_SCALAR_FLOAT_VECTOR_H_

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels/inline.h"

namespace octensor {
namespace {

struct Scalar {
  static constexpr int kLanes = 4, kChains = 1, kGroup = 1, kDepthwisePixels = 2;
  struct Type {
    float lane[kLanes];
  };

  template <typename F>
  static OCTENSOR_INLINE Type Each(F f) {
    Type y;
    OCTENSOR_UNROLL for (int i = 0; i < kLanes; ++i) y.lane[i] = f(i);
    return y;
  }

  static OCTENSOR_INLINE Type Load(const float* p) {
    return Each([=](int i) { return p[i]; });
  }
  static OCTENSOR_INLINE Type LoadPart(const float* p, size_t n) {
    return Each([=](size_t i) { return i < n ? p[i] : 0.0f; });
  }
  static OCTENSOR_INLINE void Store(float* p, Type x) { StorePart(p, kLanes, x); }
  static OCTENSOR_INLINE void StorePart(float* p, size_t n, Type x) {
    for (size_t i = 0; i < n; ++i) p[i] = x.lane[i];
  }
  static OCTENSOR_INLINE Type Set(float x) {
    return Each([=](int) { return x; });
  }
  static OCTENSOR_INLINE Type MultiplyAdd(Type a, Type b, Type sum) { return Add(Multiply(a, b), sum); }
  static OCTENSOR_INLINE Type Max(Type a, Type b) { return Select(a, b, a, b); }
  static OCTENSOR_INLINE Type Min(Type a, Type b) { return Select(b, a, a, b); }
  static OCTENSOR_INLINE Type Add(Type a, Type b) {
    return Each([&](int i) { return a.lane[i] + b.lane[i]; });
  }
  static OCTENSOR_INLINE Type Subtract(Type a, Type b) {
    return Each([&](int i) { return a.lane[i] - b.lane[i]; });
  }
  static OCTENSOR_INLINE Type Multiply(Type a, Type b) {
    return Each([&](int i) { return a.lane[i] * b.lane[i]; });
  }
  static OCTENSOR_INLINE Type Divide(Type a, Type b) {
    return Each([&](int i) { return a.lane[i] / b.lane[i]; });
  }
  static OCTENSOR_INLINE uint32_t Bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return bits;
  }
  static OCTENSOR_INLINE float OfBits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof(x));
    return x;
  }
  static OCTENSOR_INLINE Type And(Type a, Type b) {
    return Each([&](int i) { return OfBits(Bits(a.lane[i]) & Bits(b.lane[i])); });
  }
  static OCTENSOR_INLINE Type Or(Type a, Type b) {
    return Each([&](int i) { return OfBits(Bits(a.lane[i]) | Bits(b.lane[i])); });
  }
  static OCTENSOR_INLINE Type Abs(Type x) {
    return Each([&](int i) { return fabsf(x.lane[i]); });
  }
  static OCTENSOR_INLINE Type Negate(Type x) {
    return Each([&](int i) { return -x.lane[i]; });
  }
  static OCTENSOR_INLINE Type Sqrt(Type x) {
    return Each([&](int i) { return sqrtf(x.lane[i]); });
  }
  static OCTENSOR_INLINE Type Floor(Type x) {
    return Each([&](int i) { return floorf(x.lane[i]); });
  }
  static OCTENSOR_INLINE Type Ceil(Type x) {
    return Each([&](int i) { return ceilf(x.lane[i]); });
  }
  static OCTENSOR_INLINE Type RoundHalfEven(Type x) {
    return Each([&](int i) { return nearbyintf(x.lane[i]); });
  }
  // 2^n, n from -126 to 127.
  static OCTENSOR_INLINE float PowerOfTwo(int32_t n) {
    const uint32_t bits = static_cast<uint32_t>(n + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof(power));
    return power;
  }
  static OCTENSOR_INLINE Type Scale(Type x, Type n) {
    return Each([&](int i) {
      // No integer is made of a NaN.
      const auto all = static_cast<int32_t>(n.lane[i] == n.lane[i] ? n.lane[i] : 0.0f), half = all >> 1;
      return x.lane[i] * PowerOfTwo(half) * PowerOfTwo(all - half);
    });
  }
  static OCTENSOR_INLINE Type Select(Type x, Type y, Type a, Type b) {
    return Each([&](int i) { return x.lane[i] > y.lane[i] ? a.lane[i] : b.lane[i]; });
  }
  static OCTENSOR_INLINE Type SelectAtLeast(Type x, Type y, Type a, Type b) {
    return Each([&](int i) { return x.lane[i] >= y.lane[i] ? a.lane[i] : b.lane[i]; });
  }
};

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_SCALAR_FLOAT_VECTOR_H_
