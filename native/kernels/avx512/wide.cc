#include "kernels/wide.h"

#include <immintrin.h>

#include "kernels/wide_rows.h"

namespace octensor {
namespace {

// As JoinRun of wide_rows.h, 16 at a time.
template <bool kHasLow>
OCTENSOR_INLINE __m256 JoinHalf(__m256i sums, __m256i low, const double* bias) {
  __m512d sum = _mm512_cvtepi32_pd(sums);
  if (kHasLow) sum = _mm512_add_pd(_mm512_mul_pd(sum, _mm512_set1_pd(256.0)), _mm512_cvtepi32_pd(low));
  return _mm512_cvtpd_ps(_mm512_add_pd(sum, _mm512_loadu_pd(bias)));
}

struct Joined {
  template <bool kHasLow, typename Y>
  static void Run(const WideOutput& o, const int32_t* sums, const int32_t* low, const double* bias, const float* multipliers,
                  Y* y, size_t n) {
    const __m512 lo = _mm512_set1_ps(o.lo), hi = _mm512_set1_ps(o.hi);
    const __m512i zero_point = _mm512_set1_epi32(o.zero_point);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
      const __m512i a = _mm512_loadu_si512(sums + i), b = kHasLow ? _mm512_loadu_si512(low + i) : a;
      const __m256 first = JoinHalf<kHasLow>(_mm512_castsi512_si256(a), _mm512_castsi512_si256(b), bias + i);
      const __m256 second = JoinHalf<kHasLow>(_mm512_extracti64x4_epi64(a, 1), _mm512_extracti64x4_epi64(b, 1), bias + i + 8);
      const __m512 both = _mm512_insertf32x8(_mm512_castps256_ps512(first), second, 1);
      const __m512 real = _mm512_mul_ps(both, _mm512_loadu_ps(multipliers + i));
      // Converting rounds half to even
      const __m512i q = _mm512_cvtps_epi32(_mm512_min_ps(_mm512_max_ps(real, lo), hi));
      const __m512i whole = _mm512_add_epi32(q, zero_point);
      if (sizeof(Y) == 2) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + i), _mm512_cvtepi32_epi16(whole));
      } else {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(y + i), _mm512_cvtepi32_epi8(whole));
      }
    }
    JoinRun<kHasLow>(o, sums + i, low + i, bias + i, multipliers + i, y + i, n - i);
  }
};

// Two taps at a time: their elements side by side, so that vpmaddwd sums the two products of each channel, which |x w| < 2^23
// leaves room for.
void Depthwise(const int16_t* const* x, size_t step, size_t pixels, const int16_t* w, size_t taps, int32_t* sums, size_t n) {
  // Unpacking works within 128 bits: sums 0-3, 8-11, ... and 4-7, 12-15, ...
  const __m512i first = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  const __m512i second = _mm512_setr_epi32(8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  for (size_t c = 0; c < n; c += 32, w += taps * 32) {
    const size_t rest = n - c;
    const __mmask32 mask = rest >= 32 ? 0xffffffffu : (1u << rest) - 1;
    for (size_t p = 0; p < pixels; ++p) {
      const size_t at = p * step + c;
      __m512i low = _mm512_setzero_si512(), high = low;
      for (size_t t = 0; t < taps; t += 2) {
        const __m512i a = _mm512_maskz_loadu_epi16(mask, x[t] + at), b = _mm512_maskz_loadu_epi16(mask, x[t + 1] + at);
        const __m512i w_low = _mm512_loadu_si512(w + t * 32), w_high = _mm512_loadu_si512(w + t * 32 + 32);
        low = _mm512_add_epi32(low, _mm512_madd_epi16(_mm512_unpacklo_epi16(a, b), w_low));
        high = _mm512_add_epi32(high, _mm512_madd_epi16(_mm512_unpackhi_epi16(a, b), w_high));
      }
      int32_t* const to = sums + p * n + c;
      _mm512_mask_storeu_epi32(to, static_cast<__mmask16>(mask), _mm512_permutex2var_epi32(low, first, high));
      _mm512_mask_storeu_epi32(to + 16, static_cast<__mmask16>(mask >> 16), _mm512_permutex2var_epi32(low, second, high));
    }
  }
}

}  // namespace

extern const WideKernels kWide_avx512;
const WideKernels kWide_avx512 = MakeWideKernels("octensor_wide__avx512", Isa::kAvx512, JoinWide<Joined>, 32, Depthwise);

}  // namespace octensor
