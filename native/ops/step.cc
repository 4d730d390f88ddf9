#include "ops/step.h"

#include <cmath>
#include <cstring>

namespace octensor {

const Field* StepFields::Find(const char* name) const {
  for (size_t i = 0; i < count_; ++i) {
    if (std::strcmp(fields_[i].name, name) == 0) return &fields_[i];
  }
  return nullptr;
}

void StepFields::Fail(const char* name, StatusCode code, const char* message) {
  if (!status_.ok()) return;
  status_ = {code, message};
  failed_name_ = name;
}

double StepFields::Number(const char* name) {
  const Field* field = Find(name);
  if (field != nullptr && field->type == FieldType::kNumber && std::isfinite(field->number)) return field->number;
  Fail(name, StatusCode::kShape, "expected a finite number");
  return 0;
}

int64_t StepFields::Integer(const char* name, int64_t min, int64_t max) {
  const double value = Number(name);
  if (!ok()) return min;
  // Every limit used is exact as a double.
  if (value != std::floor(value) || !(value >= static_cast<double>(min) && value <= static_cast<double>(max))) {
    Fail(name, StatusCode::kShape, "expected an integer within its limits");
    return min;
  }
  return static_cast<int64_t>(value);
}

size_t StepFields::Length(const char* name) const {
  const Field* field = Find(name);
  return field != nullptr && field->type != FieldType::kNumber ? field->length : 0;
}

const void* StepFields::FindArray(const char* name, FieldType type, size_t count) {
  const Field* field = Find(name);
  if (field == nullptr || field->type != type || field->length != count) {
    Fail(name, StatusCode::kShape, "expected a typed array of another type or length");
  }
  return ok() ? field->data : nullptr;
}

const uint8_t* StepFields::Bytes(const char* name, size_t count, bool* is_signed) {
  const Field* field = Find(name);
  *is_signed = field != nullptr && field->type == FieldType::kInt8;
  return static_cast<const uint8_t*>(FindArray(name, *is_signed ? FieldType::kInt8 : FieldType::kUint8, count));
}

Place StepFields::FindPlace(const char* name, size_t count, size_t element_bytes, bool may_be_constant) {
  const auto limit = static_cast<int64_t>(kMaxStepBytes);
  const auto most = static_cast<int64_t>(environment_.binding_count * kBindingStep) + limit;
  const int64_t number = Integer(name, -limit, most);
  if (!ok()) return {};
  const bool is_constant = number < 0;
  const size_t binding = is_constant ? 0 : static_cast<size_t>(number) / kBindingStep;
  const size_t offset = is_constant ? static_cast<size_t>(-1 - number) : static_cast<size_t>(number) % kBindingStep;
  const size_t end = is_constant    ? environment_.constant_bytes
                     : binding == 0 ? environment_.value_bytes
                                    : environment_.bindings[binding - 1].bytes;
  const bool fits = offset <= end && count <= (end - offset) / element_bytes && offset % element_bytes == 0;
  if ((is_constant && !may_be_constant) || !fits) {
    Fail(name, StatusCode::kShape, "expected a place inside the program's memory");
    return {};
  }
  return {offset, is_constant, static_cast<uint8_t>(binding)};
}

}  // namespace octensor
