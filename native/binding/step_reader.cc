#include "binding/step_reader.h"

#include <deque>
#include <string>
#include <vector>

#include "binding/arguments.h"

namespace octensor {
namespace {

// As much as a plan may ask for its values.
constexpr size_t kMaxScratchBytes = size_t{1} << 32;

bool ReadString(napi_env env, napi_value value, std::string* text) {
  char buffer[64];  // longer than any name that is looked up
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, buffer, sizeof(buffer), &length) != napi_ok) return false;
  text->assign(buffer, length);
  return true;
}

bool TypeOf(napi_typedarray_type from, FieldType* to) {
  switch (from) {
    case napi_int8_array:
      return *to = FieldType::kInt8, true;
    case napi_uint8_array:
      return *to = FieldType::kUint8, true;
    case napi_int16_array:
      return *to = FieldType::kInt16, true;
    case napi_int32_array:
      return *to = FieldType::kInt32, true;
    case napi_float32_array:
      return *to = FieldType::kFloat32, true;
    case napi_float64_array:
      return *to = FieldType::kFloat64, true;
    default:
      return false;
  }
}

// False where the value is neither a number nor a typed array of a known type on memory that is not shared.
bool ReadField(napi_env env, napi_value value, Field* field) {
  if (napi_get_value_double(env, value, &field->number) == napi_ok) {
    field->type = FieldType::kNumber;
    return true;
  }
  napi_typedarray_type type;
  void* data;
  napi_value buffer;
  bool is_plain = false;
  if (napi_get_typedarray_info(env, value, &type, &field->length, &data, &buffer, nullptr) != napi_ok) return false;
  if (napi_is_arraybuffer(env, buffer, &is_plain) != napi_ok || !is_plain) return false;
  field->data = data;
  return TypeOf(type, &field->type);
}

// The fields of one step. Names stay where they are: fields point to them.
struct Description {
  std::string kind;
  std::deque<std::string> names;
  std::vector<Field> fields;
};

bool ReadDescription(napi_env env, napi_value step, Description* description) {
  napi_value kind, fields, names;
  uint32_t count = 0;
  if (napi_get_named_property(env, step, "kind", &kind) != napi_ok || !ReadString(env, kind, &description->kind) ||
      napi_get_named_property(env, step, "fields", &fields) != napi_ok ||
      napi_get_property_names(env, fields, &names) != napi_ok || napi_get_array_length(env, names, &count) != napi_ok) {
    return false;
  }
  for (uint32_t i = 0; i < count; ++i) {
    napi_value name, value;
    std::string text;
    Field field = {};
    if (napi_get_element(env, names, i, &name) != napi_ok || !ReadString(env, name, &text) ||
        napi_get_property(env, fields, name, &value) != napi_ok || !ReadField(env, value, &field)) {
      return false;
    }
    field.name = description->names.emplace_back(std::move(text)).c_str();
    description->fields.push_back(field);
  }
  return true;
}

void Throw(napi_env env, uint32_t index, const std::string& kind, const char* code, const std::string& message) {
  bool is_pending = false;
  napi_is_exception_pending(env, &is_pending);  // a getter's own
  if (is_pending) return;
  const std::string text = "native step " + std::to_string(index) + " (" + kind + "): " + message;
  napi_throw_error(env, code, text.c_str());
}

}  // namespace

bool AppendSteps(napi_env env, napi_value steps, Program* program) {
  uint32_t count = 0;
  if (napi_get_array_length(env, steps, &count) != napi_ok) {
    napi_throw_error(env, "ERR_NATIVE", "expected an array of steps");
    return false;
  }
  for (uint32_t i = 0; i < count; ++i) {
    napi_handle_scope scope;
    if (napi_open_handle_scope(env, &scope) != napi_ok) return false;
    napi_value value;
    Description description;
    bool ok = napi_get_element(env, steps, i, &value) == napi_ok && ReadDescription(env, value, &description);
    const StepKind* kind = ok ? FindStepKind(description.kind.c_str()) : nullptr;
    if (kind == nullptr) {
      Throw(env, i, description.kind, "ERR_NATIVE", ok ? "no such kind" : "expected fields that are numbers or typed arrays");
      ok = false;
    } else {
      StepFields fields(description.fields.data(), description.fields.size(), program->environment());
      std::unique_ptr<Step> step;
      kind->make(&fields, &step);
      if (step != nullptr && step->scratch_bytes() > kMaxScratchBytes) {
        fields.Fail("scratch", StatusCode::kShape, "expected a step that needs at most 4 GiB of scratch");
      }
      ok = fields.ok() && step != nullptr;
      if (ok) {
        program->Append(std::move(step));
      } else {
        const Status& status = fields.status();
        Throw(env, i, description.kind, CodeOf(status.code),
              "field " + std::string(fields.failed_name()) + ": " + status.message);
      }
    }
    napi_close_handle_scope(env, scope);
    if (!ok) return false;
  }
  return true;
}

}  // namespace octensor
