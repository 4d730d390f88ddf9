// u8 x s8 GEMM tile of 6 rows by 64 columns, four k's at a time, on AVX-512 VNNI.
//
// vpdpbusd adds four u8 x s8 products to each of 16 int32 lanes without saturating any intermediate. One step over four k's
// is 4 loads of B, 6 broadcasts of A and 24 vpdpbusd into 24 independent accumulators; docs/kernels.md has the cycles. A row of
// 8-bit results is one cache line.
#include <immintrin.h>
#include <string.h>

#include "kernels/avx512/epilogue.h"

namespace octensor {
namespace {

constexpr int kMr = 6;
constexpr int kNr = 64;

// Four consecutive k's of a row, in every 32-bit lane.
template <bool kFlip>
OCTENSOR_INLINE __m512i BroadcastGroup(const uint8_t* a, __m512i flip) {
  int32_t group;
  memcpy(&group, a, sizeof(group));
  return kFlip ? _mm512_xor_si512(_mm512_set1_epi32(group), flip) : _mm512_set1_epi32(group);
}

// acc += k's [k, end) of the rows of A times the panel, end - k a multiple of 4 * KU; returns the panel's next group. KU groups
// at a time go to accumulators of their own, so that a tile of few rows still has enough independent chains to hide the
// latency.
template <int MR, int NV, int KU, bool kFlip>
OCTENSOR_INLINE const uint8_t* Accumulate(const uint8_t* const (&a)[MR], __m512i flip, ptrdiff_t k, ptrdiff_t end,
                                          const uint8_t* b, __m512i (*acc)[MR][NV]) {
  for (; k < end; k += 4 * KU, b += 64 * NV * KU) {
    OCTENSOR_UNROLL for (int u = 0; u < KU; ++u) {
      __m512i columns[NV];
      OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) columns[v] = _mm512_load_si512(b + 64 * (NV * u + v));
      OCTENSOR_UNROLL for (int i = 0; i < MR; ++i) {
        const __m512i group = BroadcastGroup<kFlip>(a[i] + k + 4 * u, flip);
        OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) acc[u][i][v] = _mm512_dpbusd_epi32(acc[u][i][v], group, columns[v]);
      }
    }
  }
  return b;
}

// The last k % 4 values of a tap of each row; what stands beside them meets zeros in B.
template <int MR, int NV>
OCTENSOR_INLINE void AccumulateTail(const uint8_t* const (&a)[MR], __m512i flip, ptrdiff_t k, ptrdiff_t end, const uint8_t* b,
                                    __m512i (&acc)[MR][NV]) {
  OCTENSOR_UNROLL for (int i = 0; i < MR; ++i) {
    uint8_t bytes[4] = {0, 0, 0, 0};
    for (ptrdiff_t t = k; t < end; ++t) bytes[t - k] = a[i][t];
    const __m512i group = BroadcastGroup<true>(bytes, flip);
    OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) {
      acc[i][v] = _mm512_dpbusd_epi32(acc[i][v], group, _mm512_load_si512(b + 64 * v));
    }
  }
}

// All taps.
template <int MR, int NV, int KU, bool kFlip>
OCTENSOR_INLINE void AccumulateTaps(const GemmTile& tile, const uint8_t* const (&a)[MR], const uint8_t* b,
                                    __m512i (*acc)[MR][NV]) {
  const __m512i flip = _mm512_set1_epi8(static_cast<char>(tile.a_flip));
  const size_t groups = tile.may_read_past ? (tile.k + 3) / 4 : tile.k / 4;
  const auto whole = static_cast<ptrdiff_t>(4 * groups), unrolled = static_cast<ptrdiff_t>(groups / KU * (4 * KU));
  const auto k = static_cast<ptrdiff_t>(tile.k);
  for (size_t t = 0; t < tile.taps; ++t) {
    const ptrdiff_t start = tile.tap_offsets[t];
    b = Accumulate<MR, NV, KU, kFlip>(a, flip, start, start + unrolled, b, acc);
    if (KU > 1) b = Accumulate<MR, NV, 1, kFlip>(a, flip, start + unrolled, start + whole, b, acc);
    if (whole < k) {
      AccumulateTail<MR, NV>(a, flip, start + whole, start + k, b, acc[0]);
      b += 64 * NV;
    }
  }
}

