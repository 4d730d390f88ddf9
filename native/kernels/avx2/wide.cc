#include "kernels/wide.h"

#include <immintrin.h>

#include "kernels/wide_rows.h"

namespace octensor {
namespace {

// As JoinRun of wide_rows.h, 8 at a time.
template <bool kHasLow>
OCTENSOR_INLINE __m128 JoinHalf(const int32_t* sums, const int32_t* low, const double* bias) {
  const auto load = [](const int32_t* x) { return _mm256_cvtepi32_pd(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x))); };
  __m256d sum = load(sums);
  if (kHasLow) sum = _mm256_add_pd(_mm256_mul_pd(sum, _mm256_set1_pd(256.0)), load(low));
  return _mm256_cvtpd_ps(_mm256_add_pd(sum, _mm256_loadu_pd(bias)));
}

struct Joined {
  template <bool kHasLow, typename Y>
  static void Run(const WideOutput& o, const int32_t* sums, const int32_t* low, const double* bias, const float* multipliers,
                  Y* y, size_t n) {
    const __m256 lo = _mm256_set1_ps(o.lo), hi = _mm256_set1_ps(o.hi);
    const __m256i zero_point = _mm256_set1_epi32(o.zero_point);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
      const __m128 first = JoinHalf<kHasLow>(sums + i, low + i, bias + i);
      const __m128 second = JoinHalf<kHasLow>(sums + i + 4, low + i + 4, bias + i + 4);
      const __m256 real = _mm256_mul_ps(_mm256_set_m128(second, first), _mm256_loadu_ps(multipliers + i));
      // Converting rounds half to even
      const __m256i q = _mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(real, lo), hi));
      const __m256i whole = _mm256_add_epi32(q, zero_point);
      // Within the type's range, so that packing does not saturate; a uint8 goes through int16
      const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
      if (sizeof(Y) == 2) {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(y + i), words);
      } else {
        const __m128i bytes = _mm_and_si128(words, _mm_set1_epi16(0xff));  // of an int8 the low one
        _mm_storel_epi64(reinterpret_cast<__m128i*>(y + i), _mm_packus_epi16(bytes, bytes));
      }
    }
    JoinRun<kHasLow>(o, sums + i, low + i, bias + i, multipliers + i, y + i, n - i);
  }
};

struct Sums {
  __m256i low, high;  // within 128 bits: channels 0-3, 8-11 and 4-7, 12-15
};

// Two taps at a time: their elements side by side, so that vpmaddwd sums the two products of each channel, which |x w| < 2^23
// leaves room for.
OCTENSOR_INLINE void AddPair(__m256i a, __m256i b, const int16_t* w, Sums* sums) {
  const auto* weights = reinterpret_cast<const __m256i*>(w);
  const __m256i low = _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), _mm256_loadu_si256(weights));
  const __m256i high = _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), _mm256_loadu_si256(weights + 1));
  sums->low = _mm256_add_epi32(sums->low, low);
  sums->high = _mm256_add_epi32(sums->high, high);
}

OCTENSOR_INLINE void Store(const Sums& sums, int32_t* to) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_permute2x128_si256(sums.low, sums.high, 0x20));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 8), _mm256_permute2x128_si256(sums.low, sums.high, 0x31));
}

OCTENSOR_INLINE __m256i Load(const int16_t* x) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x)); }

// `n` elements, below 16.
OCTENSOR_INLINE __m256i LoadPart(const int16_t* x, size_t n) {
  int16_t part[16] = {};
  for (size_t i = 0; i < n; ++i) part[i] = x[i];
  return Load(part);
}

void Depthwise(const int16_t* const* x, size_t step, size_t pixels, const int16_t* w, size_t taps, int32_t* sums, size_t n) {
  const Sums none = {_mm256_setzero_si256(), _mm256_setzero_si256()};
  size_t c = 0;
  for (; c + 16 <= n; c += 16, w += taps * 16) {
    for (size_t p = 0; p < pixels; ++p) {
      const size_t at = p * step + c;
      Sums block = none;
      for (size_t t = 0; t < taps; t += 2) AddPair(Load(x[t] + at), Load(x[t + 1] + at), w + t * 16, &block);
      Store(block, sums + p * n + c);
    }
  }
  const size_t rest = n - c;
  for (size_t p = 0; rest > 0 && p < pixels; ++p) {
    const size_t at = p * step + c;
    Sums block = none;
    for (size_t t = 0; t < taps; t += 2) AddPair(LoadPart(x[t] + at, rest), LoadPart(x[t + 1] + at, rest), w + t * 16, &block);
    int32_t last[16];
    Store(block, last);
    for (size_t i = 0; i < rest; ++i) sums[p * n + c + i] = last[i];
  }
}

}  // namespace

extern const WideKernels kWide_avx2;
const WideKernels kWide_avx2 = MakeWideKernels("octensor_wide__avx2", Isa::kAvx2, JoinWide<Joined>, 16, Depthwise);

}  // namespace octensor
