// An eager call: one operator on tensors that are there only for the call, as TensorFlow.js backends compute. Nothing is
// prepared and nothing kept but scratch memory. Kinds are listed in eager.cc; their functions read a call with EagerFields,
// which checks every size against its operand before any memory is touched.
#ifndef OCTENSOR_OPS_EAGER_H_
#define OCTENSOR_OPS_EAGER_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "core/aligned_buffer.h"
#include "core/status.h"
#include "kernels/eager.h"
#include "kernels/float.h"

namespace octensor {

// The typed arrays of a TensorFlow.js float32, int32 and bool tensor.
enum class EagerType : uint8_t { kFloat32, kInt32, kUint8 };

struct EagerOperand {
  EagerType type;
  void* data;    // may be null where count is 0
  size_t count;  // elements
};

// Memory that the calls of one JavaScript environment share: what a call needs it reserves, contents do not survive it.
struct EagerScratch {
  AlignedBuffer buffer;
};

struct EagerCall {
  const FloatKernels* kernels;
  const EagerKernels* eager;
  size_t threads;  // 1 to kMaxThreads
  EagerScratch* scratch;
  const double* numbers;
  size_t number_count;
  const EagerOperand* operands;
  size_t operand_count;
};

using EagerFunction = Status (*)(const EagerCall& call);

struct EagerKind {
  const char* name;
  EagerFunction run;
};

const EagerKind* EagerKinds(size_t* count);

// Dimensions of a tensor, from the outermost in; the product is below 2^40 and each of them at most 2^31 - 1.
constexpr size_t kMaxEagerRank = 8;
constexpr size_t kMaxEagerElements = size_t{1} << 40;
struct EagerShape {
  size_t rank = 0;
  size_t dims[kMaxEagerRank];

  size_t size() const {
    size_t size = 1;
    for (size_t i = 0; i < rank; ++i) size *= dims[i];
    return size;
  }
};

// Whether an output may be the very array that an input is. Partial overlap never passes.
enum class InPlace : uint8_t { kNo, kYes };

// The numbers and operands of a call, one after the other, each read with a check. The first failure sticks; what is read after
// it is harmless (the lower bound, null).
class EagerFields {
 public:
  explicit EagerFields(const EagerCall& call) : call_(call) {}

  double Number();
  int64_t Integer(int64_t min, int64_t max);
  size_t Size(size_t min = 0) { return static_cast<size_t>(Integer(static_cast<int64_t>(min), INT32_MAX)); }
  bool Flag() { return Integer(0, 1) != 0; }
  // The rank, then that many dimensions of 0 or more.
  EagerShape Shape();
  // Of sizes that were read; 0 after a failure.
  size_t Product(std::initializer_list<size_t> sizes);

  // Operands of exactly `count` elements. Null after a failure, and perhaps where count is 0.
  const float* In(size_t count) { return static_cast<const float*>(Operand(EagerType::kFloat32, count)); }
  const int32_t* InInt32(size_t count) { return static_cast<const int32_t*>(Operand(EagerType::kInt32, count)); }
  const uint8_t* InBool(size_t count) { return static_cast<const uint8_t*>(Operand(EagerType::kUint8, count)); }
  float* Out(size_t count, InPlace in_place = InPlace::kNo) {
    return static_cast<float*>(Output(EagerType::kFloat32, count, in_place));
  }
  int32_t* OutInt32(size_t count) { return static_cast<int32_t*>(Output(EagerType::kInt32, count, InPlace::kNo)); }
  uint8_t* OutBool(size_t count) { return static_cast<uint8_t*>(Output(EagerType::kUint8, count, InPlace::kNo)); }

  // Of any type, as long as its shape says.
  EagerOperand InAny();
  // An output of that type.
  void* OutAny(EagerType type, size_t count) { return Output(type, count, InPlace::kNo); }

  // For checks of the kind's own; `message` is a literal.
  void Fail(StatusCode code, const char* message) {
    if (status_.ok()) status_ = {code, message};
  }
  bool ok() const { return status_.ok(); }
  // After the last field: fails where numbers or operands are left over.
  Status Finish();

 private:
  void* Operand(EagerType type, size_t count);
  void* Output(EagerType type, size_t count, InPlace in_place);

  const EagerCall& call_;
  size_t next_number_ = 0, next_operand_ = 0;
  Status status_;
};

}  // namespace octensor

#endif  // OCTENSOR_OPS_EAGER_H_
