// Vectors of float32 for the templates in kernels/float_*.h: NEON.
#ifndef OCTENSOR_KERNELS_NEON_FLOAT_VECTOR_H_
#define OCTENSOR_KERNELS_NEON_FLOAT_VECTOR_H_

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/inline.h"

namespace octensor {
namespace {

struct Neon {
  using Type = float32x4_t;
  static constexpr int kLanes = 4, kChains = 4, kGroup = 4, kDepthwisePixels = 4;

  static OCTENSOR_INLINE Type Load(const float* p) { return vld1q_f32(p); }
  static OCTENSOR_INLINE Type LoadPart(const float* p, size_t n) {
    float lanes[kLanes] = {};
    for (size_t i = 0; i < n; ++i) lanes[i] = p[i];
    return vld1q_f32(lanes);
  }
  static OCTENSOR_INLINE void Store(float* p, Type x) { vst1q_f32(p, x); }
  static OCTENSOR_INLINE void StorePart(float* p, size_t n, Type x) {
    float lanes[kLanes];
    vst1q_f32(lanes, x);
    for (size_t i = 0; i < n; ++i) p[i] = lanes[i];
  }
  static OCTENSOR_INLINE Type Set(float x) { return vdupq_n_f32(x); }
  static OCTENSOR_INLINE Type MultiplyAdd(Type a, Type b, Type sum) { return vfmaq_f32(sum, a, b); }
  static OCTENSOR_INLINE Type Max(Type a, Type b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
  static OCTENSOR_INLINE Type Min(Type a, Type b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
  static OCTENSOR_INLINE Type Add(Type a, Type b) { return vaddq_f32(a, b); }
  static OCTENSOR_INLINE Type Subtract(Type a, Type b) { return vsubq_f32(a, b); }
  static OCTENSOR_INLINE Type Multiply(Type a, Type b) { return vmulq_f32(a, b); }
  static OCTENSOR_INLINE Type Divide(Type a, Type b) { return vdivq_f32(a, b); }
  static OCTENSOR_INLINE Type And(Type a, Type b) {
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(a), vreinterpretq_u32_f32(b)));
  }
  static OCTENSOR_INLINE Type Or(Type a, Type b) {
    return vreinterpretq_f32_u32(vorrq_u32(vreinterpretq_u32_f32(a), vreinterpretq_u32_f32(b)));
  }
  static OCTENSOR_INLINE Type Abs(Type x) { return vabsq_f32(x); }
  static OCTENSOR_INLINE Type Negate(Type x) { return vnegq_f32(x); }
  static OCTENSOR_INLINE Type Sqrt(Type x) { return vsqrtq_f32(x); }
  static OCTENSOR_INLINE Type Floor(Type x) { return vrndmq_f32(x); }
  static OCTENSOR_INLINE Type Ceil(Type x) { return vrndpq_f32(x); }
  static OCTENSOR_INLINE Type RoundHalfEven(Type x) { return vrndnq_f32(x); }
  // 2^n, n from -126 to 127.
  static OCTENSOR_INLINE Type PowerOfTwo(int32x4_t n) {
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(n, vdupq_n_s32(127)), 23));
  }
  static OCTENSOR_INLINE Type Scale(Type x, Type n) {
    const int32x4_t all = vcvtq_s32_f32(n), half = vshrq_n_s32(all, 1);
    return vmulq_f32(vmulq_f32(x, PowerOfTwo(half)), PowerOfTwo(vsubq_s32(all, half)));
  }
  static OCTENSOR_INLINE Type Select(Type x, Type y, Type a, Type b) { return vbslq_f32(vcgtq_f32(x, y), a, b); }
  static OCTENSOR_INLINE Type SelectAtLeast(Type x, Type y, Type a, Type b) { return vbslq_f32(vcgeq_f32(x, y), a, b); }

  template <int kLane, int MR, int NV>
  static OCTENSOR_INLINE void AddLane(Type (&sum)[MR][NV], const Type (&x)[MR], const float* b) {
    Type column[NV];
    OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) column[v] = Load(b + kLanes * (kLane * NV + v));
    OCTENSOR_UNROLL for (int i = 0; i < MR; ++i) {
      OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) sum[i][v] = vfmaq_laneq_f32(sum[i][v], column[v], x[i], kLane);
    }
  }
  template <int MR, int NV>
  static OCTENSOR_INLINE void AddGroup(Type (&sum)[MR][NV], const float* const (&a)[MR], size_t k, const float* b) {
    Type x[MR];
    OCTENSOR_UNROLL for (int i = 0; i < MR; ++i) x[i] = Load(a[i] + k);
    AddLane<0>(sum, x, b);
    AddLane<1>(sum, x, b);
    AddLane<2>(sum, x, b);
    AddLane<3>(sum, x, b);
  }
};

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_NEON_FLOAT_VECTOR_H_
