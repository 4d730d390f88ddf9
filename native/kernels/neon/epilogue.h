// The vector epilogue of the three NEON families: core/requant.h, 8 columns at a time. All kernels here have panels of
// 8 columns, so a row of a panel is two int32x4_t.
#ifndef OCTENSOR_KERNELS_NEON_EPILOGUE_H_
#define OCTENSOR_KERNELS_NEON_EPILOGUE_H_

#include <arm_neon.h>
#include <string.h>

#include "kernels/general_requant.h"
#include "kernels/inline.h"
#include "kernels/kernel.h"

// GCC's scheduler hoists loads until it runs out of registers; it moves nothing across a volatile asm statement. Where the
// kernels put these barriers was chosen by the spills and moves left in the disassembly.
#if defined(_MSC_VER)
#define OCTENSOR_SCHEDULING_BARRIER()
#define OCTENSOR_OPAQUE(x)
#else
#define OCTENSOR_SCHEDULING_BARRIER() asm volatile("")
#define OCTENSOR_OPAQUE(x) asm volatile("" : "+w"(x))  // the compiler must assume that x changed
#endif

namespace octensor {
namespace {

constexpr size_t kPanelColumns = 8;

// A requantizer takes half a row (0: columns 0 to 3, 1: columns 4 to 7) from accumulators to integers without zero point.

struct OnnxRequantizer {
  float32x4_t scale[2];

  OnnxRequantizer(const Epilogue& e, size_t column) : scale{vld1q_f32(e.scale + column), vld1q_f32(e.scale + column + 4)} {}

  // Rounds half to even and saturates to int32, where requant.h clamps to +-1024: 8 bits cannot tell them apart.
  OCTENSOR_INLINE int32x4_t operator()(int32x4_t x, int half) const {
    return vcvtnq_s32_f32(vmulq_f32(vcvtq_f32_s32(x), scale[half]));
  }
};

struct FixedPointParams {
  int32x4_t multiplier[2], exponent[2];

  FixedPointParams(const Epilogue& e, size_t column)
      : multiplier{vld1q_s32(e.multiplier + column), vld1q_s32(e.multiplier + column + 4)},
        exponent{vld1q_s32(e.exponent + column), vld1q_s32(e.exponent + column + 4)} {}
};

// Every exponent is in [-31, -1].
struct TfliteRequantizer : FixedPointParams {
  using FixedPointParams::FixedPointParams;

  OCTENSOR_INLINE int32x4_t operator()(int32x4_t x, int half) const {
    // sqrdmulh is (2 x q + 2^31) >> 32, which is SRDHM for q >= 2^30; |h| < 2^31, because q < 2^31.
    const int32x4_t h = vqrdmulhq_s32(x, multiplier[half]);
    // srshl rounds ties up; one less where h < 0 makes that ties away from zero, and changes nothing but ties.
    return vrshlq_s32(vsraq_n_s32(h, h, 31), exponent[half]);
  }
};

// The same exponents: a 64-bit rounding shift by 32 to 62 leaves less than 2^31.
struct SingleRequantizer : FixedPointParams {
  using FixedPointParams::FixedPointParams;

