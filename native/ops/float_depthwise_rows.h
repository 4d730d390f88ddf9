// Depthwise convolution of float32, row by row, and the gradient of its weights. Kernels see the input through pointers to
// pixels; those outside of the image point to a pixel of zeros. With several outputs for each channel of the input (a
// multiplier) the input's channels are repeated first: then output and input channels are the same.
#ifndef OCTENSOR_OPS_FLOAT_DEPTHWISE_ROWS_H_
#define OCTENSOR_OPS_FLOAT_DEPTHWISE_ROWS_H_

#include <cstddef>

#include "ops/float_fields.h"
#include "ops/float_region.h"

namespace octensor {

// A table of pointers to the pixels that a row of outputs sees; each thread has one.
size_t PixelTableBytes(size_t kernel_height, size_t columns);

struct FloatDepthwiseArgs {
  const FloatKernels* kernels;
  FloatImages images;
  FloatWindow window;  // kernel, strides, dilations and output; the rest does not count
  FloatRegion region;  // of the images: what all windows see
  const float* w;      // [taps][channels padded to whole vectors], aligned to a cache line, as is bias
  const float* bias;
  const float* zeros;  // a padded pixel
  FloatBounds bounds;
  const float** pixels;  // a table a thread
  float* y;
  size_t y_step, y_row_step, y_image_step;  // elements from pixel to pixel, row to row, image to image
  size_t threads;
};
void FloatDepthwise(const FloatDepthwiseArgs& args);

// The gradient of the weights, [taps][channels], from that of the output. Each row of dy is one chain of additions; rows are
// added up in at most kDepthwiseGroups groups, cut by the shape alone: bits do not depend on the number of threads.
struct FloatDepthwiseGradientArgs {
  const FloatKernels* kernels;
  FloatImages images;
  FloatWindow window;
  const float* dy;  // [batches, out_height, out_width, channels]
  const float* zeros;
  const float** pixels;
  float* dw;
  float* partials;  // DepthwisePartials floats
  size_t threads;
};
constexpr size_t kDepthwiseGroups = 32;
size_t DepthwisePartials(const FloatWindow& window, size_t channels);
void FloatDepthwiseGradient(const FloatDepthwiseGradientArgs& args);

// y[i * multiplier + m] = x[i]
void RepeatChannels(const float* x, size_t count, size_t multiplier, size_t threads, float* y);

}  // namespace octensor

#endif  // OCTENSOR_OPS_FLOAT_DEPTHWISE_ROWS_H_
