// y[outer, depth, inner] = on where an index of [outer, inner] names it, else off: lib/ops/one-hot.ts. Values are data.
#include <cmath>
#include <memory>
#include <type_traits>

#include "ops/element_type.h"
#include "ops/float_fields.h"
#include "ops/step.h"

namespace octensor {
namespace {

struct OneHotParams {
  ElementType index_type;
  size_t element_bytes, outer, depth, inner;
  Place indices, values, y;
};

class OneHotStep : public Step {
 public:
  explicit OneHotStep(const OneHotParams& params) : p_(params) {}

  void Run(const RunMemory& memory) const override {
    WithElementBytes(p_.element_bytes, [&](auto element) {
      using T = decltype(element);
      const T off = memory.In<T>(p_.values)[0], on = memory.In<T>(p_.values)[1];
      T* y = memory.Out<T>(p_.y);
      const size_t count = p_.outer * p_.inner;
      for (size_t i = 0; i < count * p_.depth; ++i) y[i] = off;
      WithElementType(p_.index_type, [&](auto index) {
        using I = decltype(index);
        if constexpr (std::is_arithmetic<I>::value) {
          const I* indices = memory.In<I>(p_.indices);
          for (size_t i = 0; i < count; ++i) {
            const double given = std::trunc(static_cast<double>(indices[i])), depth = static_cast<double>(p_.depth);
            const double at = given < 0 ? given + depth : given;
            if (!(at >= 0 && at < depth)) continue;
            y[(i / p_.inner * p_.depth + static_cast<size_t>(at)) * p_.inner + i % p_.inner] = on;
          }
        }
      });
    });
  }

 private:
  OneHotParams p_;
};

}  // namespace

// indices: [outer, inner] of indexType, a type of numbers as ElementType; values: off and on, of type; y: [outer, depth, inner]
void MakeOneHotStep(StepFields* fields, std::unique_ptr<Step>* step) {
  OneHotParams p = {};
  p.index_type = ReadElementType(fields, "indexType");
  if (p.index_type == ElementType::kFloat16 || p.index_type == ElementType::kBool) {
    fields->Fail("indexType", StatusCode::kShape, "expected a type of numbers");
  }
  p.element_bytes = ElementBytes(ReadElementType(fields, "type"));
  p.outer = fields->Size("outer"), p.depth = fields->Size("depth"), p.inner = fields->Size("inner");
  const size_t count = CheckedProduct(fields, "depth", {p.outer, p.depth, p.inner});
  p.indices = fields->In("indices", p.outer * p.inner, ElementBytes(p.index_type));
  p.values = fields->In("values", 2, p.element_bytes);
  p.y = fields->Out("y", count, p.element_bytes);
  if (fields->ok()) *step = std::make_unique<OneHotStep>(p);
}

}  // namespace octensor
