// s8 x s8 depthwise convolution of 16 channels at a time, four kernel rows side by side: zips interleave the bytes of four rows
// to quads, the columns of the window of one channel each, and sdot adds a quad's four products at once.
#include <arm_neon.h>

#include "kernels/depthwise_line.h"
#include "kernels/neon/depthwise_finish.h"

namespace octensor {
namespace {

template <bool kPartial>
struct NeonDot {
  using Acc = int32x4_t;
  using Row = uint8x16_t;
  using Group = int8x16_t;
  using Weight = int8x16_t;
  static constexpr int kPixels = 1, kAccs = 4, kAccLanes = 4, kTaps = 4, kWeightBytes = 16, kRegisters = 32;
  static constexpr bool kHasOffsets = true, kIsSigned = true, kIsPartial = kPartial;

  uint8x16_t flip;
  size_t channels;

  explicit OCTENSOR_INLINE NeonDot(const DepthwiseLine& line) : flip(vdupq_n_u8(line.x_flip)), channels(line.channels) {}

  static OCTENSOR_INLINE int32x4_t LoadSums(const int32_t* p) { return vld1q_s32(p); }
  static OCTENSOR_INLINE void StoreSums(int32_t* p, int32x4_t x) { vst1q_s32(p, x); }
  static OCTENSOR_INLINE int8x16_t LoadWeight(const char* p) { return vld1q_s8(reinterpret_cast<const int8_t*>(p)); }
  static OCTENSOR_INLINE void Pin(int8x16_t& weight) { OCTENSOR_PIN_Q(weight); }
  static OCTENSOR_INLINE int32x4_t Mac(int32x4_t acc, int8x16_t quad, int8x16_t weight) { return vdotq_s32(acc, quad, weight); }

  OCTENSOR_INLINE Row Load(const uint8_t* const (&p)[1]) const {
    return veorq_u8(LoadChannels<kPartial>(p[0], channels), flip);
  }

  template <int kRows>
  static OCTENSOR_INLINE void Interleave(const Row (&row)[4], Group (&quad)[4]) {
    const uint8x16_t none = vdupq_n_u8(0);
    const uint8x16_t r1 = kRows > 1 ? row[1] : none, r2 = kRows > 2 ? row[2] : none, r3 = kRows > 3 ? row[3] : none;
    const uint16x8_t low01 = vreinterpretq_u16_u8(vzip1q_u8(row[0], r1)), high01 = vreinterpretq_u16_u8(vzip2q_u8(row[0], r1));
    const uint16x8_t low23 = vreinterpretq_u16_u8(vzip1q_u8(r2, r3)), high23 = vreinterpretq_u16_u8(vzip2q_u8(r2, r3));
    quad[0] = vreinterpretq_s8_u16(vzip1q_u16(low01, low23));
    quad[1] = vreinterpretq_s8_u16(vzip2q_u16(low01, low23));
    quad[2] = vreinterpretq_s8_u16(vzip1q_u16(high01, high23));
    quad[3] = vreinterpretq_s8_u16(vzip2q_u16(high01, high23));
  }

  void Finish(const DepthwiseLine& line, size_t first, size_t count, const int32_t* sums) const {
    FinishLine<kPartial>(line, first, count, sums);
  }
};

void Run(const DepthwiseLine& line) {
  if (line.channels < kMinDepthwiseChannels) return RunLine<NeonDot<true>>(line);
  RunLine<NeonDot<false>>(line);
}

}  // namespace

extern const DepthwiseKernel kDepthwise_16c4_neondot;
const DepthwiseKernel kDepthwise_16c4_neondot = {
    "octensor_depthwise_s8s8_16c4__neondot", Isa::kNeonDot, 16, 4, ADomain::kS8, BDomain::kS8, kNaturalOrder, Run};

}  // namespace octensor