// The outliers among 16 * NV columns from `column` of the whole matrix on.
template <int MR, int NV>
OCTENSOR_INLINE void AddOutliers(const GemmTile& tile, const uint8_t* const (&a)[MR], size_t column, __m512i (&acc)[MR][NV]) {
  const __m512i flip = _mm512_set1_epi8(static_cast<char>(tile.a_flip));
  for (size_t o = 0; o < tile.outlier_count; ++o) {
    const GemmOutlier& outlier = tile.outliers[o];
    const size_t vector = (outlier.column - column) / 16;  // far too large for columns before
    const __m512i b = _mm512_load_si512(outlier.b);
    const ptrdiff_t offset = tile.tap_offsets[outlier.tap] + static_cast<ptrdiff_t>(outlier.k);
    OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) {
      if (vector != static_cast<size_t>(v)) continue;
      OCTENSOR_UNROLL for (int i = 0; i < MR; ++i) {
        acc[i][v] = _mm512_dpbusd_epi32(acc[i][v], BroadcastGroup<true>(a[i] + offset, flip), b);
      }
    }
  }
}

// One tile by one panel: the rows from `row` on, 16 * NV columns from j on.
template <int MR, int NV>
OCTENSOR_INLINE void TileByPanel(const GemmTile& tile, size_t row, const uint8_t* b, size_t j) {
  constexpr int kKu = MR * NV >= 8 ? 1 : MR * NV >= 4 ? 2 : MR * NV >= 2 ? 4 : 8;
  const uint8_t* a[MR];
  __m512i acc[kKu][MR][NV];
  OCTENSOR_UNROLL for (int i = 0; i < MR; ++i) {
    a[i] = static_cast<const uint8_t*>(tile.a[row + i]);
    OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) acc[0][i][v] = _mm512_load_si512(tile.init + j + 16 * v);
    OCTENSOR_UNROLL for (int u = 1; u < kKu; ++u) {
      OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) acc[u][i][v] = _mm512_setzero_si512();
    }
  }
  if (tile.column_term != nullptr) {
    OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) {
      const __m512i column = _mm512_load_si512(tile.column_term + j + 16 * v);
      OCTENSOR_UNROLL for (int i = 0; i < MR; ++i) {
        const __m512i term = _mm512_mullo_epi32(column, _mm512_set1_epi32(tile.row_term[row + i]));
        acc[0][i][v] = _mm512_add_epi32(acc[0][i][v], term);
      }
    }
  } else if (tile.row_term != nullptr) {
    OCTENSOR_UNROLL for (int i = 0; i < MR; ++i) {
      const __m512i term = _mm512_set1_epi32(tile.row_term[row + i]);
      OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) acc[0][i][v] = _mm512_add_epi32(acc[0][i][v], term);
    }
  }
  // The XOR takes a slot that vpdpbusd could use, so only signed A pays for it.
  if (tile.a_flip == 0) {
    AccumulateTaps<MR, NV, kKu, false>(tile, a, b, acc);
  } else {
    AccumulateTaps<MR, NV, kKu, true>(tile, a, b, acc);
  }
  AddOutliers<MR, NV>(tile, a, tile.n0 + j, acc[0]);
  OCTENSOR_UNROLL for (int u = 1; u < kKu; ++u) {
    OCTENSOR_UNROLL for (int i = 0; i < MR; ++i) {
      OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) acc[0][i][v] = _mm512_add_epi32(acc[0][i][v], acc[u][i][v]);
    }
  }
  StoreTile<MR, NV>(acc[0], tile, static_cast<uint8_t*>(tile.c) + row * tile.c_stride_bytes, j);
}

// Many tiles by one panel: with a small K, what it takes to get from one tile to the next is a part of the time.
template <int MR, int NV>
void Panel(const GemmTile& tile, const uint8_t* b, size_t j) {
  for (size_t row = 0; row < tile.tiles * MR; row += MR) TileByPanel<MR, NV>(tile, row, b, j);
}

using PanelFunction = void (*)(const GemmTile&, const uint8_t*, size_t);
constexpr PanelFunction kPanels[4][12] = {
    {Panel<1, 1>, Panel<2, 1>, Panel<3, 1>, Panel<4, 1>, Panel<5, 1>, Panel<6, 1>, Panel<7, 1>, Panel<8, 1>, Panel<9, 1>,
     Panel<10, 1>, Panel<11, 1>, Panel<12, 1>},
    {Panel<1, 2>, Panel<2, 2>, Panel<3, 2>, Panel<4, 2>, Panel<5, 2>, Panel<6, 2>, Panel<7, 2>, Panel<8, 2>, Panel<9, 2>,
     Panel<10, 2>, Panel<11, 2>, Panel<12, 2>},
    {Panel<1, 3>, Panel<2, 3>, Panel<3, 3>, Panel<4, 3>, Panel<5, 3>, Panel<6, 3>, Panel<7, 3>, Panel<8, 3>},
    {Panel<1, 4>, Panel<2, 4>, Panel<3, 4>, Panel<4, 4>, Panel<5, 4>, Panel<6, 4>},
};

