// ArgMax and ArgMin of x[outer, count, inner] over the middle dimension: lib/ops/arg-max.ts.
#include <cstdint>
#include <memory>
#include <type_traits>

#include "ops/element_type.h"
#include "ops/parallel.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kMinPart = size_t{1} << 16;  // elements

struct ArgParams {
  ElementType type;
  bool is_max, is_long, is_last;
  size_t outer, count, inner;
  Place x, y;
};

class ArgStep : public Step {
 public:
  explicit ArgStep(const ArgParams& params) : p_(params) {}

  void Run(const RunMemory& memory) const override {
    WithNumberType(p_.type, [&](auto element) { RunAs<decltype(element)>(memory); });
  }

 private:
  template <typename T>
  void RunAs(const RunMemory& memory) const {
    const T* x = memory.In<T>(p_.x);
    RunParts(memory, p_.outer * p_.inner, kMinPart / p_.count, [&](size_t first, size_t end) {
      for (size_t i = first; i < end; ++i) {
        const size_t start = p_.inner == 1 ? i * p_.count : i / p_.inner * p_.count * p_.inner + i % p_.inner;
        const size_t best = p_.is_last ? FindLast(x + start) : p_.is_max ? Find<T, true>(x + start) : Find<T, false>(x + start);
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

  template <typename T>
  size_t FindLast(const T* row) const {
    size_t best = 0;
    for (size_t k = 1; k < p_.count; ++k) {
      const T candidate = row[k * p_.inner], value = row[best * p_.inner];
      if (p_.is_max ? candidate >= value : candidate <= value) best = k;
    }
    return best;
  }

  ArgParams p_;
};

}  // namespace

// x: [outer, count, inner] of type, as ElementType but float16; y: int64 (long: flag), else int32 [outer, inner]; max, last:
// flags: the largest, and of equals the last
void MakeArgStep(StepFields* fields, std::unique_ptr<Step>* step) {
  ArgParams p = {};
  p.type = ReadElementType(fields, "type");
  if (p.type == ElementType::kFloat16) return fields->Fail("type", StatusCode::kShape, "expected a type of numbers");
  p.is_max = fields->Flag("max"), p.is_long = fields->Flag("long"), p.is_last = fields->Flag("last");
  p.outer = fields->Size("outer"), p.count = fields->Size("count"), p.inner = fields->Size("inner");
  if (p.outer * p.inner > kMaxStepBytes || p.count > kMaxStepBytes / (p.outer * p.inner)) {
    return fields->Fail("count", StatusCode::kShape, "expected dimensions whose product is a size");
  }
  p.x = fields->In("x", p.outer * p.count * p.inner, ElementBytes(p.type));
  p.y = fields->Out("y", p.outer * p.inner, p.is_long ? 8 : 4);
  if (fields->ok()) *step = std::make_unique<ArgStep>(p);
}

}  // namespace octensor
