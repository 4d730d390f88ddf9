// What the kernels that multiply int8 by int8 share: reading rows of A as int8, the accumulators' start, and row sums.
#ifndef OCTENSOR_KERNELS_NEONDOT_ROWS_S8_H_
#define OCTENSOR_KERNELS_NEONDOT_ROWS_S8_H_

#include <arm_neon.h>
#include <string.h>

#include "kernels/kernel.h"
#include "kernels/neon/epilogue.h"

namespace octensor {
namespace {

constexpr size_t kBlock = 16;  // bytes of a row in one register

// An eor per load would cost the dot product kernel an eighth of its multiply slots, so rows that are int8 go without.
template <bool kFlip>
OCTENSOR_INLINE int8x16_t LoadBlock(const uint8_t* a, uint8x16_t flip) {
  const uint8x16_t x = vld1q_u8(a);
  return vreinterpretq_s8_u8(kFlip ? veorq_u8(x, flip) : x);
}

// The K % 16 last bytes of one tap of every row, then anything: a register can be loaded, and nothing past K is read unless the
// tile allows it. What stands past K meets B's zero padding.
template <int kRows>
struct RowTails {
  alignas(16) uint8_t bytes[kRows][kBlock];

  OCTENSOR_INLINE void Fill(const GemmTile& tile, const uint8_t* const (&a)[kRows], ptrdiff_t offset) {
    const size_t count = tile.k % kBlock;
    const uint8x16_t flip = vdupq_n_u8(tile.a_flip);
    const ptrdiff_t start = offset + static_cast<ptrdiff_t>(tile.k - count);
    OCTENSOR_UNROLL for (int i = 0; i < kRows; ++i) {
      if (tile.may_read_past) {
        vst1q_u8(bytes[i], veorq_u8(vld1q_u8(a[i] + start), flip));
      } else {
        memset(bytes[i], 0, kBlock);
        memcpy(bytes[i], a[i] + start, count);
        vst1q_u8(bytes[i], veorq_u8(vld1q_u8(bytes[i]), flip));
      }
    }
  }

  OCTENSOR_INLINE int8x16_t Load(int row) const { return vreinterpretq_s8_u8(vld1q_u8(bytes[row])); }
};

template <int kRows>
OCTENSOR_INLINE void StartAccumulators(const GemmTile& tile, size_t column, int32x4_t (&acc)[kRows][2]) {
  const int32x4_t init0 = vld1q_s32(tile.init + column), init1 = vld1q_s32(tile.init + column + 4);
  OCTENSOR_UNROLL for (int i = 0; i < kRows; ++i) {
    acc[i][0] = init0;
    acc[i][1] = init1;
  }
  if (tile.row_term == nullptr) return;
  const int32x4_t term0 = vld1q_s32(tile.column_term + column), term1 = vld1q_s32(tile.column_term + column + 4);
  OCTENSOR_UNROLL for (int i = 0; i < kRows; ++i) {
    acc[i][0] = vmlaq_n_s32(acc[i][0], term0, tile.row_term[i]);
    acc[i][1] = vmlaq_n_s32(acc[i][1], term1, tile.row_term[i]);
  }
}

int32_t SumRow(const uint8_t* a, size_t k, uint8_t flip) {
  const uint8x16_t flips = vdupq_n_u8(flip);
  const int8x16_t ones = vdupq_n_s8(1);
  int32x4_t sums0 = vdupq_n_s32(0), sums1 = vdupq_n_s32(0);
  size_t i = 0;
  for (; i + 2 * kBlock <= k; i += 2 * kBlock) {
    sums0 = vdotq_s32(sums0, LoadBlock<true>(a + i, flips), ones);
    sums1 = vdotq_s32(sums1, LoadBlock<true>(a + i + kBlock, flips), ones);
  }
  uint32_t sum = static_cast<uint32_t>(vaddvq_s32(vaddq_s32(sums0, sums1)));
  for (; i < k; ++i) sum += static_cast<uint32_t>(static_cast<int8_t>(a[i] ^ flip));
  return static_cast<int32_t>(sum);
}

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_NEONDOT_ROWS_S8_H_
