// float32 on AVX-512. A GEMM step of 14 rows is 2 loads of B, 14 broadcasts of A and 28 fused multiply-adds into 28 of the 32
// registers: 28 cycles where one 512-bit multiply-add starts per cycle, and 7 divides the images of most networks.
#include "kernels/float.h"

#include <immintrin.h>

#include "kernels/float_depthwise.h"
#include "kernels/float_elementwise.h"
#include "kernels/float_gemm.h"
#include "kernels/float_outer.h"
#include "kernels/float_rows.h"

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

constexpr int kMr = 14;

void Gemm(const FloatTile& tile) {
  static void (*const kRows[kMr])(const FloatTile&) = {Rows<Avx512, 1>,  Rows<Avx512, 2>,  Rows<Avx512, 3>,  Rows<Avx512, 4>,
                                                       Rows<Avx512, 5>,  Rows<Avx512, 6>,  Rows<Avx512, 7>,  Rows<Avx512, 8>,
                                                       Rows<Avx512, 9>,  Rows<Avx512, 10>, Rows<Avx512, 11>, Rows<Avx512, 12>,
                                                       Rows<Avx512, 13>, Rows<Avx512, 14>};
  kRows[tile.rows - 1](tile);
}

void Outer(const FloatOuterTile& tile) {
  static void (*const kRows[kMr])(const FloatOuterTile&) = {OuterRows<Avx512, 1>, OuterRows<Avx512, 2>, OuterRows<Avx512, 3>,
                                                            OuterRows<Avx512, 4>, OuterRows<Avx512, 5>, OuterRows<Avx512, 6>,
                                                            OuterRows<Avx512, 7>, OuterRows<Avx512, 8>, OuterRows<Avx512, 9>,
                                                            OuterRows<Avx512, 10>, OuterRows<Avx512, 11>, OuterRows<Avx512, 12>,
                                                            OuterRows<Avx512, 13>, OuterRows<Avx512, 14>};
  kRows[tile.rows - 1](tile);
}

}  // namespace

extern const FloatKernels kFloat_14x32_avx512;
const FloatKernels kFloat_14x32_avx512 = {"octensor_f32_14x32__avx512",
                                          Isa::kAvx512,
                                          kMr,
                                          32,
                                          16,
                                          Gemm,
                                          Outer,
                                          Depthwise<Avx512>,
                                          DepthwiseGradient<Avx512>,
                                          Unary<Avx512>,
                                          Binary<Avx512>,
                                          Range<Avx512>,
                                          Sum<Avx512>,
                                          Squares<Avx512>,
                                          ExpSum<Avx512>,
                                          Normalize<Avx512>};

}  // namespace octensor
