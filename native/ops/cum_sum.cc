// Running sums along an axis that is data: lib/ops/cum-sum.ts. An axis that x does not have ends the run.
#include <memory>
#include <type_traits>

#include "ops/element_type.h"
#include "ops/indices.h"
#include "ops/parallel.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kMaxRank = 64;
constexpr size_t kMinPart = size_t{1} << 14;  // elements

struct CumSumParams {
  ElementType type;
  size_t rank, count;
  size_t dims[kMaxRank];
  Indices axis;
  bool exclusive, reverse;
  Place x, y;
};

class CumSumStep : public Step {
 public:
  explicit CumSumStep(const CumSumParams& params) : p_(params) {}

  void Run(const RunMemory& memory) const override {
    size_t axis;
    if (!p_.axis.Find(memory, 0, p_.rank, &axis)) return memory.Refuse();
    size_t inner = 1;
    for (size_t i = axis + 1; i < p_.rank; ++i) inner *= p_.dims[i];
    WithElementType(p_.type, [&](auto element) {
      using T = decltype(element);
      if constexpr (std::is_arithmetic<T>::value) Sum<T>(memory, p_.dims[axis], inner);
    });
  }

 private:
  // Floats are summed in double; integers wrap.
  template <typename T>
  void Sum(const RunMemory& memory, size_t length, size_t inner) const {
    using Unsigned = typename std::conditional<sizeof(T) == 8, uint64_t, uint32_t>::type;
    using Total = typename std::conditional<std::is_floating_point<T>::value, double, Unsigned>::type;
    const T* x = memory.In<T>(p_.x);
    T* y = memory.Out<T>(p_.y);
    RunParts(memory, p_.count / length, kMinPart / length, [&](size_t first, size_t end) {
      for (size_t row = first; row < end; ++row) {
        const size_t start = row / inner * length * inner + row % inner;
        Total sum = 0;
        for (size_t k = 0; k < length; ++k) {
          const size_t i = start + (p_.reverse ? length - 1 - k : k) * inner;
          const T element = x[i];
          if (p_.exclusive) y[i] = static_cast<T>(sum);
          sum += static_cast<Total>(element);
          if (!p_.exclusive) y[i] = static_cast<T>(sum);
        }
      }
    });
  }

  CumSumParams p_;
};

}  // namespace

// type: of numbers, as ElementType; dims: int32[1 to 64] of x and y; indices: the axis, longIndices: whether it is int64, else
// int32; exclusive, reverse: flags
void MakeCumSumStep(StepFields* fields, std::unique_ptr<Step>* step) {
  CumSumParams p = {};
  p.type = ReadElementType(fields, "type");
  if (p.type == ElementType::kFloat16 || p.type == ElementType::kBool) {
    fields->Fail("type", StatusCode::kShape, "expected a type of numbers");
  }
  p.rank = fields->Length("dims");
  if (p.rank < 1 || p.rank > kMaxRank) fields->Fail("dims", StatusCode::kShape, "expected 1 to 64 dimensions");
  const int32_t* dims = fields->Int32s("dims", p.rank);
  p.count = 1;
  for (size_t i = 0; fields->ok() && i < p.rank; ++i) {
    if (dims[i] < 1 || static_cast<size_t>(dims[i]) > kMaxStepBytes / p.count) {
      return fields->Fail("dims", StatusCode::kShape, "expected dimensions of at least 1 whose product is a size");
    }
    p.dims[i] = static_cast<size_t>(dims[i]);
    p.count *= p.dims[i];
  }
  p.axis = ReadIndices(fields, 1);
  p.exclusive = fields->Flag("exclusive"), p.reverse = fields->Flag("reverse");
  p.x = fields->In("x", p.count, ElementBytes(p.type));
  p.y = fields->Out("y", p.count, ElementBytes(p.type));
  if (fields->ok()) *step = std::make_unique<CumSumStep>(p);
}

}  // namespace octensor
