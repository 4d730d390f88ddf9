#include "ops/float_fields.h"

namespace octensor {

namespace {

constexpr int64_t kMaxWindowStep = 65536;  // strides and dilations: lib/ops/window.ts has the same limit

size_t ReadStep(StepFields* fields, const char* name) { return static_cast<size_t>(fields->Integer(name, 1, kMaxWindowStep)); }

}  // namespace

size_t CheckedProduct(StepFields* fields, const char* name, std::initializer_list<size_t> factors) {
  size_t product = 1;
  for (const size_t factor : factors) {
    if (factor != 0 && product > kMaxStepBytes / factor) {
      fields->Fail(name, StatusCode::kShape, "expected dimensions whose product fits into memory");
      return 0;
    }
    product *= factor;
  }
  return product;
}

FloatWindow ReadFloatWindow(StepFields* fields) {
  FloatWindow w;
  w.batches = fields->Size("batches");
  w.height = fields->Size("height");
  w.width = fields->Size("width");
  w.depth = fields->Size("depth");
  w.kernel_height = fields->Size("kernelHeight");
  w.kernel_width = fields->Size("kernelWidth");
  w.stride_y = ReadStep(fields, "strideY");
  w.stride_x = ReadStep(fields, "strideX");
  w.dilation_y = ReadStep(fields, "dilationY");
  w.dilation_x = ReadStep(fields, "dilationX");
  w.top = fields->Size("padTop", 0);
  w.left = fields->Size("padLeft", 0);
  w.out_height = fields->Size("outHeight");
  w.out_width = fields->Size("outWidth");
  return w;
}

FloatBounds ReadFloatBounds(StepFields* fields) {
  const float* bounds = fields->Floats("bounds", 2);
  if (bounds == nullptr) return {0, 0};
  if (!(bounds[0] <= bounds[1])) fields->Fail("bounds", StatusCode::kShape, "expected two numbers in ascending order");
  return {bounds[0], bounds[1]};
}

}  // namespace octensor
