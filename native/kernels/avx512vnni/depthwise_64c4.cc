// u8 x s8 depthwise convolution of 64 channels at a time, four kernel rows side by side, on AVX-512 VNNI.
//
// Bytes of four rows are interleaved to quads, the columns of the window of one channel each, and vpdpbusd adds a quad's four
// products at once. Four registers of quads are 64 channels: the first holds channels 0-3, 16-19, 32-35, 48-51, the next 4-7,
// 20-23 and so on, which the packs after requantization undo. docs/kernels.md has the cycles.
#include <immintrin.h>

#include "kernels/avx512/depthwise_store.h"
#include "kernels/depthwise_line.h"

namespace octensor {
namespace {

template <int kParts, bool kPartial>
struct Vnni {
  using Acc = __m512i;
  using Row = __m512i;
  using Group = __m512i;
  using Weight = __m512i;
  static constexpr int kPixels = kParts, kAccs = 4, kAccLanes = 16, kTaps = 4, kWeightBytes = 64, kRegisters = 32;
  static constexpr bool kHasOffsets = true, kIsSigned = false, kIsPartial = kPartial;

  __m512i flip;
  Avx512Quarter<kPartial> quarter;

  explicit OCTENSOR_INLINE Vnni(const DepthwiseLine& line)
      : flip(_mm512_set1_epi8(static_cast<char>(line.x_flip))), quarter(line.channels) {}

  static OCTENSOR_INLINE __m512i LoadSums(const int32_t* p) { return _mm512_load_si512(p); }
  static OCTENSOR_INLINE void StoreSums(int32_t* p, __m512i x) { _mm512_store_si512(p, x); }
  static OCTENSOR_INLINE __m512i LoadWeight(const char* p) { return _mm512_load_si512(p); }
  static OCTENSOR_INLINE void Pin(__m512i& weight) { OCTENSOR_PIN_ZMM(weight); }
  static OCTENSOR_INLINE __m512i Mac(__m512i acc, __m512i quad, __m512i weight) {
    return _mm512_dpbusd_epi32(acc, quad, weight);
  }

  OCTENSOR_INLINE Row Load(const uint8_t* const (&p)[kPixels]) const {
    __m512i x;
    if constexpr (kPixels == 1) {
      x = _mm512_loadu_si512(p[0]);
    } else if constexpr (kPixels == 2) {
      x = JoinHalves(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p[0])),
                     _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p[1])));
    } else {
      x = JoinHalves(LoadHalf(quarter, p[0], p[1]), LoadHalf(quarter, p[2], p[3]));
    }
    return _mm512_xor_si512(x, flip);
  }

  template <int kRows>
  static OCTENSOR_INLINE void Interleave(const Row (&row)[4], Group (&quad)[4]) {
    const __m512i none = _mm512_setzero_si512();
    const __m512i r1 = kRows > 1 ? row[1] : none, r2 = kRows > 2 ? row[2] : none, r3 = kRows > 3 ? row[3] : none;
    const __m512i low01 = _mm512_unpacklo_epi8(row[0], r1), high01 = _mm512_unpackhi_epi8(row[0], r1);
    const __m512i low23 = kRows > 2 ? _mm512_unpacklo_epi8(r2, r3) : none;
    const __m512i high23 = kRows > 2 ? _mm512_unpackhi_epi8(r2, r3) : none;
    quad[0] = _mm512_unpacklo_epi16(low01, low23);
    quad[1] = _mm512_unpackhi_epi16(low01, low23);
    quad[2] = _mm512_unpacklo_epi16(high01, high23);
    quad[3] = _mm512_unpackhi_epi16(high01, high23);
  }

  OCTENSOR_INLINE void Store(uint8_t* const (&y)[kPixels], __m512i bytes) const {
    if constexpr (kPixels == 1) {
      _mm512_storeu_si512(y[0], bytes);
    } else if constexpr (kPixels == 2) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(y[0]), _mm512_castsi512_si256(bytes));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(y[1]), _mm512_extracti64x4_epi64(bytes, 1));
    } else {
      quarter.Store(y[0], _mm512_castsi512_si128(bytes));
      quarter.Store(y[1], _mm512_extracti32x4_epi32(bytes, 1));
      quarter.Store(y[2], _mm512_extracti32x4_epi32(bytes, 2));
      quarter.Store(y[3], _mm512_extracti32x4_epi32(bytes, 3));
    }
  }

  template <class Requant>
  static OCTENSOR_NOINLINE void Run(const Vnni& v, const DepthwiseLine& line, size_t first, size_t count, const int32_t* sums) {
    const Vnni store = v;
    const Epilogue e = *line.epilogue;
    const Avx512Bytes to_bytes(e);
    const Requant rule[4] = {{e, line.lane0}, {e, line.lane0 + 16}, {e, line.lane0 + 32}, {e, line.lane0 + 48}};
    uint8_t* y[kPixels];
    OCTENSOR_UNROLL for (int p = 0; p < kPixels; ++p) y[p] = line.y[p] + first * line.y_step;
    const size_t step = line.y_step;
    for (size_t i = 0; i < count; ++i, sums += 64) {
      __m512i q[4];
      OCTENSOR_UNROLL for (int a = 0; a < 4; ++a) q[a] = rule[a](LoadSums(sums + 16 * a));
      store.Store(y, to_bytes(_mm512_packs_epi32(q[0], q[1]), _mm512_packs_epi32(q[2], q[3])));
      OCTENSOR_UNROLL for (int p = 0; p < kPixels; ++p) y[p] += step;
    }
  }

  void Finish(const DepthwiseLine& line, size_t first, size_t count, const int32_t* sums) const {
    ForRule<Vnni>(*line.epilogue, *this, line, first, count, sums);
  }
};

void Run(const DepthwiseLine& line) {
  if (line.channels < kMinDepthwiseChannels) return RunLine<Vnni<4, true>>(line);
  if (line.pixels == 1) return RunLine<Vnni<1, false>>(line);
  if (line.pixels == 2) return RunLine<Vnni<2, false>>(line);
  RunLine<Vnni<4, false>>(line);
}

constexpr uint8_t kOrder[64] = {0,  1,  2,  3,  16, 17, 18, 19, 32, 33, 34, 35, 48, 49, 50, 51,  //
                                4,  5,  6,  7,  20, 21, 22, 23, 36, 37, 38, 39, 52, 53, 54, 55,  //
                                8,  9,  10, 11, 24, 25, 26, 27, 40, 41, 42, 43, 56, 57, 58, 59,  //
                                12, 13, 14, 15, 28, 29, 30, 31, 44, 45, 46, 47, 60, 61, 62, 63};

}  // namespace

extern const DepthwiseKernel kDepthwise_64c4_avx512vnni;
const DepthwiseKernel kDepthwise_64c4_avx512vnni = {
    "octensor_depthwise_u8s8_64c4__avx512vnni", Isa::kAvx512Vnni, 64, 4, ADomain::kU8, BDomain::kS8, kOrder, Run};

}  // namespace octensor
