// Where a convolution's windows stand on its input, and on the padded copy of it that is made where windows reach outside.
#ifndef OCTENSOR_OPS_CONV_GEOMETRY_H_
#define OCTENSOR_OPS_CONV_GEOMETRY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ops/gemm_driver.h"
#include "ops/step.h"

namespace octensor {

// Pairs are vertical, horizontal.
struct ConvGeometry {
  size_t batches, height, width, depth;  // of the input
  size_t out_height, out_width, channels;
  size_t kernel[2], strides[2], dilations[2];
  size_t pads[2];  // before the input
  size_t groups;

  size_t group_depth() const { return depth / groups; }
  size_t group_channels() const { return channels / groups; }
  size_t pixels() const { return batches * out_height * out_width; }
  size_t x_elements() const { return batches * height * width * depth; }
  size_t y_elements() const { return pixels() * channels; }
  size_t w_elements() const { return channels * kernel[0] * kernel[1] * group_depth(); }
  // Of the input and its padding, what windows cover.
  size_t covered(int axis) const {
    return ((axis == 0 ? out_height : out_width) - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1;
  }
  bool reaches_outside() const { return pads[0] != 0 || pads[1] != 0 || covered(0) > height || covered(1) > width; }
};

// Reads batches, height, width, depth, outHeight, outWidth, channels, kernelHeight, kernelWidth, strideY, strideX, dilationY,
// dilationX, padTop, padLeft, groups. Every product of them that is needed stays below kMaxStepBytes.
ConvGeometry ReadConvGeometry(StepFields* fields);

// The convolution as a product of matrices: the taps of a window and the rows of A, in elements of an image `pitch` pixels
// wide.
struct ConvTaps {
  std::vector<ptrdiff_t> offsets;
  size_t k;  // of each tap
  RowGrid grid;
};
ConvTaps MakeConvTaps(const ConvGeometry& g, size_t image_height, size_t image_width);

}  // namespace octensor

#endif  // OCTENSOR_OPS_CONV_GEOMETRY_H_
