// Vectors of float32 for the templates in kernels/float_*.h: AVX2 with FMA.
#ifndef OCTENSOR_KERNELS_AVX2_FLOAT_VECTOR_H_
#define OCTENSOR_KERNELS_AVX2_FLOAT_VECTOR_H_

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/inline.h"

namespace octensor {
namespace {

// kLaneMasks + 8 - n begins with n lanes of ones.
alignas(32) const int32_t kLaneMasks[16] = {-1, -1, -1, -1, -1, -1, -1, -1};

struct Avx2 {
  using Type = __m256;
  static constexpr int kLanes = 8, kChains = 3, kGroup = 1, kDepthwisePixels = 4;

  static OCTENSOR_INLINE __m256i First(size_t n) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kLaneMasks + 8 - n));
  }
  static OCTENSOR_INLINE Type Load(const float* p) { return _mm256_loadu_ps(p); }
  static OCTENSOR_INLINE Type LoadPart(const float* p, size_t n) { return _mm256_maskload_ps(p, First(n)); }
  static OCTENSOR_INLINE void Store(float* p, Type x) { _mm256_storeu_ps(p, x); }
  static OCTENSOR_INLINE void StorePart(float* p, size_t n, Type x) { _mm256_maskstore_ps(p, First(n), x); }
  static OCTENSOR_INLINE Type Set(float x) { return _mm256_set1_ps(x); }
  static OCTENSOR_INLINE Type MultiplyAdd(Type a, Type b, Type sum) { return _mm256_fmadd_ps(a, b, sum); }
  // On NaN and on equal zeros the instructions return their second operand.
  static OCTENSOR_INLINE Type Max(Type a, Type b) { return _mm256_max_ps(a, b); }
  static OCTENSOR_INLINE Type Min(Type a, Type b) { return _mm256_min_ps(a, b); }
  static OCTENSOR_INLINE Type Add(Type a, Type b) { return _mm256_add_ps(a, b); }
  static OCTENSOR_INLINE Type Subtract(Type a, Type b) { return _mm256_sub_ps(a, b); }
  static OCTENSOR_INLINE Type Multiply(Type a, Type b) { return _mm256_mul_ps(a, b); }
  static OCTENSOR_INLINE Type Divide(Type a, Type b) { return _mm256_div_ps(a, b); }
  static OCTENSOR_INLINE Type And(Type a, Type b) { return _mm256_and_ps(a, b); }
  static OCTENSOR_INLINE Type Or(Type a, Type b) { return _mm256_or_ps(a, b); }
  static OCTENSOR_INLINE Type Abs(Type x) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x); }
  static OCTENSOR_INLINE Type Negate(Type x) { return _mm256_xor_ps(x, _mm256_set1_ps(-0.0f)); }
  static OCTENSOR_INLINE Type Sqrt(Type x) { return _mm256_sqrt_ps(x); }
  static OCTENSOR_INLINE Type Floor(Type x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
  static OCTENSOR_INLINE Type Ceil(Type x) { return _mm256_round_ps(x, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC); }
  static OCTENSOR_INLINE Type RoundHalfEven(Type x) {
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  // 2^n, n from -126 to 127.
  static OCTENSOR_INLINE Type PowerOfTwo(__m256i n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
  }
  static OCTENSOR_INLINE Type Scale(Type x, Type n) {
    const __m256i all = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(all, 1);
    return _mm256_mul_ps(_mm256_mul_ps(x, PowerOfTwo(half)), PowerOfTwo(_mm256_sub_epi32(all, half)));
  }
  static OCTENSOR_INLINE Type Select(Type x, Type y, Type a, Type b) {
    return _mm256_blendv_ps(b, a, _mm256_cmp_ps(x, y, _CMP_GT_OQ));
  }
  static OCTENSOR_INLINE Type SelectAtLeast(Type x, Type y, Type a, Type b) {
    return _mm256_blendv_ps(b, a, _mm256_cmp_ps(x, y, _CMP_GE_OQ));
  }
};

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_AVX2_FLOAT_VECTOR_H_
