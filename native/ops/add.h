// Sums of quantized tensors: for the step "binary", and for convolutions that add a residual to what they have just stored.
#ifndef OCTENSOR_OPS_ADD_H_
#define OCTENSOR_OPS_ADD_H_

#include <cstddef>
#include <cstdint>

#include "kernels/elementwise.h"
#include "ops/step.h"

namespace octensor {

struct Add {
  AddParams params;
  const ElementwiseKernels* kernels;
};

// y[i] = clamp(quantize(a[i] +- b[i])); y may be a or b.
inline void AddRun(const Add& add, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n) {
  add.kernels->add(add.params, a, b, y, n);
}

// Reads what addFields of lib/backends/native/binary.ts makes; a failure is in fields->status().
//   addNumerics; addSubtract: flag; addSigned: int32[3] flags, whether a, b, y are int8; addZeroPoints: int32[3] of a, b, y;
//   addBounds: int32[2], of y; addScales: float64[3], for fixed point the factors of a and b, which are at most 1/2, and of
//   their sum, for onnx the scales of a, b and y
Add ReadAdd(StepFields* fields);

}  // namespace octensor

#endif  // OCTENSOR_OPS_ADD_H_
