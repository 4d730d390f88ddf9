#include "ops/quantized_fields.h"

namespace octensor {

QuantizedFields ReadQuantizedFields(StepFields* fields, const char* is_signed, const char* zero_points, const char* bounds) {
  QuantizedFields result = {};
  const int32_t* flags = fields->Int32s(is_signed, 3);
  const int32_t* zeros = fields->Int32s(zero_points, 3);
  const int32_t* limits = fields->Int32s(bounds, 2);
  if (!fields->ok()) return result;
  const auto unsigned_of = [&](const char* name, int64_t value, int32_t flag) -> uint8_t {
    const int64_t shifted = flag != 0 ? value + 128 : value;
    if (shifted >= 0 && shifted <= 255) return static_cast<uint8_t>(shifted);
    fields->Fail(name, StatusCode::kQuantization, "expected integers of 8 bits");
    return 0;
  };
  for (int i = 0; i < 3; ++i) {
    result.flip[i] = flags[i] != 0 ? 0x80 : 0;
    result.zero_point[i] = unsigned_of(zero_points, zeros[i], flags[i]);
  }
  result.lo = unsigned_of(bounds, limits[0], flags[2]);
  result.hi = unsigned_of(bounds, limits[1], flags[2]);
  if (result.lo > result.hi) fields->Fail(bounds, StatusCode::kQuantization, "expected a lower and an upper bound");
  return result;
}

}  // namespace octensor
