// Plain Armv8-A: int16 x int16 with smlal. The driver widens A's rows; B is packed widened, its zero point subtracted, so
// |a b| <= 255 * 255 and nothing but the int32 sum can wrap.
//
// Tile 8 x 8: 16 accumulators, 8 k's of every row of A in 8 registers, one row of B. A panel is int16 [k][8 columns].
#include <arm_neon.h>

#include "kernels/kernel.h"
#include "kernels/neon/epilogue.h"
#include "kernels/widen_row.h"

namespace octensor {
namespace {

// One k: every row's element of `kLane` times 8 columns.
template <int kRows, int kLane>
OCTENSOR_INLINE void MultiplyLane(int32x4_t (&acc)[kRows][2], const int16x8_t (&a)[kRows], const int16_t* b) {
  OCTENSOR_SCHEDULING_BARRIER();
  const int16x8_t columns = vld1q_s16(b + kPanelColumns * kLane);
  OCTENSOR_UNROLL for (int i = 0; i < kRows; ++i) {
    acc[i][0] = vmlal_laneq_s16(acc[i][0], vget_low_s16(columns), a[i], kLane);
    acc[i][1] = vmlal_high_laneq_s16(acc[i][1], columns, a[i], kLane);
  }
}

template <int kRows>
void RunRows(const GemmTile& tile) {
  const int16_t* a[kRows];
  OCTENSOR_UNROLL for (int i = 0; i < kRows; ++i) a[i] = static_cast<const int16_t*>(tile.a[i]);
  const uint8_t* panel = static_cast<const uint8_t*>(tile.b);

  for (size_t column = 0; column < tile.n; column += kPanelColumns, panel += tile.b_panel_bytes) {
    // No row terms: B's zero point is in B already.
    int32x4_t acc[kRows][2];
    OCTENSOR_UNROLL for (int i = 0; i < kRows; ++i) {
      acc[i][0] = vld1q_s32(tile.init + column);
      acc[i][1] = vld1q_s32(tile.init + column + 4);
    }

    const int16_t* b = reinterpret_cast<const int16_t*>(panel);
    for (size_t t = 0; t < tile.taps; ++t) {
      ptrdiff_t k = tile.tap_offsets[t];
      const ptrdiff_t end = k + static_cast<ptrdiff_t>(tile.k);
      for (; k + 8 <= end; k += 8, b += 8 * kPanelColumns) {
        int16x8_t x[kRows];
        OCTENSOR_UNROLL for (int i = 0; i < kRows; ++i) x[i] = vld1q_s16(a[i] + k);
        MultiplyLane<kRows, 0>(acc, x, b);
        MultiplyLane<kRows, 1>(acc, x, b);
        MultiplyLane<kRows, 2>(acc, x, b);
        MultiplyLane<kRows, 3>(acc, x, b);
        MultiplyLane<kRows, 4>(acc, x, b);
        MultiplyLane<kRows, 5>(acc, x, b);
        MultiplyLane<kRows, 6>(acc, x, b);
        MultiplyLane<kRows, 7>(acc, x, b);
      }
      for (; k < end; ++k, b += kPanelColumns) {
        int16x8_t x[kRows];
        OCTENSOR_UNROLL for (int i = 0; i < kRows; ++i) x[i] = vld1q_dup_s16(a[i] + k);
        MultiplyLane<kRows, 0>(acc, x, b);
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

extern const GemmKernel kGemm_8x8c1_neon;
const GemmKernel kGemm_8x8c1_neon = {
    "octensor_gemm_s16s16_8x8c1__neon",
    Isa::kNeon,
    8,
    8,
    8,
    1,
    ADomain::kS16,
    BDomain::kS16,
    Run,
    nullptr,
    WidenRow,
    nullptr,
    {},
};

}  // namespace octensor
