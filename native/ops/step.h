// One step of a compiled program. A step copies what it needs when it is made (packed weights, tables, prepared epilogues) and
// afterwards only reads and writes a run's memory, so that any number of runs may use it at the same time.
#ifndef OCTENSOR_OPS_STEP_H_
#define OCTENSOR_OPS_STEP_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/status.h"
#include "kernels/registry.h"

namespace octensor {

// Where a value stands: a byte offset into the run's memory, into the program's constants, or into what is bound to the run.
struct Place {
  size_t offset = 0;
  bool is_constant = false;
  uint8_t binding = 0;  // 1 + index of one of RunMemory::bound
};

// The memory of one run.
struct RunMemory {
  uint8_t* values;           // 64-byte aligned
  const uint8_t* constants;  // 64-byte aligned
  uint8_t* scratch;          // 64-byte aligned; contents do not survive a step
  size_t threads;            // 1 to StepEnvironment::threads
  bool* refused = nullptr;   // of the run; null where nobody asks
  // Memory of the run's inputs and outputs, 16-byte aligned, as many as StepEnvironment::bindings.
  uint8_t* const* bound = nullptr;

  // The run ends here: the data is none that the operator takes. What the step has written so far does not count.
  void Refuse() const {
    if (refused != nullptr) *refused = true;
  }

  template <typename T>
  const T* In(Place place) const {
    return reinterpret_cast<const T*>((place.is_constant ? constants : Writable(place)) + place.offset);
  }
  template <typename T>
  T* Out(Place place) const {
    return reinterpret_cast<T*>(Writable(place) + place.offset);
  }
  uint8_t* Writable(Place place) const { return place.binding == 0 ? values : bound[place.binding - 1]; }
};

class Step {
 public:
  virtual ~Step() = default;
  virtual void Run(const RunMemory& memory) const = 0;
  // What the step runs on, for profiles: a kernel's name, or "scalar".
  virtual const char* kernel() const { return "scalar"; }
  // Of RunMemory::scratch, with StepEnvironment::threads threads.
  virtual size_t scratch_bytes() const { return 0; }
  // Of packed weights and tables: what the step keeps.
  virtual size_t size_bytes() const { return 0; }
};

// An input or output of runs that steps may read and write where the caller has it. `offset`: its place in the run's own
// memory, where it stands when nothing is bound.
struct Binding {
  size_t offset, bytes;
  bool is_output;
};

constexpr size_t kMaxBindings = 64;

// What steps are made for.
struct StepEnvironment {
  Isa isa;
  size_t threads;
  size_t value_bytes;     // of RunMemory::values
  size_t constant_bytes;  // of RunMemory::constants
  const Binding* bindings = nullptr;
  size_t binding_count = 0;
};

// The largest product of dimensions, and the largest count of bytes, that a step accepts: sums of a few never overflow.
constexpr size_t kMaxStepBytes = size_t{1} << 40;
constexpr size_t kBindingStep = 2 * kMaxStepBytes;

enum class FieldType : uint8_t { kNumber, kInt8, kUint8, kInt16, kInt32, kFloat32, kFloat64 };

// A named number or typed array. The array is the caller's, valid while the step is being made.
struct Field {
  const char* name;
  FieldType type;
  double number;
  const void* data;
  size_t length;
};

// The description of a step: named fields, read with checks. The first failure sticks; what is read after it is harmless (the
// lower bound, null), and the maker returns status().
class StepFields {
 public:
  StepFields(const Field* fields, size_t count, const StepEnvironment& environment)
      : fields_(fields), count_(count), environment_(environment) {}

  const StepEnvironment& environment() const { return environment_; }

  bool Has(const char* name) const { return Find(name) != nullptr; }
  int64_t Integer(const char* name, int64_t min, int64_t max);
  size_t Size(const char* name, size_t min = 1) {
    return static_cast<size_t>(Integer(name, static_cast<int64_t>(min), INT32_MAX));
  }
  bool Flag(const char* name) { return Integer(name, 0, 1) != 0; }
  double Number(const char* name);  // finite

  // Arrays of exactly `count` elements. Null after a failure.
  const int16_t* Int16s(const char* name, size_t count) { return Array<int16_t>(name, FieldType::kInt16, count); }
  const int32_t* Int32s(const char* name, size_t count) { return Array<int32_t>(name, FieldType::kInt32, count); }
  const float* Floats(const char* name, size_t count) { return Array<float>(name, FieldType::kFloat32, count); }
  const double* Doubles(const char* name, size_t count) { return Array<double>(name, FieldType::kFloat64, count); }
  const uint8_t* Bytes(const char* name, size_t count, bool* is_signed);  // Int8Array or Uint8Array
  // Of an array, else 0.
  size_t Length(const char* name) const;

  // Places hold at least `count` elements and are aligned to one; numbers >= 0 are offsets of values, -1 - offset is one of
  // constants, and (1 + i) * kBindingStep + offset one of binding i.
  Place In(const char* name, size_t count, size_t element_bytes) { return FindPlace(name, count, element_bytes, true); }
  Place Out(const char* name, size_t count, size_t element_bytes) { return FindPlace(name, count, element_bytes, false); }

  // For checks of the maker's own; `message` is a literal.
  void Fail(const char* name, StatusCode code, const char* message);
  bool ok() const { return status_.ok(); }
  const Status& status() const { return status_; }
  // Which field the failure is about.
  const char* failed_name() const { return failed_name_; }

 private:
  const Field* Find(const char* name) const;
  const void* FindArray(const char* name, FieldType type, size_t count);
  template <typename T>
  const T* Array(const char* name, FieldType type, size_t count) {
    return static_cast<const T*>(FindArray(name, type, count));
  }
  Place FindPlace(const char* name, size_t count, size_t element_bytes, bool may_be_constant);

  const Field* fields_;
  size_t count_;
  StepEnvironment environment_;
  Status status_;
  const char* failed_name_ = "";
};

// Makes a step of the description, or leaves `step` empty and says why in fields->status().
using MakeStep = void (*)(StepFields* fields, std::unique_ptr<Step>* step);

struct StepKind {
  const char* name;
  MakeStep make;
};

// The kind of that name (steps.cc lists them), or null.
const StepKind* FindStepKind(const char* name);

}  // namespace octensor

#endif  // OCTENSOR_OPS_STEP_H_