  OCTENSOR_INLINE int32x4_t operator()(int32x4_t x, int half) const {
    const int32x4_t shift = vsubq_s32(exponent[half], vdupq_n_s32(31));
    const int64x2_t low = vmull_s32(vget_low_s32(x), vget_low_s32(multiplier[half]));
    const int64x2_t high = vmull_high_s32(x, multiplier[half]);
    return vcombine_s32(vmovn_s64(vrshlq_s64(low, vmovl_s32(vget_low_s32(shift)))),
                        vmovn_s64(vrshlq_s64(high, vmovl_high_s32(shift))));
  }
};

template <int kRows, typename Requantizer>
OCTENSOR_INLINE void StoreQuantized(const int32x4_t (&acc)[kRows][2], const Requantizer& requantize, const Epilogue& e,
                                    uint8_t* c, size_t stride) {
  const int16x8_t zero_point = vdupq_n_s16(static_cast<int16_t>(e.zero_point));
  const uint8x8_t lo = vdup_n_u8(e.lo), hi = vdup_n_u8(e.hi), flip = vdup_n_u8(e.output_flip);
  OCTENSOR_UNROLL for (int i = 0; i < kRows; ++i) {
    // Saturating to 16 and then to 8 bits on the way never moves a value across lo or hi.
    const int16x4_t x0 = vqmovn_s32(requantize(acc[i][0], 0));
    const int16x8_t x = vqaddq_s16(vqmovn_high_s32(x0, requantize(acc[i][1], 1)), zero_point);
    vst1_u8(c + i * stride, veor_u8(vmin_u8(vmax_u8(vqmovun_s16(x), lo), hi), flip));
  }
}

// Writes whole rows of 8 columns; vectors leave as bytes, so C needs no alignment.
template <int kRows>
OCTENSOR_INLINE void StoreRows(const int32x4_t (&acc)[kRows][2], const Epilogue& e, size_t column, uint8_t* c, size_t stride) {
  if (e.kind == OutputKind::kInt32) {
    OCTENSOR_UNROLL for (int i = 0; i < kRows; ++i) {
      vst1q_u8(c + i * stride, vreinterpretq_u8_s32(acc[i][0]));
      vst1q_u8(c + i * stride + 16, vreinterpretq_u8_s32(acc[i][1]));
    }
  } else if (e.kind == OutputKind::kFloat32) {
    const float32x4_t scale0 = vld1q_f32(e.scale + column), scale1 = vld1q_f32(e.scale + column + 4);
    // -0 added to anything changes nothing.
    const float32x4_t none = vdupq_n_f32(-0.0f);
    const float32x4_t bias0 = e.bias != nullptr ? vld1q_f32(e.bias + column) : none;
    const float32x4_t bias1 = e.bias != nullptr ? vld1q_f32(e.bias + column + 4) : none;
    OCTENSOR_UNROLL for (int i = 0; i < kRows; ++i) {
      vst1q_u8(c + i * stride, vreinterpretq_u8_f32(vaddq_f32(vmulq_f32(vcvtq_f32_s32(acc[i][0]), scale0), bias0)));
      vst1q_u8(c + i * stride + 16, vreinterpretq_u8_f32(vaddq_f32(vmulq_f32(vcvtq_f32_s32(acc[i][1]), scale1), bias1)));
    }
  } else if (e.numerics == Numerics::kOnnx) {
    StoreQuantized<kRows>(acc, OnnxRequantizer(e, column), e, c, stride);
  } else if (e.general_fixed_point) {
    int32_t x[kRows][kPanelColumns];
    OCTENSOR_UNROLL for (int i = 0; i < kRows; ++i) {
      vst1q_s32(x[i], acc[i][0]);
      vst1q_s32(x[i] + 4, acc[i][1]);
    }
    for (int i = 0; i < kRows; ++i) RequantizeLanes(e, column, x[i], kPanelColumns);
    int32x4_t requantized[kRows][2];
    OCTENSOR_UNROLL for (int i = 0; i < kRows; ++i) {
      requantized[i][0] = vld1q_s32(x[i]);
      requantized[i][1] = vld1q_s32(x[i] + 4);
    }
    StoreQuantized<kRows>(requantized, [](int32x4_t y, int) { return y; }, e, c, stride);
  } else if (e.numerics == Numerics::kTflite) {
    StoreQuantized<kRows>(acc, TfliteRequantizer(e, column), e, c, stride);
  } else {
    StoreQuantized<kRows>(acc, SingleRequantizer(e, column), e, c, stride);
  }
}

// Stores a panel's results; `column` is its first column within the tile. A narrow panel takes a detour, so that nothing is
// written past the tile's columns.
template <int kRows>
OCTENSOR_INLINE void StorePanel(const int32x4_t (&acc)[kRows][2], const GemmTile& tile, size_t column) {
  const Epilogue& e = *tile.epilogue;
  const size_t element_bytes = e.kind == OutputKind::kQuantized ? 1 : 4;
  const size_t columns = tile.n - column;
  uint8_t* c = static_cast<uint8_t*>(tile.c) + column * element_bytes;
  uint8_t narrow[kRows][4 * kPanelColumns];
  const bool is_narrow = columns < kPanelColumns;
  StoreRows<kRows>(acc, e, tile.n0 + column, is_narrow ? narrow[0] : c, is_narrow ? sizeof narrow[0] : tile.c_stride_bytes);
  if (!is_narrow) return;
  for (int i = 0; i < kRows; ++i) memcpy(c + i * tile.c_stride_bytes, narrow[i], columns * element_bytes);
}

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_NEON_EPILOGUE_H_
