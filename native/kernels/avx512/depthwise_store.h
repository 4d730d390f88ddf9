// Loads and stores of the AVX-512 depthwise kernels: vectors of 1, 2 or 4 pixels (kernels/depthwise.h).
#ifndef OCTENSOR_KERNELS_AVX512_DEPTHWISE_STORE_H_
#define OCTENSOR_KERNELS_AVX512_DEPTHWISE_STORE_H_

#include <immintrin.h>

#include "kernels/avx512/epilogue.h"
#include "kernels/depthwise_line.h"

#if defined(_MSC_VER)
#define OCTENSOR_PIN_ZMM(x)
#else
#define OCTENSOR_PIN_ZMM(x) asm("" : "+v"(x))  // the compiler no longer knows where x came from
#endif

namespace octensor {
namespace {

// Whole: kMinDepthwiseChannels channels.
template <bool kPartial>
struct Avx512Quarter {
  __mmask16 channels;

  explicit OCTENSOR_INLINE Avx512Quarter(size_t count)
      : channels(static_cast<__mmask16>(count < kMinDepthwiseChannels ? (1u << count) - 1 : 0xffff)) {}

  OCTENSOR_INLINE __m128i Load(const uint8_t* p) const {
    return kPartial ? _mm_maskz_loadu_epi8(channels, p) : _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  }
  OCTENSOR_INLINE void Store(uint8_t* p, __m128i x) const {
    if (kPartial) return _mm_mask_storeu_epi8(p, channels, x);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), x);
  }
};

template <bool kPartial>
OCTENSOR_INLINE __m256i LoadHalf(const Avx512Quarter<kPartial>& quarter, const uint8_t* p0, const uint8_t* p1) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(quarter.Load(p0)), quarter.Load(p1), 1);
}

OCTENSOR_INLINE __m512i JoinHalves(__m256i low, __m256i high) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

// From int16 without zero point to 8 bits.
struct Avx512Bytes {
  __m512i zero_point, lo, hi, flip;
  bool is_plain_int8, clamps_or_flips;

  explicit OCTENSOR_INLINE Avx512Bytes(const Epilogue& e) {
    is_plain_int8 = e.output_flip != 0 && e.lo == 0 && e.hi == 255;  // packed as such, without the detour by uint8
    clamps_or_flips = !is_plain_int8 && (e.output_flip != 0 || e.lo != 0 || e.hi != 255);
    zero_point = _mm512_set1_epi16(static_cast<int16_t>(is_plain_int8 ? e.zero_point - 128 : e.zero_point));
    lo = _mm512_set1_epi8(static_cast<char>(e.lo));
    hi = _mm512_set1_epi8(static_cast<char>(e.hi));
    flip = _mm512_set1_epi8(static_cast<char>(e.output_flip));
  }

  OCTENSOR_INLINE __m512i operator()(__m512i low, __m512i high) const {
    low = _mm512_adds_epi16(low, zero_point);
    high = _mm512_adds_epi16(high, zero_point);
    if (is_plain_int8) return _mm512_packs_epi16(low, high);
    const __m512i bytes = _mm512_packus_epi16(low, high);
    return clamps_or_flips ? _mm512_xor_si512(_mm512_min_epu8(_mm512_max_epu8(bytes, lo), hi), flip) : bytes;
  }
};

struct UnboundedOnnxRequant : OnnxRequant {
  OCTENSOR_INLINE UnboundedOnnxRequant(const Epilogue& e, size_t n) : OnnxRequant(e, n) { bound = false; }
};

// Calls Finish::Run<Requant>(arguments) for the epilogue's rule.
template <class Finish, class... Arguments>
OCTENSOR_INLINE void ForRule(const Epilogue& e, const Arguments&... arguments) {
  if (e.numerics == Numerics::kOnnx) {
    if (e.may_exceed_int32) return Finish::template Run<OnnxRequant>(arguments...);
    return Finish::template Run<UnboundedOnnxRequant>(arguments...);
  }
  const bool is_tflite = e.numerics == Numerics::kTflite;
  if (e.general_fixed_point && is_tflite) return Finish::template Run<GeneralRequant<true>>(arguments...);
  if (e.general_fixed_point) return Finish::template Run<GeneralRequant<false>>(arguments...);
  if (is_tflite) return Finish::template Run<FixedRequant<true>>(arguments...);
  Finish::template Run<FixedRequant<false>>(arguments...);
}

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_AVX512_DEPTHWISE_STORE_H_
