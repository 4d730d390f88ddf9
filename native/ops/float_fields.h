// What steps on float32 tensors read alike.
#ifndef OCTENSOR_OPS_FLOAT_FIELDS_H_
#define OCTENSOR_OPS_FLOAT_FIELDS_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "kernels/float.h"
#include "ops/float_region.h"
#include "ops/step.h"

namespace octensor {

// The product; 0 and a failure of field `name` where it is above kMaxStepBytes.
size_t CheckedProduct(StepFields* fields, const char* name, std::initializer_list<size_t> factors);

// A window that slides over images; fields of the same names. Nothing but the sizes' ranges is checked.
struct FloatWindow {
  size_t batches, height, width, depth;
  size_t kernel_height, kernel_width;
  size_t stride_y, stride_x, dilation_y, dilation_x;
  size_t top, left;  // padding
  size_t out_height, out_width;

  // Rows and columns that all windows together cover, from the first padded one on. Below 2^48.
  size_t reach_height() const { return (out_height - 1) * stride_y + (kernel_height - 1) * dilation_y + 1; }
  size_t reach_width() const { return (out_width - 1) * stride_x + (kernel_width - 1) * dilation_x + 1; }
  FloatRegion reach() const {
    return {-static_cast<ptrdiff_t>(top), -static_cast<ptrdiff_t>(left), reach_height(), reach_width()};
  }
};

// Where the taps of a window stand, in elements from its corner on: of an image whose rows are `row_step` elements apart.
// Without gaps, if `merges`, a row of the window is one tap.
std::vector<ptrdiff_t> WindowTaps(const FloatWindow& w, size_t row_step, bool merges);

FloatWindow ReadFloatWindow(StepFields* fields);

// Field "bounds": two floats, lo <= hi.
FloatBounds ReadFloatBounds(StepFields* fields);

}  // namespace octensor

#endif  // OCTENSOR_OPS_FLOAT_FIELDS_H_
