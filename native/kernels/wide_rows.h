// Loops on int16 tensors, to be compiled for each ISA. Everything is exact or rounded by float32 operations one by one, so that
// all give the same bits.
#ifndef OCTENSOR_KERNELS_WIDE_ROWS_H_
#define OCTENSOR_KERNELS_WIDE_ROWS_H_

#include "kernels/inline.h"
#include "kernels/wide.h"

namespace octensor {
namespace {

// Adding 1.5 * 2^23 rounds half to even what is below 2^22; a NaN, which no caller has, would be a bound.
OCTENSOR_INLINE int32_t RoundWithin(const WideOutput& o, float x) {
  constexpr float kMagic = 12582912.0f;
  x = x < o.lo ? o.lo : x;
  x = x > o.hi ? o.hi : x;
  return static_cast<int32_t>((x + kMagic) - kMagic) + o.zero_point;
}

template <typename F>
OCTENSOR_INLINE void ForType(IntegerType type, void* y, const F& f) {
  if (type == IntegerType::kInt16) {
    f(static_cast<int16_t*>(y));
  } else {  // an int8's byte is its low one
    f(static_cast<uint8_t*>(y));
  }
}

[[maybe_unused]] void SplitWide(const int16_t* __restrict x, int8_t* __restrict high, uint8_t* __restrict low, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    high[i] = static_cast<int8_t>(x[i] >> 8);
    low[i] = static_cast<uint8_t>(x[i]);
  }
}

// int32 sums are exact in a double, and so is 256 times one of them and all that is added: 41 bits.
template <bool kHasLow, typename Y>
OCTENSOR_INLINE void JoinRun(WideOutput o, const int32_t* __restrict sums, const int32_t* __restrict low,
                             const double* __restrict bias, const float* __restrict multipliers, Y* __restrict y, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    double sum = static_cast<double>(sums[i]);
    if (kHasLow) sum = sum * 256.0 + static_cast<double>(low[i]);
    y[i] = static_cast<Y>(RoundWithin(o, static_cast<float>(sum + bias[i]) * multipliers[i]));
  }
}

// Runs::Run<has low>(output, sums, low, bias, multipliers, y, n) for the type of y.
template <class Runs>
void JoinWide(const WideOutput& o, const int32_t* sums, const int32_t* low, const double* bias, const float* multipliers,
              void* y, size_t n) {
  ForType(o.type, y, [&](auto* to) {
    if (low == nullptr) {
      Runs::template Run<false>(o, sums, sums, bias, multipliers, to, n);
    } else {
      Runs::template Run<true>(o, sums, low, bias, multipliers, to, n);
    }
  });
}

OCTENSOR_INLINE float RealOf(const WideOperand& a, int16_t q) { return a.scale * static_cast<float>(q - a.zero_point); }

template <bool kSubtract>
OCTENSOR_INLINE int32_t AddOneWide(const WideOutput& o, float scale, float x, float z) {
  return RoundWithin(o, (kSubtract ? x - z : x + z) / scale);
}

template <bool kSubtract>
OCTENSOR_INLINE void AddRunWide(WideOutput o, float scale, WideOperand a, WideOperand b, const int16_t* x, bool x_is_one,
                                const int16_t* z, bool z_is_one, int16_t* y, size_t n) {
  if (x_is_one) {
    const float first = RealOf(a, *x);
    for (size_t i = 0; i < n; ++i)
      y[i] = static_cast<int16_t>(AddOneWide<kSubtract>(o, scale, first, RealOf(b, z[z_is_one ? 0 : i])));
  } else if (z_is_one) {
    const float second = RealOf(b, *z);
    for (size_t i = 0; i < n; ++i) y[i] = static_cast<int16_t>(AddOneWide<kSubtract>(o, scale, RealOf(a, x[i]), second));
  } else {
    for (size_t i = 0; i < n; ++i)
      y[i] = static_cast<int16_t>(AddOneWide<kSubtract>(o, scale, RealOf(a, x[i]), RealOf(b, z[i])));
  }
}

[[maybe_unused]] void AddWide(const WideOutput& o, float scale, bool subtract, const WideOperand& a, const WideOperand& b,
                              const int16_t* x, bool x_is_one, const int16_t* z, bool z_is_one, int16_t* y, size_t n) {
  if (subtract) {
    AddRunWide<true>(o, scale, a, b, x, x_is_one, z, z_is_one, y, n);
  } else {
    AddRunWide<false>(o, scale, a, b, x, x_is_one, z, z_is_one, y, n);
  }
}

OCTENSOR_INLINE int16_t MulOneWide(const WideOutput& o, float scale, int32_t x, int32_t z) {
  return static_cast<int16_t>(RoundWithin(o, scale * static_cast<float>(x * z)));
}

[[maybe_unused]] void MulWide(const WideOutput& output, float scale, const int16_t* x, bool x_is_one, const int16_t* z,
                              bool z_is_one, int16_t* y, size_t n) {
  const WideOutput o = output;
  if (x_is_one) {
    const int32_t first = *x;
    for (size_t i = 0; i < n; ++i) y[i] = MulOneWide(o, scale, first, z[z_is_one ? 0 : i]);
  } else if (z_is_one) {
    const int32_t second = *z;
    for (size_t i = 0; i < n; ++i) y[i] = MulOneWide(o, scale, x[i], second);
  } else {
    for (size_t i = 0; i < n; ++i) y[i] = MulOneWide(o, scale, x[i], z[i]);
  }
}

template <typename Y>
OCTENSOR_INLINE void RescaleRun(WideOutput o, float scale, WideOperand a, const int16_t* __restrict x, Y* __restrict y,
                                size_t n) {
  for (size_t i = 0; i < n; ++i) y[i] = static_cast<Y>(RoundWithin(o, RealOf(a, x[i]) / scale));
}

[[maybe_unused]] void RescaleWide(const WideOutput& o, float scale, const WideOperand& a, const int16_t* x, void* y, size_t n) {
  ForType(o.type, y, [&](auto* to) { RescaleRun(o, scale, a, x, to, n); });
}

template <typename Y>
OCTENSOR_INLINE void HardSwishRun(WideOutput o, float scale, WideOperand a, const int16_t* __restrict x, Y* __restrict y,
                                  size_t n) {
  for (size_t i = 0; i < n; ++i) {
    const double real = RealOf(a, x[i]);
    double gate = real + 3.0;
    gate = gate < 0.0 ? 0.0 : gate;
    gate = gate > 6.0 ? 6.0 : gate;
    y[i] = static_cast<Y>(RoundWithin(o, static_cast<float>(real * gate / 6.0) / scale));
  }
}

[[maybe_unused]] void HardSwishWide(const WideOutput& o, float scale, const WideOperand& a, const int16_t* x, void* y,
                                    size_t n) {
  ForType(o.type, y, [&](auto* to) { HardSwishRun(o, scale, a, x, to, n); });
}

using WideJoin = decltype(WideKernels::join);
using WideDepthwise = decltype(WideKernels::depthwise);

constexpr WideKernels MakeWideKernels(const char* name, Isa isa, WideJoin join, size_t lanes, WideDepthwise depthwise) {
  return {name, isa, SplitWide, join, lanes, depthwise, AddWide, MulWide, RescaleWide, HardSwishWide};
}

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_WIDE_ROWS_H_
