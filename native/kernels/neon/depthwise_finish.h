// From sums to bytes for the NEON depthwise kernels: 16 channels, in order.
#ifndef OCTENSOR_KERNELS_NEON_DEPTHWISE_FINISH_H_
#define OCTENSOR_KERNELS_NEON_DEPTHWISE_FINISH_H_

#include "kernels/depthwise_line.h"
#include "kernels/neon/epilogue.h"
#include "kernels/partial_bytes.h"

#if defined(_MSC_VER)
#define OCTENSOR_PIN_Q(x)
#else
#define OCTENSOR_PIN_Q(x) asm("" : "+w"(x))  // the compiler no longer knows where x came from
#endif

namespace octensor {
namespace {

template <bool kPartial>
OCTENSOR_INLINE uint8x16_t LoadChannels(const uint8_t* p, size_t channels) {
  if (!kPartial) return vld1q_u8(p);
  const Bytes16 bytes = ReadBytes(p, channels);
  return vcombine_u8(vcreate_u8(bytes.low), vcreate_u8(bytes.high));
}

struct GeneralRequantizer {
  const Epilogue& e;
  size_t column;

  GeneralRequantizer(const Epilogue& epilogue, size_t first) : e(epilogue), column(first) {}
  OCTENSOR_INLINE int32x4_t operator()(int32x4_t x, int half) const {
    int32_t lanes[4];
    vst1q_s32(lanes, x);
    RequantizeLanes(e, column + 4 * half, lanes, 4);
    return vld1q_s32(lanes);
  }
};

template <class Requantizer, bool kPartial>
void FinishOutputs(const DepthwiseLine& line, uint8_t* y, size_t count, const int32_t* sums) {
  const Epilogue e = *line.epilogue;
  const size_t step = line.y_step, channels = line.channels;
  const Requantizer low(e, line.lane0), high(e, line.lane0 + 8);
  const int16x8_t zero_point = vdupq_n_s16(static_cast<int16_t>(e.zero_point));
  const uint8x16_t lo = vdupq_n_u8(e.lo), hi = vdupq_n_u8(e.hi), flip = vdupq_n_u8(e.output_flip);
  for (size_t i = 0; i < count; ++i, sums += 16, y += step) {
    const int16x4_t x0 = vqmovn_s32(low(vld1q_s32(sums), 0)), x2 = vqmovn_s32(high(vld1q_s32(sums + 8), 0));
    const int16x8_t x01 = vqaddq_s16(vqmovn_high_s32(x0, low(vld1q_s32(sums + 4), 1)), zero_point);
    const int16x8_t x23 = vqaddq_s16(vqmovn_high_s32(x2, high(vld1q_s32(sums + 12), 1)), zero_point);
    const uint8x16_t bytes = vqmovun_high_s16(vqmovun_s16(x01), x23);
    const uint8x16_t clamped = veorq_u8(vminq_u8(vmaxq_u8(bytes, lo), hi), flip);
    if (!kPartial) {
      vst1q_u8(y, clamped);
    } else {
      const uint64x2_t halves = vreinterpretq_u64_u8(clamped);
      WriteBytes(y, {vgetq_lane_u64(halves, 0), vgetq_lane_u64(halves, 1)}, channels);
    }
  }
}

template <bool kPartial>
void FinishLine(const DepthwiseLine& line, size_t first, size_t count, const int32_t* sums) {
  const Epilogue& e = *line.epilogue;
  uint8_t* const y = line.y[0] + first * line.y_step;
  if (e.numerics == Numerics::kOnnx) return FinishOutputs<OnnxRequantizer, kPartial>(line, y, count, sums);
  if (e.general_fixed_point) return FinishOutputs<GeneralRequantizer, kPartial>(line, y, count, sums);
  if (e.numerics == Numerics::kTflite) return FinishOutputs<TfliteRequantizer, kPartial>(line, y, count, sums);
  FinishOutputs<SingleRequantizer, kPartial>(line, y, count, sums);
}

constexpr uint8_t kNaturalOrder[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_NEON_DEPTHWISE_FINISH_H_
