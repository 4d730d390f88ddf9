#include "ops/add.h"

#include <cmath>

#include "ops/quantized_fields.h"

namespace octensor {
namespace {

bool FitsVectors(const AddParams& p) {
  const bool a_is_half = IsHalf(p.a_scale), b_is_half = IsHalf(p.b_scale);
  const bool a_is_less = p.a_scale.multiplier == 0 || p.a_scale.exponent < 0;
  const bool b_is_less = p.b_scale.multiplier == 0 || p.b_scale.exponent < 0;
  const bool has_half = (a_is_half && (b_is_half || b_is_less)) || (a_is_less && b_is_half);
  return has_half && (p.y_scale.multiplier == 0 || p.y_scale.exponent < 0);
}

}  // namespace

Add ReadAdd(StepFields* fields) {
  Add add = {};
  AddParams& p = add.params;
  add.kernels = &FindElementwiseKernels(fields->environment().isa);
  p.numerics = static_cast<Numerics>(fields->Integer("addNumerics", 0, 2));
  p.subtract = fields->Flag("addSubtract");
  const QuantizedFields values = ReadQuantizedFields(fields, "addSigned", "addZeroPoints", "addBounds");
  p.a_flip = values.flip[0], p.b_flip = values.flip[1], p.y_flip = values.flip[2];
  p.a_zero_point = values.zero_point[0], p.b_zero_point = values.zero_point[1], p.zero_point = values.zero_point[2];
  p.lo = values.lo, p.hi = values.hi;
  const double* scales = fields->Doubles("addScales", 3);
  if (!fields->ok()) return add;
  for (int i = 0; i < 3; ++i) {
    // Sums of two products by numbers below 2^115 are finite; fixed-point factors of one input are at most 1/2.
    const double limit = p.numerics == Numerics::kOnnx ? 0x1p115 : i < 2 ? 0.5 : kFixedPointLimit;
    if (!(scales[i] > 0 && scales[i] <= limit)) {
      fields->Fail("addScales", StatusCode::kQuantization, "expected positive scales within their limits");
      return add;
    }
  }
  if (p.numerics == Numerics::kOnnx) {
    p.a_real = static_cast<float>(scales[0]), p.b_real = static_cast<float>(scales[1]),
    p.y_real = static_cast<float>(scales[2]);
    if (!(p.y_real > 0)) fields->Fail("addScales", StatusCode::kQuantization, "expected a scale above 0 as a float32");
  } else {
    p.a_scale = ToFixedPoint(scales[0]), p.b_scale = ToFixedPoint(scales[1]), p.y_scale = ToFixedPoint(scales[2]);
    p.general = !FitsVectors(p);
  }
  return add;
}

}  // namespace octensor
