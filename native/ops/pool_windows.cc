#include "ops/pool_windows.h"

namespace octensor {

PoolWindows ReadPoolWindows(StepFields* fields, size_t element_bytes, size_t max_window) {
  PoolWindows p = {};
  p.batches = fields->Size("batches"), p.height = fields->Size("height"), p.width = fields->Size("width");
  p.channels = fields->Size("depth");
  p.out_height = fields->Size("outHeight"), p.out_width = fields->Size("outWidth");
  p.kernel_height = fields->Size("kernelHeight"), p.kernel_width = fields->Size("kernelWidth");
  p.stride_y = fields->Size("strideY"), p.stride_x = fields->Size("strideX");
  p.pad_top = fields->Size("padTop", 0), p.pad_left = fields->Size("padLeft", 0);
  // Products of two dimensions are below 2^62; of more, they are checked one after another.
  const auto size = [&](size_t height, size_t width) -> size_t {
    const size_t plane = height * width;
    if (plane <= kMaxStepBytes && p.channels <= kMaxStepBytes / plane && p.batches <= kMaxStepBytes / (plane * p.channels)) {
      return p.batches * plane * p.channels;
    }
    fields->Fail("depth", StatusCode::kShape, "expected dimensions whose product is a size");
    return 1;
  };
  const size_t x_size = size(p.height, p.width), y_size = size(p.out_height, p.out_width);
  if (p.kernel_height * p.kernel_width > max_window) {
    fields->Fail("kernelHeight", StatusCode::kShape, "expected windows of fewer pixels");
  }
  p.x = fields->In("x", x_size, element_bytes);
  p.y = fields->Out("y", y_size, element_bytes);
  return p;
}

}  // namespace octensor
