// The types of elements that steps on tensors of any type tell apart, in the order of lib/backends/native/elements.ts.
#ifndef OCTENSOR_OPS_ELEMENT_TYPE_H_
#define OCTENSOR_OPS_ELEMENT_TYPE_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "ops/step.h"

namespace octensor {

enum class ElementType : uint8_t {
  kInt8,
  kUint8,
  kInt16,
  kUint16,
  kInt32,
  kUint32,
  kInt64,
  kUint64,
  kFloat32,
  kFloat64,
  kFloat16,
  kBool
};

constexpr int64_t kElementTypes = 12;

inline size_t ElementBytes(ElementType type) {
  constexpr size_t kBytes[] = {1, 1, 2, 2, 4, 4, 8, 8, 4, 8, 2, 1};
  return kBytes[static_cast<size_t>(type)];
}

inline ElementType ReadElementType(StepFields* fields, const char* name) {
  return static_cast<ElementType>(fields->Integer(name, 0, kElementTypes - 1));
}

// IEEE 754 binary16 by its bits: lib/float16.ts.
struct Float16 {
  uint16_t bits;
};

// One byte, 0 or 1 unless a caller lied; anything but 0 counts as true.
struct Bool {
  uint8_t value;
};

// Calls f with a value of the C++ type, whose content does not count. Float16 and Bool are the structs above.
template <typename F>
void WithElementType(ElementType type, const F& f) {
  switch (type) {
    case ElementType::kInt8:
      return f(int8_t{});
    case ElementType::kUint8:
      return f(uint8_t{});
    case ElementType::kInt16:
      return f(int16_t{});
    case ElementType::kUint16:
      return f(uint16_t{});
    case ElementType::kInt32:
      return f(int32_t{});
    case ElementType::kUint32:
      return f(uint32_t{});
    case ElementType::kInt64:
      return f(int64_t{});
    case ElementType::kUint64:
      return f(uint64_t{});
    case ElementType::kFloat32:
      return f(float{});
    case ElementType::kFloat64:
      return f(double{});
    case ElementType::kFloat16:
      return f(Float16{});
    case ElementType::kBool:
      return f(Bool{});
  }
}

// The same for numbers only. A byte that stands for a truth is compared as it stands; nothing is called for Float16.
template <typename F>
void WithNumberType(ElementType type, const F& f) {
  WithElementType(type == ElementType::kBool ? ElementType::kUint8 : type, [&](auto element) {
    if constexpr (std::is_arithmetic<decltype(element)>::value) f(element);
  });
}

// Calls f with an unsigned integer that has as many bytes, for what only moves elements. `bytes`: 1, 2, 4 or 8.
template <typename F>
void WithElementBytes(size_t bytes, const F& f) {
  switch (bytes) {
    case 1:
      return f(uint8_t{});
    case 2:
      return f(uint16_t{});
    case 4:
      return f(uint32_t{});
    default:
      return f(uint64_t{});
  }
}

}  // namespace octensor

#endif  // OCTENSOR_OPS_ELEMENT_TYPE_H_
