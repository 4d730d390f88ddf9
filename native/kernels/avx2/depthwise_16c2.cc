// u8 x s16 depthwise convolution of 16 channels at a time, two kernel rows side by side, on AVX2: as avx512/depthwise_32c2.cc,
// in half as many lanes. The first of two registers of pairs holds channels 0-3 and 8-11, the second 4-7 and 12-15.
#include <immintrin.h>

#include "kernels/avx2/epilogue.h"
#include "kernels/depthwise_line.h"
#include "kernels/partial_bytes.h"

#if defined(_MSC_VER)
#define OCTENSOR_PIN_YMM(x)
#else
#define OCTENSOR_PIN_YMM(x) asm("" : "+x"(x))  // the compiler no longer knows where x came from
#endif

namespace octensor {
namespace {

OCTENSOR_INLINE __m128i LoadSomeBytes(const uint8_t* p, size_t count) {
  const Bytes16 bytes = ReadBytes(p, count);
  return _mm_set_epi64x(static_cast<int64_t>(bytes.high), static_cast<int64_t>(bytes.low));
}

template <bool kPartial>
struct Avx2 {
  using Acc = __m256i;
  using Row = __m256i;
  using Group = __m256i;
  using Weight = __m256i;
  static constexpr int kPixels = 1, kAccs = 2, kAccLanes = 8, kTaps = 2, kWeightBytes = 32, kRegisters = 16;
  static constexpr bool kHasOffsets = false, kIsSigned = false, kIsPartial = kPartial;

  __m128i flip;
  size_t channels;

  explicit OCTENSOR_INLINE Avx2(const DepthwiseLine& line)
      : flip(_mm_set1_epi8(static_cast<char>(line.x_flip))), channels(line.channels) {}

  static OCTENSOR_INLINE __m256i LoadSums(const int32_t* p) { return _mm256_load_si256(reinterpret_cast<const __m256i*>(p)); }
  static OCTENSOR_INLINE void StoreSums(int32_t* p, __m256i x) { _mm256_store_si256(reinterpret_cast<__m256i*>(p), x); }
  static OCTENSOR_INLINE __m256i LoadWeight(const char* p) { return _mm256_load_si256(reinterpret_cast<const __m256i*>(p)); }
  static OCTENSOR_INLINE void Pin(__m256i& weight) { OCTENSOR_PIN_YMM(weight); }
  static OCTENSOR_INLINE __m256i Mac(__m256i acc, __m256i pair, __m256i weight) {
    return _mm256_add_epi32(acc, _mm256_madd_epi16(pair, weight));
  }

  OCTENSOR_INLINE Row Load(const uint8_t* const (&p)[1]) const {
    const __m128i x = kPartial ? LoadSomeBytes(p[0], channels) : _mm_loadu_si128(reinterpret_cast<const __m128i*>(p[0]));
    return _mm256_cvtepu8_epi16(_mm_xor_si128(x, flip));
  }

  template <int kRows>
  static OCTENSOR_INLINE void Interleave(const Row (&row)[2], Group (&pair)[2]) {
    const __m256i second = kRows > 1 ? row[1] : _mm256_setzero_si256();
    pair[0] = _mm256_unpacklo_epi16(row[0], second);
    pair[1] = _mm256_unpackhi_epi16(row[0], second);
  }

  // Two outputs at a time: the packs of the epilogue put back what Interleave and they themselves interleave.
  template <class Rule>
  static OCTENSOR_NOINLINE void Run(const DepthwiseLine& line, uint8_t* y, size_t count, const int32_t* sums) {
    const Epilogue e = *line.epilogue;
    const size_t step = line.y_step, columns = kPartial ? line.channels : 16;
    const bool is_plain_int8 = e.output_flip != 0 && e.lo == 0 && e.hi == 255;
    const __m256i zero_point = _mm256_set1_epi16(static_cast<int16_t>(is_plain_int8 ? e.zero_point - 128 : e.zero_point));
    const __m256i lo = _mm256_set1_epi8(static_cast<char>(e.lo));
    const __m256i hi = _mm256_set1_epi8(static_cast<char>(e.hi));
    const __m256i y_flip = _mm256_set1_epi8(static_cast<char>(e.output_flip));
    const Rule rule[2] = {{e, line.lane0}, {e, line.lane0 + 8}};
    for (size_t i = 0; i < count; i += 2, sums += 32, y += 2 * step) {
      const int32_t* next = i + 1 < count ? sums + 16 : sums;
      const __m256i q0 = _mm256_packs_epi32(rule[0](LoadSums(sums)), rule[1](LoadSums(sums + 8)));
      const __m256i q1 = _mm256_packs_epi32(rule[0](LoadSums(next)), rule[1](LoadSums(next + 8)));
      const __m256i x0 = _mm256_adds_epi16(q0, zero_point), x1 = _mm256_adds_epi16(q1, zero_point);
      __m256i bytes;
      if (is_plain_int8) {
        bytes = _mm256_packs_epi16(x0, x1);
      } else {
        bytes = _mm256_packus_epi16(x0, x1);
        bytes = _mm256_xor_si256(_mm256_min_epu8(_mm256_max_epu8(bytes, lo), hi), y_flip);
      }
      bytes = _mm256_permute4x64_epi64(bytes, 0xd8);
      StoreBytes(y, _mm256_castsi256_si128(bytes), columns);
      if (i + 1 < count) StoreBytes(y + step, _mm256_extracti128_si256(bytes, 1), columns);
    }
  }

  void Finish(const DepthwiseLine& line, size_t first, size_t count, const int32_t* sums) const {
    const Epilogue& e = *line.epilogue;
    uint8_t* const y = line.y[0] + first * line.y_step;
    if (e.numerics == Numerics::kOnnx) {
      return e.may_exceed_int32 ? Run<OnnxRequant<true>>(line, y, count, sums) : Run<OnnxRequant<false>>(line, y, count, sums);
    }
    if (e.general_fixed_point) return Run<GeneralRequant>(line, y, count, sums);
    if (e.numerics == Numerics::kTflite) return Run<FixedRequant<true>>(line, y, count, sums);
    Run<FixedRequant<false>>(line, y, count, sums);
  }
};

void Run(const DepthwiseLine& line) {
  if (line.channels < kMinDepthwiseChannels) return RunLine<Avx2<true>>(line);
  RunLine<Avx2<false>>(line);
}

constexpr uint8_t kOrder[16] = {0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15};

}  // namespace

extern const DepthwiseKernel kDepthwise_16c2_avx2;
const DepthwiseKernel kDepthwise_16c2_avx2 = {
    "octensor_depthwise_u8s16_16c2__avx2", Isa::kAvx2, 16, 2, ADomain::kU8, BDomain::kS16, kOrder, Run};

}  // namespace octensor
