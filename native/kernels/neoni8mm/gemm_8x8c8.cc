// Armv8.6-A matrix multiply: smmla multiplies two rows of eight int8 by two columns of eight, into a 2 x 2 block of int32.
//
// Tile 8 x 8: 16 blocks, 16 k's of every row of A in 8 registers. A panel is int8 [k / 8][8 columns][8], so that two
// neighbouring columns are one operand. For rows r and s, columns c and d, and k's 0 to 15:
//
//     A   r: r0..r7 r8..r15     zip1: r0..r7 s0..s7      zip2: r8..r15 s8..s15      (64-bit halves)
//         s: s0..s7 s8..s15
//     C   block (c d): rc rd sc sd    block (e f): re rf se sf     zip1: rc rd re rf     zip2: sc sd se sf
#include <arm_neon.h>

#include "kernels/kernel.h"
#include "kernels/neon/epilogue.h"
#include "kernels/neondot/rows_s8.h"

namespace octensor {
namespace {

constexpr size_t kGroup = 8;
constexpr size_t kGroupBytes = kGroup * kPanelColumns;
constexpr int kColumnPairs = kPanelColumns / 2;

OCTENSOR_INLINE int8x16_t ZipLowS8(int8x16_t a, int8x16_t b) {
  return vreinterpretq_s8_s64(vzip1q_s64(vreinterpretq_s64_s8(a), vreinterpretq_s64_s8(b)));
}
OCTENSOR_INLINE int8x16_t ZipHighS8(int8x16_t a, int8x16_t b) {
  return vreinterpretq_s8_s64(vzip2q_s64(vreinterpretq_s64_s8(a), vreinterpretq_s64_s8(b)));
}
OCTENSOR_INLINE int32x4_t ZipLowS32(int32x4_t a, int32x4_t b) {
  return vreinterpretq_s32_s64(vzip1q_s64(vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b)));
}
OCTENSOR_INLINE int32x4_t ZipHighS32(int32x4_t a, int32x4_t b) {
  return vreinterpretq_s32_s64(vzip2q_s64(vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b)));
}

constexpr int Pairs(int rows) { return (rows + 1) / 2; }

// The second row of a pair. An odd last row is paired with itself; the copy's results are dropped.
constexpr int Partner(int rows, int pair) { return 2 * pair + 1 < rows ? 2 * pair + 1 : 2 * pair; }

// One group of eight k's.
template <int kPairs>
OCTENSOR_INLINE void MultiplyGroup(int32x4_t (&blocks)[kPairs][kColumnPairs], const int8x16_t (&a)[kPairs], const int8_t* b) {
  OCTENSOR_UNROLL for (int j = 0; j < kColumnPairs; ++j) {
    OCTENSOR_SCHEDULING_BARRIER();
    const int8x16_t columns = vld1q_s8(b + 2 * kGroup * j);
    OCTENSOR_UNROLL for (int p = 0; p < kPairs; ++p) blocks[p][j] = vmmlaq_s32(blocks[p][j], a[p], columns);
  }
}

// Whole blocks of 16 k's, from k0 to end.
template <int kRows, bool kFlip>
OCTENSOR_INLINE void MultiplyBlocks(int32x4_t (&blocks)[Pairs(kRows)][kColumnPairs], const uint8_t* const (&a)[kRows],
                                    ptrdiff_t k0, ptrdiff_t end, uint8x16_t flip, const int8_t* b) {
  constexpr int kPairs = Pairs(kRows);
  for (; k0 < end; k0 += kBlock, b += kBlock * kPanelColumns) {
    int8x16_t x[kPairs], y[kPairs];
    OCTENSOR_UNROLL for (int p = 0; p < kPairs; ++p) {
      const int8x16_t row0 = LoadBlock<kFlip>(a[2 * p] + k0, flip);
      const int8x16_t row1 = LoadBlock<kFlip>(a[Partner(kRows, p)] + k0, flip);
      x[p] = ZipLowS8(row0, row1);
      y[p] = ZipHighS8(row0, row1);
    }
    MultiplyGroup(blocks, x, b);
    MultiplyGroup(blocks, y, b + kGroupBytes);
  }
}