void Run(const GemmTile& tile) {
  const uint8_t* b = static_cast<const uint8_t*>(tile.b);
  for (size_t j = 0; j < tile.n; j += tile.panel_columns, b += tile.b_panel_bytes) {
    const size_t left = tile.n - j, columns = left < tile.panel_columns ? left : tile.panel_columns;
    kPanels[(columns - 1) / 16][tile.rows - 1](tile, b, j);
  }
}

int32_t SumRow(const uint8_t* a, size_t k, uint8_t flip) {
  constexpr size_t kBytes = 64;
  constexpr int kChains = 4;
  const __m512i flips = _mm512_set1_epi8(static_cast<char>(flip));
  const __m512i ones = _mm512_set1_epi8(1);
  __m512i sum[kChains];
  OCTENSOR_UNROLL for (int u = 0; u < kChains; ++u) sum[u] = _mm512_setzero_si512();
  size_t i = 0;
  for (; i + kChains * kBytes <= k; i += kChains * kBytes) {
    OCTENSOR_UNROLL for (int u = 0; u < kChains; ++u) {
      sum[u] = _mm512_dpbusd_epi32(sum[u], _mm512_xor_si512(_mm512_loadu_si512(a + i + kBytes * u), flips), ones);
    }
  }
  for (; i < k; i += kBytes) {
    const __mmask64 mask = k - i >= kBytes ? ~__mmask64{0} : (__mmask64{1} << (k - i)) - 1;
    const __m512i bytes = _mm512_maskz_loadu_epi8(mask, a + i);
    sum[0] = _mm512_dpbusd_epi32(sum[0], _mm512_maskz_mov_epi8(mask, _mm512_xor_si512(bytes, flips)), ones);
  }
  return _mm512_reduce_add_epi32(_mm512_add_epi32(_mm512_add_epi32(sum[0], sum[1]), _mm512_add_epi32(sum[2], sum[3])));
}

OCTENSOR_INLINE __m128i FoldTo128(__m512i x) {
  const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1));
  return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

// Four rows at a time, so that one transposition adds up the lanes of all of them. Rows past the last repeat it.
void SumRows(const GemmTile& tile, int32_t* sums) {
  const __m512i flip = _mm512_set1_epi8(static_cast<char>(tile.a_flip));
  const size_t rows = tile.tiles * tile.rows;
  for (size_t first = 0; first < rows; first += 4) {
    const uint8_t* a[4];
    __m512i sum[4];
    OCTENSOR_UNROLL for (size_t i = 0; i < 4; ++i) {
      a[i] = static_cast<const uint8_t*>(tile.a[first + i < rows ? first + i : rows - 1]);
      sum[i] = _mm512_setzero_si512();
    }
    for (size_t t = 0; t < tile.taps; ++t) {
      for (size_t k = 0; k < tile.k; k += 64) {
        const __mmask64 mask = tile.k - k >= 64 ? ~__mmask64{0} : (__mmask64{1} << (tile.k - k)) - 1;
        const __m512i ones = _mm512_maskz_set1_epi8(mask, 1);
        OCTENSOR_UNROLL for (size_t i = 0; i < 4; ++i) {
          const __m512i bytes = _mm512_maskz_loadu_epi8(mask, a[i] + tile.tap_offsets[t] + k);
          sum[i] = _mm512_dpbusd_epi32(sum[i], _mm512_xor_si512(bytes, flip), ones);
        }
      }
    }
    const __m128i s0 = FoldTo128(sum[0]), s1 = FoldTo128(sum[1]), s2 = FoldTo128(sum[2]), s3 = FoldTo128(sum[3]);
    const __m128i low = _mm_add_epi32(_mm_unpacklo_epi32(s0, s1), _mm_unpackhi_epi32(s0, s1));
    const __m128i high = _mm_add_epi32(_mm_unpacklo_epi32(s2, s3), _mm_unpackhi_epi32(s2, s3));
    const __m128i four = _mm_add_epi32(_mm_unpacklo_epi64(low, high), _mm_unpackhi_epi64(low, high));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(sums + first), four);
  }
}

}  // namespace

extern const GemmKernel kGemm_6x64c4_avx512vnni;
const GemmKernel kGemm_6x64c4_avx512vnni = {"octensor_gemm_u8s8_6x64c4__avx512vnni",
                                            Isa::kAvx512Vnni,
                                            kMr,
                                            kNr,
                                            16,
                                            4,
                                            ADomain::kU8,
                                            BDomain::kS8,
                                            Run,
                                            SumRow,
                                            nullptr,
                                            SumRows,
                                            {{8, 48}, {12, 32}},
                                            kMaxTiles,
                                            true,
                                            true};

}  // namespace octensor
