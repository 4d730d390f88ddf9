// Vectors of float32 for the templates in kernels/float_*.h: AVX-512.
#ifndef OCTENSOR_KERNELS_AVX512_FLOAT_VECTOR_H_
#define OCTENSOR_KERNELS_AVX512_FLOAT_VECTOR_H_

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/inline.h"

namespace octensor {
namespace {

struct Avx512 {
  using Type = __m512;
  static constexpr int kLanes = 16, kChains = 4, kGroup = 1, kDepthwisePixels = 7;

  static OCTENSOR_INLINE __mmask16 First(size_t n) { return static_cast<__mmask16>((1u << n) - 1); }
  static OCTENSOR_INLINE Type Load(const float* p) { return _mm512_loadu_ps(p); }
  static OCTENSOR_INLINE Type LoadPart(const float* p, size_t n) { return _mm512_maskz_loadu_ps(First(n), p); }
  static OCTENSOR_INLINE void Store(float* p, Type x) { _mm512_storeu_ps(p, x); }
  static OCTENSOR_INLINE void StorePart(float* p, size_t n, Type x) { _mm512_mask_storeu_ps(p, First(n), x); }
  static OCTENSOR_INLINE Type Set(float x) { return _mm512_set1_ps(x); }
  static OCTENSOR_INLINE Type MultiplyAdd(Type a, Type b, Type sum) { return _mm512_fmadd_ps(a, b, sum); }
  // On NaN and on equal zeros the instructions return their second operand.
  static OCTENSOR_INLINE Type Max(Type a, Type b) { return _mm512_max_ps(a, b); }
  static OCTENSOR_INLINE Type Min(Type a, Type b) { return _mm512_min_ps(a, b); }
  static OCTENSOR_INLINE Type Add(Type a, Type b) { return _mm512_add_ps(a, b); }
  static OCTENSOR_INLINE Type Subtract(Type a, Type b) { return _mm512_sub_ps(a, b); }
  static OCTENSOR_INLINE Type Multiply(Type a, Type b) { return _mm512_mul_ps(a, b); }
  static OCTENSOR_INLINE Type Divide(Type a, Type b) { return _mm512_div_ps(a, b); }
  static OCTENSOR_INLINE Type And(Type a, Type b) { return _mm512_and_ps(a, b); }
  static OCTENSOR_INLINE Type Or(Type a, Type b) { return _mm512_or_ps(a, b); }
  static OCTENSOR_INLINE Type Abs(Type x) { return _mm512_abs_ps(x); }
  static OCTENSOR_INLINE Type Negate(Type x) { return _mm512_xor_ps(x, _mm512_set1_ps(-0.0f)); }
  static OCTENSOR_INLINE Type Sqrt(Type x) { return _mm512_sqrt_ps(x); }
  static OCTENSOR_INLINE Type Floor(Type x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
  static OCTENSOR_INLINE Type Ceil(Type x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC); }
  static OCTENSOR_INLINE Type RoundHalfEven(Type x) {
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static OCTENSOR_INLINE Type Scale(Type x, Type n) { return _mm512_scalef_ps(x, n); }
  static OCTENSOR_INLINE Type Select(Type x, Type y, Type a, Type b) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, y, _CMP_GT_OQ), b, a);
  }
  static OCTENSOR_INLINE Type SelectAtLeast(Type x, Type y, Type a, Type b) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, y, _CMP_GE_OQ), b, a);
  }
};

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_AVX512_FLOAT_VECTOR_H_
