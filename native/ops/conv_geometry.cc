#include "ops/conv_geometry.h"

#include <initializer_list>

namespace octensor {
namespace {

bool IsWithinLimit(std::initializer_list<size_t> factors) {
  size_t product = 1;
  for (const size_t factor : factors) {
    if (factor > kMaxStepBytes / product) return false;
    product *= factor;
  }
  return true;
}

}  // namespace

ConvGeometry ReadConvGeometry(StepFields* fields) {
  ConvGeometry g = {};
  g.batches = fields->Size("batches");
  g.height = fields->Size("height");
  g.width = fields->Size("width");
  g.depth = fields->Size("depth");
  g.out_height = fields->Size("outHeight");
  g.out_width = fields->Size("outWidth");
  g.channels = fields->Size("channels");
  g.kernel[0] = fields->Size("kernelHeight");
  g.kernel[1] = fields->Size("kernelWidth");
  g.strides[0] = fields->Size("strideY");
  g.strides[1] = fields->Size("strideX");
  g.dilations[0] = fields->Size("dilationY");
  g.dilations[1] = fields->Size("dilationX");
  g.pads[0] = fields->Size("padTop", 0);
  g.pads[1] = fields->Size("padLeft", 0);
  g.groups = fields->Size("groups");
  if (g.depth % g.groups != 0 || g.channels % g.groups != 0) {
    fields->Fail("groups", StatusCode::kShape, "expected groups that divide depth and channels");
  }
  // Factors are below 2^31, so what windows cover is below 2^63.
  if (!IsWithinLimit({g.batches, g.height, g.width, g.depth}) ||
      !IsWithinLimit({g.batches, g.out_height, g.out_width, g.channels, sizeof(int32_t)}) ||
      !IsWithinLimit({g.channels, g.kernel[0], g.kernel[1], g.group_depth()}) ||
      !IsWithinLimit({g.batches, g.covered(0), g.covered(1), g.depth, sizeof(int16_t)})) {
    fields->Fail("height", StatusCode::kShape, "expected a convolution of at most 2^40 bytes");
  }
  return g;
}

ConvTaps MakeConvTaps(const ConvGeometry& g, size_t image_height, size_t image_width) {
  ConvTaps taps;
  const size_t row = image_width * g.depth;
  taps.grid = {g.out_width, g.out_height, g.strides[1] * g.depth, g.strides[0] * row, image_height * row};
  // A row of the window without gaps is one tap, and so are rows that follow each other without gaps.
  const bool joins_columns = g.groups == 1 && (g.dilations[1] == 1 || g.kernel[1] == 1);
  taps.k = joins_columns ? g.kernel[1] * g.depth : g.group_depth();
  const bool joins_rows = joins_columns && (g.kernel[0] == 1 || g.dilations[0] * row == taps.k);
  if (joins_rows) taps.k *= g.kernel[0];
  for (size_t y = 0; y < (joins_rows ? 1 : g.kernel[0]); ++y) {
    for (size_t x = 0; x < (joins_columns ? 1 : g.kernel[1]); ++x) {
      taps.offsets.push_back(static_cast<ptrdiff_t>(y * g.dilations[0] * row + x * g.dilations[1] * g.depth));
    }
  }
  return taps;
}

}  // namespace octensor
