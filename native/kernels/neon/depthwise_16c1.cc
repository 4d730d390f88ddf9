// u8 x s16 depthwise convolution of 16 channels at a time on plain Armv8-A: rows are widened, and smlal adds the products of
// one row to eight sums, so |x w| <= 255 * 255 and nothing but the int32 sum can wrap.
#include <arm_neon.h>

#include "kernels/depthwise_line.h"
#include "kernels/neon/depthwise_finish.h"

namespace octensor {
namespace {

struct SumsOf8 {
  int32x4_t low, high;
};

template <bool kPartial>
struct Neon {
  using Acc = SumsOf8;
  using Row = uint8x16_t;
  using Group = int16x8_t;
  using Weight = int16x8_t;
  // kRegisters: of 32, less the second half of each sum and what widening needs.
  static constexpr int kPixels = 1, kAccs = 2, kAccLanes = 8, kTaps = 1, kWeightBytes = 16, kRegisters = 28;
  static constexpr bool kHasOffsets = false, kIsSigned = false, kIsPartial = kPartial;

  uint8x16_t flip;
  size_t channels;

  explicit OCTENSOR_INLINE Neon(const DepthwiseLine& line) : flip(vdupq_n_u8(line.x_flip)), channels(line.channels) {}

  static OCTENSOR_INLINE Acc LoadSums(const int32_t* p) { return {vld1q_s32(p), vld1q_s32(p + 4)}; }
  static OCTENSOR_INLINE void StoreSums(int32_t* p, Acc x) {
    vst1q_s32(p, x.low);
    vst1q_s32(p + 4, x.high);
  }
  static OCTENSOR_INLINE int16x8_t LoadWeight(const char* p) { return vld1q_s16(reinterpret_cast<const int16_t*>(p)); }
  static OCTENSOR_INLINE void Pin(int16x8_t& weight) { OCTENSOR_PIN_Q(weight); }
  static OCTENSOR_INLINE Acc Mac(Acc acc, int16x8_t x, int16x8_t weight) {
    return {vmlal_s16(acc.low, vget_low_s16(x), vget_low_s16(weight)), vmlal_high_s16(acc.high, x, weight)};
  }

  OCTENSOR_INLINE Row Load(const uint8_t* const (&p)[1]) const {
    return veorq_u8(LoadChannels<kPartial>(p[0], channels), flip);
  }

  template <int kRows>
  static OCTENSOR_INLINE void Interleave(const Row (&row)[1], Group (&x)[2]) {
    x[0] = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(row[0])));
    x[1] = vreinterpretq_s16_u16(vmovl_high_u8(row[0]));
  }

  void Finish(const DepthwiseLine& line, size_t first, size_t count, const int32_t* sums) const {
    FinishLine<kPartial>(line, first, count, sums);
  }
};

void Run(const DepthwiseLine& line) {
  if (line.channels < kMinDepthwiseChannels) return RunLine<Neon<true>>(line);
  RunLine<Neon<false>>(line);
}

}  // namespace

extern const DepthwiseKernel kDepthwise_16c1_neon;
const DepthwiseKernel kDepthwise_16c1_neon = {
    "octensor_depthwise_u8s16_16c1__neon", Isa::kNeon, 16, 1, ADomain::kU8, BDomain::kS16, kNaturalOrder, Run};

}  // namespace octensor
