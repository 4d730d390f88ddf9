// Dynamic quantization of a float32 tensor to uint8, to the bit as lib/ops/dynamic-quantize-linear.ts defines it.
#ifndef OCTENSOR_OPS_DYNAMIC_RANGE_H_
#define OCTENSOR_OPS_DYNAMIC_RANGE_H_

#include <cstddef>
#include <cstdint>

#include "kernels/elementwise.h"
#include "kernels/float.h"

namespace octensor {

struct DynamicRange {
  float scale;
  uint8_t zero_point;
  bool is_real;  // else the range is infinite, or too small for a scale: every element becomes 0
};

// Of elements from lo <= 0 to hi >= 0.
DynamicRange RangeParameters(float lo, float hi);

// Bytes of scratch memory for MeasureRange.
size_t RangeScratchBytes(size_t threads);
// The range of x's elements and 0; `scratch` is aligned to 64 bytes.
DynamicRange MeasureRange(const FloatKernels& kernels, const float* x, size_t count, size_t threads, uint8_t* scratch);

void QuantizeRange(const ElementwiseKernels& kernels, const DynamicRange& range, const float* x, size_t count, size_t threads,
                   uint8_t* y);

}  // namespace octensor

#endif  // OCTENSOR_OPS_DYNAMIC_RANGE_H_
