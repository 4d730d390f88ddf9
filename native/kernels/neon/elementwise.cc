// Add and Mul of quantized tensors, 16 elements at a time.
#include "kernels/elementwise.h"

#include <arm_neon.h>
#include <string.h>

#include "kernels/elementwise_scalar.h"

namespace octensor {
namespace {

constexpr size_t kStep = 16;

// Four int32 times one factor with exponent <= 0, as in neon/epilogue.h, which says why.
template <bool kTflite>
struct Factor {
  int32x4_t multiplier, exponent;
  int32x4_t nudge;  // at exponent 0 nothing is rounded twice

  explicit Factor(FixedPoint m)
      : multiplier(vdupq_n_s32(m.multiplier)),
        exponent(vdupq_n_s32(m.exponent)),
        nudge(vdupq_n_s32(m.exponent == 0 ? 0 : -1)) {}

  OCTENSOR_INLINE int32x4_t operator()(int32x4_t x) const {
    if (kTflite) {
      const int32x4_t h = vqrdmulhq_s32(x, multiplier);
      return vrshlq_s32(vaddq_s32(h, vandq_s32(vshrq_n_s32(h, 31), nudge)), exponent);
    }
    const int64x2_t shift = vmovl_s32(vsub_s32(vget_low_s32(exponent), vdup_n_s32(31)));
    const int64x2_t low = vrshlq_s64(vmull_s32(vget_low_s32(x), vget_low_s32(multiplier)), shift);
    const int64x2_t high = vrshlq_s64(vmull_high_s32(x, multiplier), shift);
    return vcombine_s32(vmovn_s64(low), vmovn_s64(high));
  }
};

// y = clamp(body(a, b)), all as uint8, 16 at a time.
template <class Params, class Body>
OCTENSOR_INLINE void ForEach16(const Params& p, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n, const Body& body) {
  const uint8x16_t a_flip = vdupq_n_u8(p.a_flip), b_flip = vdupq_n_u8(p.b_flip), y_flip = vdupq_n_u8(p.y_flip);
  const uint8x16_t lo = vdupq_n_u8(p.lo), hi = vdupq_n_u8(p.hi);
  const auto run = [&](const uint8_t* x, const uint8_t* z, uint8_t* to) {
    const uint8x16_t q = body(veorq_u8(vld1q_u8(x), a_flip), veorq_u8(vld1q_u8(z), b_flip));
    vst1q_u8(to, veorq_u8(vminq_u8(vmaxq_u8(q, lo), hi), y_flip));
  };
  size_t i = 0;
  for (; i + kStep <= n; i += kStep) run(a + i, b + i, y + i);
  if (i == n) return;
  uint8_t x[kStep] = {}, z[kStep] = {};
  memcpy(x, a + i, n - i);
  memcpy(z, b + i, n - i);
  run(x, z, x);
  memcpy(y + i, x, n - i);
}

// combine(x, z) of 16 bytes less their zero points, 8 int16 at a time; it returns int16, to which `zero_point` is added.
template <class Params, class Combine>
OCTENSOR_INLINE uint8x16_t By8(const Params& p, int32_t zero_point, uint8x16_t x, uint8x16_t z, const Combine& combine) {
  const int16x8_t y_zero = vdupq_n_s16(static_cast<int16_t>(zero_point));
  const uint8x8_t x_zero = vdup_n_u8(static_cast<uint8_t>(p.a_zero_point));
  const uint8x8_t z_zero = vdup_n_u8(static_cast<uint8_t>(p.b_zero_point));
  const auto difference = [](uint8x8_t u, uint8x8_t v) { return vreinterpretq_s16_u16(vsubl_u8(u, v)); };
  const int16x8_t low = combine(difference(vget_low_u8(x), x_zero), difference(vget_low_u8(z), z_zero));
  const int16x8_t high = combine(difference(vget_high_u8(x), x_zero), difference(vget_high_u8(z), z_zero));
  return vcombine_u8(vqmovun_s16(vqaddq_s16(low, y_zero)), vqmovun_s16(vqaddq_s16(high, y_zero)));
}

template <bool kTflite>
void AddFixed(const AddParams& p, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n) {
  const Factor<kTflite> factor_a(p.a_scale), factor_b(p.b_scale), factor_y(p.y_scale);
  const int32x4_t sign = vdupq_n_s32(p.subtract ? -1 : 1);
  const auto spare = [](int16x4_t d) { return vshlq_n_s32(vmovl_s16(d), kAddSpareBits); };
  ForEach16(p, a, b, y, n, [&](uint8x16_t x, uint8x16_t z) {
    return By8(p, p.zero_point, x, z, [&](int16x8_t u, int16x8_t v) {
      const int32x4_t low = vmlaq_s32(factor_a(spare(vget_low_s16(u))), factor_b(spare(vget_low_s16(v))), sign);
      const int32x4_t high = vmlaq_s32(factor_a(spare(vget_high_s16(u))), factor_b(spare(vget_high_s16(v))), sign);
      return vqmovn_high_s32(vqmovn_s32(factor_y(low)), factor_y(high));
    });
  });
}

void AddOnnx(const AddParams& p, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n) {
  const float32x4_t scale_a = vdupq_n_f32(p.a_real), scale_b = vdupq_n_f32(p.b_real), scale_y = vdupq_n_f32(p.y_real);
  const float32x4_t sign = vdupq_n_f32(p.subtract ? -1.0f : 1.0f);
  // The conversion rounds half to even and saturates to int32; 8 bits cannot tell that from a clamp to 1024.
  const auto quantize = [&](int16x4_t u, int16x4_t v) {
    const float32x4_t x = vmulq_f32(vcvtq_f32_s32(vmovl_s16(u)), scale_a), z = vmulq_f32(vcvtq_f32_s32(vmovl_s16(v)), scale_b);
    return vcvtnq_s32_f32(vdivq_f32(vaddq_f32(x, vmulq_f32(z, sign)), scale_y));
  };
  ForEach16(p, a, b, y, n, [&](uint8x16_t x, uint8x16_t z) {
    return By8(p, p.zero_point, x, z, [&](int16x8_t u, int16x8_t v) {
      return vqmovn_high_s32(vqmovn_s32(quantize(vget_low_s16(u), vget_low_s16(v))),
                             quantize(vget_high_s16(u), vget_high_s16(v)));
    });
  });
}

void Add(const AddParams& p, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n) {
  if (p.numerics == Numerics::kOnnx) return AddOnnx(p, a, b, y, n);
  if (p.general) return AddScalar(p, a, b, y, n);
  return p.numerics == Numerics::kTflite ? AddFixed<true>(p, a, b, y, n) : AddFixed<false>(p, a, b, y, n);
}

template <bool kTflite>
void MulFixed(const MulParams& p, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n) {
  const Factor<kTflite> factor(p.scale);
  ForEach16(p, a, b, y, n, [&](uint8x16_t x, uint8x16_t z) {
    return By8(p, p.zero_point, x, z, [&](int16x8_t u, int16x8_t v) {
      const int32x4_t low = factor(vmull_s16(vget_low_s16(u), vget_low_s16(v))), high = factor(vmull_high_s16(u, v));
      return vqmovn_high_s32(vqmovn_s32(low), high);
    });
  });
}

void MulOnnx(const MulParams& p, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n) {
  const float32x4_t scale = vdupq_n_f32(p.real), zero = vdupq_n_f32(p.real_zero_point);
  const auto quantize = [&](int32x4_t product) {
    return vcvtnq_s32_f32(vaddq_f32(vmulq_f32(vcvtq_f32_s32(product), scale), zero));
  };
  ForEach16(p, a, b, y, n, [&](uint8x16_t x, uint8x16_t z) {
    return By8(p, p.y_flip, x, z, [&](int16x8_t u, int16x8_t v) {
      const int16x4_t low = vqmovn_s32(quantize(vmull_s16(vget_low_s16(u), vget_low_s16(v))));
      return vqmovn_high_s32(low, quantize(vmull_high_s16(u, v)));
    });
  });
}

void Mul(const MulParams& p, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n) {
  if (p.numerics == Numerics::kOnnx) return MulOnnx(p, a, b, y, n);
  if (p.general) return MulScalar(p, a, b, y, n);
  return p.numerics == Numerics::kTflite ? MulFixed<true>(p, a, b, y, n) : MulFixed<false>(p, a, b, y, n);
}

// 8 elements.
template <bool kHalfEven>
OCTENSOR_INLINE int16x8_t Quantize8(const QuantizeParams& p, const float* x) {
  const float32x4_t scale = vdupq_n_f32(p.scale), lo = vdupq_n_f32(p.lo), hi = vdupq_n_f32(p.hi);
  const auto quantize = [&](const float* from) {
    // A NaN stays one, and converts to 0.
    const float32x4_t q = vminq_f32(vmaxq_f32(vdivq_f32(vld1q_f32(from), scale), lo), hi);
    return vaddq_s32(kHalfEven ? vcvtnq_s32_f32(q) : vcvtaq_s32_f32(q), vdupq_n_s32(p.zero_point));
  };
  return vqmovn_high_s32(vqmovn_s32(quantize(x)), quantize(x + 4));
}

OCTENSOR_INLINE void StoreIntegers(IntegerType type, int16x8_t q, void* y) {
  if (type == IntegerType::kInt16) vst1q_s16(static_cast<int16_t*>(y), q);
  if (type == IntegerType::kInt8) vst1_s8(static_cast<int8_t*>(y), vqmovn_s16(q));
  if (type == IntegerType::kUint8) vst1_u8(static_cast<uint8_t*>(y), vqmovun_s16(q));
}

template <bool kHalfEven>
void QuantizeAll(const QuantizeParams& p, const float* x, void* y, size_t n) {
  const size_t bytes = p.type == IntegerType::kInt16 ? 2 : 1;
  uint8_t* to = static_cast<uint8_t*>(y);
  size_t i = 0;
  for (; i + 8 <= n; i += 8) StoreIntegers(p.type, Quantize8<kHalfEven>(p, x + i), to + i * bytes);
  if (i == n) return;
  float rest[8] = {};
  int16_t integers[8];
  memcpy(rest, x + i, (n - i) * sizeof(float));
  StoreIntegers(p.type, Quantize8<kHalfEven>(p, rest), integers);
  memcpy(to + i * bytes, integers, (n - i) * bytes);
}

void Quantize(const QuantizeParams& p, const float* x, void* y, size_t n) {
  return p.half_even ? QuantizeAll<true>(p, x, y, n) : QuantizeAll<false>(p, x, y, n);
}

// vqtbl4 finds one of 64 bytes and gives 0 beyond; vqtbx4 leaves what was there.
void Map(const uint8_t* table, const uint8_t* x, uint8_t* y, size_t n) {
  const uint8x16x4_t parts[4] = {vld1q_u8_x4(table), vld1q_u8_x4(table + 64), vld1q_u8_x4(table + 128),
                                 vld1q_u8_x4(table + 192)};
  const uint8x16_t quarter = vdupq_n_u8(64);
  size_t i = 0;
  for (; i + kStep <= n; i += kStep) {
    uint8x16_t index = vld1q_u8(x + i);
    uint8x16_t found = vqtbl4q_u8(parts[0], index);
    OCTENSOR_UNROLL for (int k = 1; k < 4; ++k) {
      index = vsubq_u8(index, quarter);
      found = vqtbx4q_u8(found, parts[k], index);
    }
    vst1q_u8(y + i, found);
  }
  for (; i < n; ++i) y[i] = table[x[i]];
}

}  // namespace

extern const ElementwiseKernels kElementwise_neon;
const ElementwiseKernels kElementwise_neon = {"octensor_elementwise__neon", Isa::kNeon, Add, Mul, Quantize, Map};

}  // namespace octensor
