// u8 x s16 depthwise convolution of 32 channels at a time, two kernel rows side by side, on AVX-512 without VNNI.
//
// Rows are widened and interleaved to pairs, whose products vpmaddwd adds: |x| and |w| are at most 255, so the sum of two is
// exact. The first of two registers of pairs holds channels 0-3, 8-11 and so on, the second 4-7, 12-15 and so on.
#include <immintrin.h>

#include "kernels/avx512/depthwise_store.h"
#include "kernels/depthwise_line.h"

namespace octensor {
namespace {

template <int kParts, bool kPartial>
struct Avx512 {
  using Acc = __m512i;
  using Row = __m512i;
  using Group = __m512i;
  using Weight = __m512i;
  static constexpr int kPixels = kParts, kAccs = 2, kAccLanes = 16, kTaps = 2, kWeightBytes = 64, kRegisters = 32;
  static constexpr bool kHasOffsets = false, kIsSigned = false, kIsPartial = kPartial;

  __m256i flip;
  Avx512Quarter<kPartial> quarter;

  explicit OCTENSOR_INLINE Avx512(const DepthwiseLine& line)
      : flip(_mm256_set1_epi8(static_cast<char>(line.x_flip))), quarter(line.channels) {}

  static OCTENSOR_INLINE __m512i LoadSums(const int32_t* p) { return _mm512_load_si512(p); }
  static OCTENSOR_INLINE void StoreSums(int32_t* p, __m512i x) { _mm512_store_si512(p, x); }
  static OCTENSOR_INLINE __m512i LoadWeight(const char* p) { return _mm512_load_si512(p); }
  static OCTENSOR_INLINE void Pin(__m512i& weight) { OCTENSOR_PIN_ZMM(weight); }
  static OCTENSOR_INLINE __m512i Mac(__m512i acc, __m512i pair, __m512i weight) {
    return _mm512_add_epi32(acc, _mm512_madd_epi16(pair, weight));
  }

  OCTENSOR_INLINE Row Load(const uint8_t* const (&p)[kPixels]) const {
    __m256i x;
    if constexpr (kPixels == 1) {
      x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p[0]));
    } else {
      x = LoadHalf(quarter, p[0], p[1]);
    }
    return _mm512_cvtepu8_epi16(_mm256_xor_si256(x, flip));
  }

  template <int kRows>
  static OCTENSOR_INLINE void Interleave(const Row (&row)[2], Group (&pair)[2]) {
    const __m512i second = kRows > 1 ? row[1] : _mm512_setzero_si512();
    pair[0] = _mm512_unpacklo_epi16(row[0], second);
    pair[1] = _mm512_unpackhi_epi16(row[0], second);
  }

  OCTENSOR_INLINE void Store(uint8_t* const (&y)[kPixels], __m256i bytes) const {
    if constexpr (kPixels == 1) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(y[0]), bytes);
    } else {
      quarter.Store(y[0], _mm256_castsi256_si128(bytes));
      quarter.Store(y[1], _mm256_extracti128_si256(bytes, 1));
    }
  }

  // Two outputs at a time fill a register of bytes.
  template <class Requant>
  static OCTENSOR_NOINLINE void Run(const Avx512& v, const DepthwiseLine& line, size_t first, size_t count,
                                    const int32_t* sums) {
    const Avx512 store = v;
    const Epilogue e = *line.epilogue;
    const Avx512Bytes to_bytes(e);
    const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    const Requant rule[2] = {{e, line.lane0}, {e, line.lane0 + 16}};
    uint8_t* y[kPixels];
    OCTENSOR_UNROLL for (int p = 0; p < kPixels; ++p) y[p] = line.y[p] + first * line.y_step;
    const size_t step = line.y_step;
    for (size_t i = 0; i < count; i += 2, sums += 64) {
      const int32_t* next = i + 1 < count ? sums + 32 : sums;
      const __m512i q0 = rule[0](LoadSums(sums)), q1 = rule[1](LoadSums(sums + 16));
      const __m512i q2 = rule[0](LoadSums(next)), q3 = rule[1](LoadSums(next + 16));
      const __m512i bytes = _mm512_permutexvar_epi64(order, to_bytes(_mm512_packs_epi32(q0, q1), _mm512_packs_epi32(q2, q3)));
      store.Store(y, _mm512_castsi512_si256(bytes));
      OCTENSOR_UNROLL for (int p = 0; p < kPixels; ++p) y[p] += step;
      if (i + 1 < count) store.Store(y, _mm512_extracti64x4_epi64(bytes, 1));
      OCTENSOR_UNROLL for (int p = 0; p < kPixels; ++p) y[p] += step;
    }
  }

  void Finish(const DepthwiseLine& line, size_t first, size_t count, const int32_t* sums) const {
    ForRule<Avx512>(*line.epilogue, *this, line, first, count, sums);
  }
};

void Run(const DepthwiseLine& line) {
  if (line.channels < kMinDepthwiseChannels) return RunLine<Avx512<2, true>>(line);
  if (line.pixels == 1) return RunLine<Avx512<1, false>>(line);
  RunLine<Avx512<2, false>>(line);
}

constexpr uint8_t kOrder[32] = {0, 1, 2, 3, 8,  9,  10, 11, 16, 17, 18, 19, 24, 25, 26, 27,  //
                                4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31};

}  // namespace

extern const DepthwiseKernel kDepthwise_32c2_avx512;
const DepthwiseKernel kDepthwise_32c2_avx512 = {
    "octensor_depthwise_u8s16_32c2__avx512", Isa::kAvx512, 32, 2, ADomain::kU8, BDomain::kS16, kOrder, Run};

}  // namespace octensor
