// Float inputs of layers with int8 weights, quantized as they come: one scale and zero point for each batch, to the bit as
// lib/ops/hybrid.ts has them (TFLite's SymmetricQuantizeFloats and AsymmetricQuantizeFloats).
#ifndef OCTENSOR_OPS_HYBRID_ROWS_H_
#define OCTENSOR_OPS_HYBRID_ROWS_H_

#include <cstddef>
#include <cstdint>

namespace octensor {

struct HybridBatch {
  float scale;
  float inverse;       // 1 / scale, or 127 / range
  int32_t zero_point;  // of int8
  int32_t lo;          // the highest integer is 127
};

// From the range of x's `count` elements, widened to contain 0.
HybridBatch MeasureHybridBatch(const float* x, size_t count, bool is_asymmetric);

// y[i] = clamp(round half away(zero_point + x[i] * inverse), lo, 127); NaN becomes the zero point.
template <typename T>
void QuantizeHybridRow(const HybridBatch& batch, const float* x, size_t count, T* y) {
  const auto zero_point = static_cast<float>(batch.zero_point), lo = static_cast<float>(batch.lo);
  for (size_t i = 0; i < count; ++i) {
    // Clamped to integers first, rounding cannot leave the range.
    float q = zero_point + x[i] * batch.inverse;
    q = q < lo ? lo : q;
    q = q > 127 ? 127 : q;
    q = q == q ? q : zero_point;
    // In double the sum is exact, so that truncation rounds half away from zero.
    y[i] = static_cast<T>(static_cast<int32_t>(static_cast<double>(q) + (q < 0 ? -0.5 : 0.5)));
  }
}

}  // namespace octensor

#endif  // OCTENSOR_OPS_HYBRID_ROWS_H_