template <int kRows>
void RunRows(const GemmTile& tile) {
  constexpr int kPairs = Pairs(kRows);
  const uint8_t* a[kRows];
  OCTENSOR_UNROLL for (int i = 0; i < kRows; ++i) a[i] = static_cast<const uint8_t*>(tile.a[i]);
  const uint8x16_t flip = vdupq_n_u8(tile.a_flip);
  const size_t tail = tile.k % kBlock, whole = tile.k - tail;
  RowTails<kRows> tails;
  if (tail != 0 && tile.taps == 1) tails.Fill(tile, a, tile.tap_offsets[0]);
  const int8_t* panel = static_cast<const int8_t*>(tile.b);

  for (size_t column = 0; column < tile.n; column += kPanelColumns, panel += tile.b_panel_bytes) {
    int32x4_t acc[kRows][2];
    StartAccumulators<kRows>(tile, column, acc);
    int32x4_t blocks[kPairs][kColumnPairs];
    OCTENSOR_UNROLL for (int p = 0; p < kPairs; ++p) {
      OCTENSOR_UNROLL for (int h = 0; h < 2; ++h) {
        blocks[p][2 * h] = ZipLowS32(acc[2 * p][h], acc[Partner(kRows, p)][h]);
        blocks[p][2 * h + 1] = ZipHighS32(acc[2 * p][h], acc[Partner(kRows, p)][h]);
      }
    }

    const int8_t* b = panel;
    for (size_t t = 0; t < tile.taps; ++t) {
      const ptrdiff_t start = tile.tap_offsets[t], end = start + static_cast<ptrdiff_t>(whole);
      if (tile.a_flip != 0) {
        MultiplyBlocks<kRows, true>(blocks, a, start, end, flip, b);
      } else {
        MultiplyBlocks<kRows, false>(blocks, a, start, end, flip, b);
      }
      b += whole * kPanelColumns;
      if (tail == 0) continue;
      if (tile.taps > 1) tails.Fill(tile, a, start);
      int8x16_t x[kPairs], y[kPairs];
      OCTENSOR_UNROLL for (int p = 0; p < kPairs; ++p) {
        x[p] = ZipLowS8(tails.Load(2 * p), tails.Load(Partner(kRows, p)));
        y[p] = ZipHighS8(tails.Load(2 * p), tails.Load(Partner(kRows, p)));
      }
      MultiplyGroup(blocks, x, b);
      if (tail > kGroup) MultiplyGroup(blocks, y, b + kGroupBytes);
      b += (tail + kGroup - 1) / kGroup * kGroupBytes;
    }

    OCTENSOR_UNROLL for (int i = 0; i < kRows; ++i) {
      const int32x4_t(&row)[kColumnPairs] = blocks[i / 2];
      OCTENSOR_UNROLL for (int h = 0; h < 2; ++h) {
        acc[i][h] = i % 2 == 0 ? ZipLowS32(row[2 * h], row[2 * h + 1]) : ZipHighS32(row[2 * h], row[2 * h + 1]);
      }
    }
    StorePanel<kRows>(acc, tile, column);
  }
}

using RunFunction = void (*)(const GemmTile&);
constexpr RunFunction kRunRows[] = {RunRows<1>, RunRows<2>, RunRows<3>, RunRows<4>,
                                    RunRows<5>, RunRows<6>, RunRows<7>, RunRows<8>};

void Run(const GemmTile& tile) { kRunRows[tile.rows - 1](tile); }

}  // namespace

extern const GemmKernel kGemm_8x8c8_neoni8mm;
const GemmKernel kGemm_8x8c8_neoni8mm = {
    "octensor_gemm_s8s8_8x8c8__neoni8mm",
    Isa::kNeonI8mm,
    8,
    8,
    8,
    8,
    ADomain::kS8,
    BDomain::kS8,
    Run,
    SumRow,
    nullptr,
    nullptr,
    {},
};

}  // namespace octensor
