#include "kernels/transpose.h"

#include <arm_neon.h>

#include "kernels/transpose_blocks.h"

namespace octensor {
namespace {

struct Neon {
  using Vector = uint8x16_t;
  static constexpr bool kHasWide = false;
  using Table = uint8x16x3_t;

  static OCTENSOR_INLINE uint8x16_t Load(const uint8_t* p) { return vld1q_u8(p); }
  static OCTENSOR_INLINE void Store(uint8_t* p, uint8x16_t v) { vst1q_u8(p, v); }
  static OCTENSOR_INLINE uint8x16_t Make(uint64_t low, uint64_t high) {
    return vreinterpretq_u8_u64(vcombine_u64(vcreate_u64(low), vcreate_u64(high)));
  }
  static OCTENSOR_INLINE uint64_t Low(uint8x16_t v) { return vgetq_lane_u64(vreinterpretq_u64_u8(v), 0); }
  static OCTENSOR_INLINE uint64_t High(uint8x16_t v) { return vgetq_lane_u64(vreinterpretq_u64_u8(v), 1); }

  template <size_t kBytes>
  static OCTENSOR_INLINE uint8x16_t ZipLow(uint8x16_t a, uint8x16_t b) {
    if constexpr (kBytes == 1) return vzip1q_u8(a, b);
    if constexpr (kBytes == 2) return vreinterpretq_u8_u16(vzip1q_u16(vreinterpretq_u16_u8(a), vreinterpretq_u16_u8(b)));
    if constexpr (kBytes == 4) return vreinterpretq_u8_u32(vzip1q_u32(vreinterpretq_u32_u8(a), vreinterpretq_u32_u8(b)));
    if constexpr (kBytes == 8) return vreinterpretq_u8_u64(vzip1q_u64(vreinterpretq_u64_u8(a), vreinterpretq_u64_u8(b)));
  }
  template <size_t kBytes>
  static OCTENSOR_INLINE uint8x16_t ZipHigh(uint8x16_t a, uint8x16_t b) {
    if constexpr (kBytes == 1) return vzip2q_u8(a, b);
    if constexpr (kBytes == 2) return vreinterpretq_u8_u16(vzip2q_u16(vreinterpretq_u16_u8(a), vreinterpretq_u16_u8(b)));
    if constexpr (kBytes == 4) return vreinterpretq_u8_u32(vzip2q_u32(vreinterpretq_u32_u8(a), vreinterpretq_u32_u8(b)));
    if constexpr (kBytes == 8) return vreinterpretq_u8_u64(vzip2q_u64(vreinterpretq_u64_u8(a), vreinterpretq_u64_u8(b)));
  }

  static OCTENSOR_INLINE Table MakeTable(const uint8_t (&indexes)[3][16]) {
    return {{Load(indexes[0]), Load(indexes[1]), Load(indexes[2])}};
  }
  static OCTENSOR_INLINE void Permute(const Table& table, uint8x16_t* v) {
    const uint8x16x3_t bytes = {{v[0], v[1], v[2]}};
    for (int k = 0; k < 3; ++k) v[k] = vqtbl3q_u8(bytes, table.val[k]);
  }
};

}  // namespace

extern const TransposeKernels kTranspose_neon;
const TransposeKernels kTranspose_neon = {
    "octensor_transpose__neon",
    Isa::kNeon,
    {Transposer<Neon, 1>::Run, Transposer<Neon, 2>::Run, Transposer<Neon, 4>::Run, Transposer<Neon, 8>::Run}};

}  // namespace octensor
