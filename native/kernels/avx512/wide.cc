#include "kernels/wide.h"

#include <immintrin.h>

#include "kernels/wide_rows.h"

namespace octensor {
namespace {

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
const WideKernels kWide_avx512 = MakeWideKernels("octensor_wide__avx512", Isa::kAvx512, 32, Depthwise);

}  // namespace octensor
