// float32 in plain C++: vectors of four that compilers map to whatever the baseline has. Products are rounded before they are
// added (the build forbids contraction).
#include "kernels/float.h"

#include <math.h>
#include <string.h>

#include "kernels/float_depthwise.h"
#include "kernels/float_elementwise.h"
#include "kernels/float_gemm.h"
#include "kernels/float_outer.h"
#include "kernels/float_rows.h"

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

constexpr int kMr = 4;

void Gemm(const FloatTile& tile) {
  static void (*const kRows[kMr])(const FloatTile&) = {Rows<Scalar, 1>, Rows<Scalar, 2>, Rows<Scalar, 3>, Rows<Scalar, 4>};
  kRows[tile.rows - 1](tile);
}

void Outer(const FloatOuterTile& tile) {
  static void (*const kRows[kMr])(const FloatOuterTile&) = {OuterRows<Scalar, 1>, OuterRows<Scalar, 2>, OuterRows<Scalar, 3>,
                                                            OuterRows<Scalar, 4>};
  kRows[tile.rows - 1](tile);
}

}  // namespace

extern const FloatKernels kFloat_4x8_scalar;
const FloatKernels kFloat_4x8_scalar = {"octensor_f32_4x8__scalar",
                                        Isa::kScalar,
                                        kMr,
                                        8,
                                        4,
                                        Gemm,
                                        Outer,
                                        Depthwise<Scalar>,
                                        DepthwiseGradient<Scalar>,
                                        Unary<Scalar>,
                                        Binary<Scalar>,
                                        Range<Scalar>,
                                        Sum<Scalar>,
                                        Squares<Scalar>,
                                        ExpSum<Scalar>,
                                        Normalize<Scalar>};

}  // namespace octensor
