// Armv8.2-A dot product: int8 x int8, four k's an instruction, straight into int32.
//
// Tile 8 x 8: 16 accumulators, 16 k's of every row of A in 8 registers, two registers of B a group of four k's. A panel is
// int8 [k / 4][8 columns][4].
#include <arm_neon.h>

#include "kernels/kernel.h"
#include "kernels/neon/epilogue.h"
#include "kernels/neondot/rows_s8.h"

namespace octensor {
namespace {

constexpr size_t kGroup = 4;
constexpr size_t kGroupBytes = kGroup * kPanelColumns;

// One group of four k's: every row's lane `kLane` times 8 columns.
template <int kRows, int kLane>
OCTENSOR_INLINE void MultiplyLane(int32x4_t (&acc)[kRows][2], const int8x16_t (&a)[kRows], const int8_t* b) {
  const int8x16_t columns0 = vld1q_s8(b + kGroupBytes * kLane), columns1 = vld1q_s8(b + kGroupBytes * kLane + 16);
  OCTENSOR_UNROLL for (int i = 0; i < kRows; ++i) {
    acc[i][0] = vdotq_laneq_s32(acc[i][0], columns0, a[i], kLane);
    acc[i][1] = vdotq_laneq_s32(acc[i][1], columns1, a[i], kLane);
  }
}

// Whole blocks of 16 k's, from k0 to end.
template <int kRows, bool kFlip>
OCTENSOR_INLINE void MultiplyBlocks(int32x4_t (&acc)[kRows][2], const uint8_t* const (&a)[kRows], ptrdiff_t k0, ptrdiff_t end,
                                    uint8x16_t flip, const int8_t* b) {
  for (; k0 < end; k0 += kBlock, b += kBlock * kPanelColumns) {
    int8x16_t x[kRows];
    OCTENSOR_UNROLL for (int i = 0; i < kRows; ++i) x[i] = LoadBlock<kFlip>(a[i] + k0, flip);
    OCTENSOR_SCHEDULING_BARRIER();
    MultiplyLane<kRows, 0>(acc, x, b);
    MultiplyLane<kRows, 1>(acc, x, b);
    MultiplyLane<kRows, 2>(acc, x, b);
    MultiplyLane<kRows, 3>(acc, x, b);
  }
}

template <int kRows>
void RunRows(const GemmTile& tile) {
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

    const int8_t* b = panel;
    for (size_t t = 0; t < tile.taps; ++t) {
      const ptrdiff_t start = tile.tap_offsets[t], end = start + static_cast<ptrdiff_t>(whole);
      if (tile.a_flip != 0) {
        MultiplyBlocks<kRows, true>(acc, a, start, end, flip, b);
      } else {
        MultiplyBlocks<kRows, false>(acc, a, start, end, flip, b);
      }
      b += whole * kPanelColumns;
      if (tail == 0) continue;
      // The group that is due rotates into lane 0, so that the lane stays a constant.
      if (tile.taps > 1) tails.Fill(tile, a, start);
      int8x16_t x[kRows];
      OCTENSOR_UNROLL for (int i = 0; i < kRows; ++i) x[i] = tails.Load(i);
      for (size_t k = 0; k < tail; k += kGroup, b += kGroupBytes) {
        MultiplyLane<kRows, 0>(acc, x, b);
        OCTENSOR_UNROLL for (int i = 0; i < kRows; ++i) x[i] = vextq_s8(x[i], x[i], kGroup);
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

extern const GemmKernel kGemm_8x8c4_neondot;
const GemmKernel kGemm_8x8c4_neondot = {
    "octensor_gemm_s8s8_8x8c4__neondot",
    Isa::kNeonDot,
    8,
    8,
    8,
    4,
    ADomain::kS8,
    BDomain::kS8,
    Run,
    SumRow,
    nullptr,
    nullptr,
    {},
};

}  // namespace octensor
