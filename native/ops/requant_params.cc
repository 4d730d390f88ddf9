#include "ops/requant_params.h"

#include <algorithm>

#include "core/requant.h"

namespace octensor {
namespace {

void PrepareFloat(const Scales& scales, size_t n, size_t padded, double max_accumulator, float* scale, Epilogue* epilogue) {
  for (size_t i = 0; i < n; ++i) scale[i] = static_cast<float>(scales[i]);
  std::fill(scale + n, scale + padded, 1.0f);
  epilogue->scale = scale;
  // With room for what f32 rounds up.
  epilogue->may_exceed_int32 = max_accumulator * *std::max_element(scale, scale + n) >= 2147483648.0 / 2;
}

void PrepareFixedPoint(const Scales& scales, size_t n, size_t padded, double max_accumulator, int32_t* multiplier,
                       int32_t* exponent, Epilogue* epilogue) {
  int32_t largest = -31;
  const size_t distinct = scales.has_one() ? 1 : n;
  for (size_t i = 0; i < distinct; ++i) {
    const FixedPoint m = ToFixedPoint(scales[i]);
    multiplier[i] = m.multiplier;
    // Zero times anything is zero at any shift: the smallest keeps such a channel (all its weights 0, say) on the fast path.
    exponent[i] = m.multiplier == 0 ? -31 : m.exponent;
    largest = std::max(largest, exponent[i]);
  }
  std::fill(multiplier + distinct, multiplier + padded, multiplier[0]);
  std::fill(exponent + distinct, exponent + padded, exponent[0]);
  epilogue->multiplier = multiplier;
  epilogue->exponent = exponent;
  epilogue->general_fixed_point = largest >= 0 || max_accumulator >= 1073741824.0;
}

}  // namespace

void PrepareRequant(const Scales& scales, size_t n, size_t padded, double max_accumulator, int32_t* first, int32_t* second,
                    Epilogue* epilogue) {
  if (epilogue->kind == OutputKind::kInt32) return;
  if (epilogue->kind == OutputKind::kFloat32 || epilogue->numerics == Numerics::kOnnx) {
    PrepareFloat(scales, n, padded, max_accumulator, reinterpret_cast<float*>(first), epilogue);
  } else {
    PrepareFixedPoint(scales, n, padded, max_accumulator, first, second, epilogue);
  }
}

}  // namespace octensor
