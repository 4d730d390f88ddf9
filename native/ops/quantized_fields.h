// What steps on 8-bit tensors read of them: signedness, zero points and bounds, brought to uint8 as kernels want them.
#ifndef OCTENSOR_OPS_QUANTIZED_FIELDS_H_
#define OCTENSOR_OPS_QUANTIZED_FIELDS_H_

#include <cstdint>

#include "ops/step.h"

namespace octensor {

// Real multipliers from here on have no fixed-point form; lib/quant/requant.ts has the same number.
constexpr double kFixedPointLimit = 1073741823.75;

// Of two inputs a and b and an output y, in this order; a unary operator repeats a.
struct QuantizedFields {
  uint8_t flip[3];        // 0x80 for int8, else 0
  int32_t zero_point[3];  // 0 to 255
  uint8_t lo, hi;
};

// Fields: three flags, whether the value is int8; three zero points; two bounds, inclusive. All int32, in the values' own
// terms.
QuantizedFields ReadQuantizedFields(StepFields* fields, const char* is_signed, const char* zero_points, const char* bounds);

}  // namespace octensor

#endif  // OCTENSOR_OPS_QUANTIZED_FIELDS_H_
