// What eager convolutions and poolings read alike: a window that slides over images in NHWC order.
#ifndef OCTENSOR_OPS_EAGER_WINDOW_H_
#define OCTENSOR_OPS_EAGER_WINDOW_H_

#include <cstddef>
#include <initializer_list>
#include <vector>

#include "ops/eager.h"
#include "ops/float_fields.h"

namespace octensor {

// The product of sizes; 0 and a failure where it is above 2^38, so that bytes of a few can be added up.
size_t EagerProduct(EagerFields* fields, std::initializer_list<size_t> factors);

// batches, height, width, depth, kernelHeight, kernelWidth, strideY, strideX, dilationY, dilationX, top, left, outHeight,
// outWidth: all at least 1, top and left, the padding, at least 0. The first window reaches into the image and the last one
// begins in it, both ways, a window with its gaps has at most 2^16 rows and columns, and what all windows see is not much
// larger than the image.
FloatWindow ReadEagerWindow(EagerFields* fields);

// lo, hi
FloatBounds ReadEagerBounds(EagerFields* fields);

inline FloatImages InputImages(const FloatWindow& w, const float* x) { return {x, w.batches, w.height, w.width, w.depth}; }
inline size_t InputCount(const FloatWindow& w) { return w.batches * w.height * w.width * w.depth; }
// Whether the convolution is a product of matrices, one row a pixel.
inline bool IsPlainMatrix(const FloatWindow& w) {
  return w.kernel_height == 1 && w.kernel_width == 1 && w.stride_y == 1 && w.stride_x == 1 && w.out_height == w.height &&
         w.out_width == w.width;
}
inline size_t OutputPixels(const FloatWindow& w) { return w.batches * w.out_height * w.out_width; }

// The gradient by a convolution's input, of all places whose distance from the padded edge leaves the same remainder `phase`
// when divided by the stride. Only kernel taps phase, phase + stride, ... meet them; with those, in reverse order, the gradient
// is a convolution of dy with stride 1.
struct AxisPhase {
  size_t phase;
  size_t taps;      // 0: the gradient is 0
  size_t first;     // place of the input
  size_t count;     // places, `stride` apart
  ptrdiff_t begin;  // where in dy the first window begins
};
struct GradientPhase {
  AxisPhase y, x;

  bool is_empty() const { return y.count == 0 || x.count == 0; }
  size_t taps() const { return y.taps * x.taps; }
  // What its windows see of dy; for taps() > 0.
  FloatRegion region() const { return {y.begin, x.begin, y.count + y.taps - 1, x.count + x.taps - 1}; }
};
// All places of the input belong to one of them. Strides may be larger than images.
std::vector<GradientPhase> FindGradientPhases(const FloatWindow& w);
// Which tap of the filter is tap (j, i) of a phase.
size_t TapOf(const FloatWindow& w, const GradientPhase& phase, size_t j, size_t i);

}  // namespace octensor

#endif  // OCTENSOR_OPS_EAGER_WINDOW_H_
