#include "binding/arguments.h"

#include <algorithm>
#include <cmath>

#include "core/cpu.h"

namespace octensor {
namespace {

ElementType FromNapi(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array:
      return ElementType::kInt8;
    case napi_uint8_array:
      return ElementType::kUint8;
    case napi_int32_array:
      return ElementType::kInt32;
    case napi_float32_array:
      return ElementType::kFloat32;
    default:
      return ElementType::kOther;
  }
}

size_t ElementBytes(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array:
    case napi_uint8_array:
    case napi_uint8_clamped_array:
      return 1;
    case napi_int16_array:
    case napi_uint16_array:
      return 2;
    case napi_int32_array:
    case napi_uint32_array:
    case napi_float32_array:
      return 4;
    case napi_float64_array:
    case napi_bigint64_array:
    case napi_biguint64_array:
      return 8;
    default:
      return 0;  // a type that is newer than this
  }
}

}  // namespace

const char* CodeOf(StatusCode code) {
  switch (code) {
    case StatusCode::kShape:
      return "ERR_SHAPE";
    case StatusCode::kQuantization:
      return "ERR_QUANTIZATION";
    default:
      return "ERR_NATIVE";
  }
}

bool Overlap(const TypedArray& x, const TypedArray& y) {
  const auto x0 = reinterpret_cast<uintptr_t>(x.data), y0 = reinterpret_cast<uintptr_t>(y.data);
  return x.data != nullptr && y.data != nullptr && x0 < y0 + y.size_bytes && y0 < x0 + x.size_bytes;
}

Arguments::Arguments(napi_env env, napi_callback_info info) : env_(env) {
  size_t count = kMaxArguments;  // Node-API fills what was not passed with undefined
  napi_get_cb_info(env, info, &count, values_, nullptr, &data_);
  count_ = std::min(count, kMaxArguments);
}

napi_value Arguments::Fail(const char* code, const char* message) {
  if (ok_) napi_throw_error(env_, code, message);
  ok_ = false;
  return nullptr;
}

napi_value Arguments::Fail(const Status& status) { return Fail(CodeOf(status.code), status.message); }

double Arguments::Double(size_t index) {
  double value = 0;
  if (ok_ && napi_get_value_double(env_, values_[index], &value) != napi_ok) Fail("ERR_OPTION", "expected a number");
  return value;
}

int32_t Arguments::Int32(size_t index) {
  const double value = Double(index);
  if (!ok_) return 0;
  if (!(value >= INT32_MIN && value <= INT32_MAX) || value != std::floor(value)) {
    Fail("ERR_OPTION", "expected an integer of 32 bits");
    return 0;
  }
  return static_cast<int32_t>(value);
}

size_t Arguments::Dimension(size_t index) {
  const int32_t value = Int32(index);
  if (ok_ && value < 1) Fail("ERR_SHAPE", "expected an integer from 1 to 2^31 - 1");
  return ok_ ? static_cast<size_t>(value) : 1;
}

bool Arguments::Boolean(size_t index) {
  bool value = false;
  if (ok_ && napi_get_value_bool(env_, values_[index], &value) != napi_ok) Fail("ERR_OPTION", "expected a boolean");
  return value;
}

std::string Arguments::String(size_t index) {
  char text[32];  // longer than any name that is looked up here
  size_t length = 0;
  if (ok_ && napi_get_value_string_utf8(env_, values_[index], text, sizeof(text), &length) != napi_ok) {
    Fail("ERR_OPTION", "expected a string");
  }
  return std::string(text, ok_ ? length : 0);
}

void* Arguments::External(size_t index) {
  void* data = nullptr;
  if (ok_ && napi_get_value_external(env_, values_[index], &data) != napi_ok)
    Fail("ERR_NATIVE", "expected a handle that the addon made");
  return data;
}

