// Fields of steps with int16 tensors.
#ifndef OCTENSOR_OPS_WIDE_FIELDS_H_
#define OCTENSOR_OPS_WIDE_FIELDS_H_

#include "kernels/wide.h"
#include "ops/step.h"

namespace octensor {

// type: 0 int8, 1 uint8, 2 int16; yZeroPoint, yMin, yMax: of that type
WideOutput ReadWideOutput(StepFields* fields);

size_t WideOutputBytes(const WideOutput& output);

// A positive number below 2^100, as float32: sums and products of operands with such scales are no NaN.
float ReadWideScale(StepFields* fields, const char* name);

// aScale, aZeroPoint for 'a'.
WideOperand ReadWideOperand(StepFields* fields, const char* scale, const char* zero_point);

}  // namespace octensor

#endif  // OCTENSOR_OPS_WIDE_FIELDS_H_
