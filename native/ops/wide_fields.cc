#include "ops/wide_fields.h"

namespace octensor {

WideOutput ReadWideOutput(StepFields* fields) {
  WideOutput output = {};
  output.type = static_cast<IntegerType>(fields->Integer("type", 0, 2));
  const bool is_int8 = output.type == IntegerType::kInt8, is_uint8 = output.type == IntegerType::kUint8;
  const int32_t min = is_int8 ? -128 : is_uint8 ? 0 : -32768, max = is_int8 ? 127 : is_uint8 ? 255 : 32767;
  output.zero_point = static_cast<int32_t>(fields->Integer("yZeroPoint", min, max));
  const auto lo = static_cast<int32_t>(fields->Integer("yMin", min, max));
  const auto hi = static_cast<int32_t>(fields->Integer("yMax", min, max));
  if (lo > hi) fields->Fail("yMin", StatusCode::kQuantization, "expected bounds in order");
  output.lo = static_cast<float>(lo - output.zero_point);
  output.hi = static_cast<float>(hi - output.zero_point);
  return output;
}

size_t WideOutputBytes(const WideOutput& output) { return output.type == IntegerType::kInt16 ? 2 : 1; }

float ReadWideScale(StepFields* fields, const char* name) {
  const auto scale = static_cast<float>(fields->Number(name));
  if (!(scale > 0 && scale < 0x1p100f)) fields->Fail(name, StatusCode::kQuantization, "expected a scale below 2^100");
  return scale;
}

WideOperand ReadWideOperand(StepFields* fields, const char* scale, const char* zero_point) {
  return {ReadWideScale(fields, scale), static_cast<int32_t>(fields->Integer(zero_point, -32768, 32767))};
}

}  // namespace octensor
