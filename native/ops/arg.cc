// ArgMax and ArgMin of x[outer, count, inner] over the middle dimension, of equals the first: lib/ops/arg-max.ts.
#include <cstdint>
#include <memory>

#include "ops/parallel.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kMinPart = size_t{1} << 16;  // elements

enum class ArgType { kInt8, kUint8, kInt16, kFloat32, kInt32 };

struct ArgParams {
  ArgType type;
  bool is_max, is_long;
  size_t outer, count, inner;
  Place x, y;
};

class ArgStep : public Step {
 public:
  explicit ArgStep(const ArgParams& params) : p_(params) {}

  void Run(const RunMemory& memory) const override {
    switch (p_.type) {
      case ArgType::kInt8:
        return RunAs<int8_t>(memory);
      case ArgType::kUint8:
        return RunAs<uint8_t>(memory);
      case ArgType::kInt16:
        return RunAs<int16_t>(memory);
      case ArgType::kFloat32:
        return RunAs<float>(memory);
      case ArgType::kInt32:
        return RunAs<int32_t>(memory);
    }
  }

 private:
  template <typename T>
  void RunAs(const RunMemory& memory) const {
    const T* x = memory.In<T>(p_.x);
    RunParts(memory, p_.outer * p_.inner, kMinPart / p_.count, [&](size_t first, size_t end) {
      for (size_t i = first; i < end; ++i) {
        const size_t start = p_.inner == 1 ? i * p_.count : i / p_.inner * p_.count * p_.inner + i % p_.inner;
        const size_t best = p_.is_max ? Find<T, true>(x + start) : Find<T, false>(x + start);
        if (p_.is_long) {
          memory.Out<int64_t>(p_.y)[i] = static_cast<int64_t>(best);
        } else {
          memory.Out<int32_t>(p_.y)[i] = static_cast<int32_t>(best);
        }
      }
    });
  }

  template <typename T, bool kMax>
  size_t Find(const T* row) const {
    size_t best = 0;
    T value = row[0];
    for (size_t k = 1; k < p_.count; ++k) {
      const T candidate = row[k * p_.inner];
      const bool is_better = kMax ? candidate > value : candidate < value;
      value = is_better ? candidate : value;  // no branch: which one is better cannot be foreseen
      best = is_better ? k : best;
    }
    return best;
  }

  ArgParams p_;
};

}  // namespace

// x: type 0 int8, 1 uint8, 2 int16, 3 float32, 4 int32 [outer, count, inner]; y: int64 (long: flag), else int32 [outer, inner];
// max: flag
void MakeArgStep(StepFields* fields, std::unique_ptr<Step>* step) {
  constexpr size_t kBytes[] = {1, 1, 2, 4, 4};
  ArgParams p = {};
  const int64_t type = fields->Integer("type", 0, 4);
  p.type = static_cast<ArgType>(type);
  p.is_max = fields->Flag("max"), p.is_long = fields->Flag("long");
  p.outer = fields->Size("outer"), p.count = fields->Size("count"), p.inner = fields->Size("inner");
  if (p.outer * p.inner > kMaxStepBytes || p.count > kMaxStepBytes / (p.outer * p.inner)) {
    return fields->Fail("count", StatusCode::kShape, "expected dimensions whose product is a size");
  }
  p.x = fields->In("x", p.outer * p.count * p.inner, kBytes[type]);
  p.y = fields->Out("y", p.outer * p.inner, p.is_long ? 8 : 4);
  if (fields->ok()) *step = std::make_unique<ArgStep>(p);
}

}  // namespace octensor
