// The arguments of one call from JavaScript: typed access that fails once, with an Error that carries a code, and is harmless
// after that.
#ifndef OCTENSOR_BINDING_ARGUMENTS_H_
#define OCTENSOR_BINDING_ARGUMENTS_H_

#include <napi.h>

#include <cstdint>
#include <string>

#include "core/status.h"
#include "kernels/registry.h"

namespace octensor {

enum class ElementType { kNone, kInt8, kUint8, kInt32, kFloat32, kOther };

// Memory of a typed array, valid until the call returns to JavaScript. Without data: the argument was a number or undefined.
struct TypedArray {
  ElementType type = ElementType::kNone;
  void* data = nullptr;
  size_t length = 0;
  size_t size_bytes = 0;

  bool is_scalar() const { return type == ElementType::kNone; }
};

struct Float64Array {
  const double* data = nullptr;
  size_t length = 0;
};

// Of an Error.
const char* CodeOf(StatusCode code);

bool Overlap(const TypedArray& x, const TypedArray& y);

class Arguments {
 public:
  static constexpr size_t kMaxArguments = 16;

  Arguments(napi_env env, napi_callback_info info);

  bool ok() const { return ok_; }
  size_t count() const { return count_; }  // of those that were passed, at most kMaxArguments

  // Throws the first failure of the call; always returns null, for `return args.Fail(...)`.
  napi_value Fail(const char* code, const char* message);
  napi_value Fail(const Status& status);

  template <typename T>
  T* Data() const {
    return static_cast<T*>(data_);
  }

  double Double(size_t index);
  int32_t Int32(size_t index);     // an integer within int32
  size_t Dimension(size_t index);  // an integer from 1 to 2^31 - 1; 1 after a failure, so that dividing by it is safe
  bool Boolean(size_t index);
  std::string String(size_t index);
  void* External(size_t index);
  napi_value Value(size_t index) const { return values_[index]; }
  const IsaEntry* Isa(size_t index);  // one of this CPU and this build

  TypedArray Memory(size_t index);                     // any typed array
  TypedArray Element(size_t index, uint32_t element);  // the same, of an array
  TypedArray Bytes(size_t index);                      // Int8Array or Uint8Array
  TypedArray OptionalInt32Array(size_t index);
  TypedArray Int32ArrayOrNumber(size_t index);
  TypedArray Float32ArrayOrNumber(size_t index);
  TypedArray Output(size_t index);  // Int8Array, Uint8Array, Int32Array or Float32Array
  Float64Array Float64s(size_t index);

 private:
  TypedArray Array(napi_value value, const char* expected);
  TypedArray ArrayOrNumber(size_t index, ElementType type, const char* expected);

  napi_env env_;
  napi_value values_[kMaxArguments];
  size_t count_ = 0;
  void* data_ = nullptr;
  bool ok_ = true;
};

}  // namespace octensor

#endif  // OCTENSOR_BINDING_ARGUMENTS_H_