const IsaEntry* Arguments::Isa(size_t index) {
  const std::string name = String(index);
  const IsaEntry* isa = ok_ ? FindIsa(name.c_str()) : nullptr;
  if (ok_ && (isa == nullptr || !IsSupported(isa->isa))) {
    Fail("ERR_NATIVE", "expected an instruction set of this CPU and build");
  }
  return isa;
}

TypedArray Arguments::Array(napi_value value, const char* expected) {
  TypedArray array;
  if (!ok_) return array;
  napi_typedarray_type type;
  napi_value buffer;
  if (napi_get_typedarray_info(env_, value, &type, &array.length, &array.data, &buffer, nullptr) != napi_ok) {
    Fail("ERR_DTYPE", expected);
    return {};
  }
  bool plain = false;
  if (napi_is_arraybuffer(env_, buffer, &plain) != napi_ok ||
      !plain) {  // a SharedArrayBuffer, which others may write to meanwhile
    Fail("ERR_DTYPE", "expected a typed array on an ArrayBuffer, not a SharedArrayBuffer");
    return {};
  }
  array.type = FromNapi(type);
  array.size_bytes = array.length * ElementBytes(type);
  return array;
}

TypedArray Arguments::Memory(size_t index) { return Array(values_[index], "expected a typed array"); }

TypedArray Arguments::Element(size_t index, uint32_t element) {
  napi_value value = nullptr;
  if (ok_ && napi_get_element(env_, values_[index], element, &value) != napi_ok) Fail("ERR_DTYPE", "expected an array");
  return Array(value, "expected typed arrays");
}

TypedArray Arguments::ArrayOrNumber(size_t index, ElementType type, const char* expected) {
  napi_valuetype kind;
  if (!ok_ || (napi_typeof(env_, values_[index], &kind) == napi_ok && kind == napi_number)) return {};
  TypedArray array = Array(values_[index], expected);
  if (ok_ && array.type != type) Fail("ERR_DTYPE", expected);
  return array;
}

TypedArray Arguments::Bytes(size_t index) {
  TypedArray array = Array(values_[index], "expected an Int8Array or Uint8Array");
  if (ok_ && array.type != ElementType::kInt8 && array.type != ElementType::kUint8)
    Fail("ERR_DTYPE", "expected an Int8Array or Uint8Array");
  return array;
}

TypedArray Arguments::OptionalInt32Array(size_t index) {
  napi_valuetype kind;
  if (!ok_ || (napi_typeof(env_, values_[index], &kind) == napi_ok && kind == napi_undefined)) return {};
  TypedArray array = Array(values_[index], "expected an Int32Array or undefined");
  if (ok_ && array.type != ElementType::kInt32) Fail("ERR_DTYPE", "expected an Int32Array or undefined");
  return array;
}

TypedArray Arguments::Int32ArrayOrNumber(size_t index) {
  return ArrayOrNumber(index, ElementType::kInt32, "expected a number or an Int32Array");
}

TypedArray Arguments::Float32ArrayOrNumber(size_t index) {
  return ArrayOrNumber(index, ElementType::kFloat32, "expected a number or a Float32Array");
}

Float64Array Arguments::Float64s(size_t index) {
  napi_typedarray_type type = napi_int8_array;
  Float64Array array;
  void* data = nullptr;
  if (ok_ && (napi_get_typedarray_info(env_, values_[index], &type, &array.length, &data, nullptr, nullptr) != napi_ok ||
              type != napi_float64_array)) {
    Fail("ERR_DTYPE", "expected a Float64Array");
    return {};
  }
  array.data = static_cast<const double*>(data);
  return array;
}

TypedArray Arguments::Output(size_t index) {
  constexpr const char* kExpected = "expected an Int8Array, Uint8Array, Int32Array or Float32Array";
  TypedArray array = Array(values_[index], kExpected);
  if (ok_ && array.type == ElementType::kOther) Fail("ERR_DTYPE", kExpected);
  return array;
}

}  // namespace octensor
