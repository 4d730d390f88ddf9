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

std::vector<ptrdiff_t> WindowTaps(const FloatWindow& w, size_t row_step, bool merges) {
  const size_t columns = merges && (w.dilation_x == 1 || w.kernel_width == 1) ? 1 : w.kernel_width;
  std::vector<ptrdiff_t> offsets;
  offsets.reserve(w.kernel_height * columns);
  for (size_t ky = 0; ky < w.kernel_height; ++ky) {
    for (size_t kx = 0; kx < columns; ++kx) {
      offsets.push_back(static_cast<ptrdiff_t>(ky * w.dilation_y * row_step + kx * w.dilation_x * w.depth));
    }
  }
  return offsets;
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
