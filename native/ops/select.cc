// y = condition ? a : b of elements of any type, all three broadcast: lib/ops/select.ts.
#include <memory>

#include "ops/broadcast.h"
#include "ops/element_type.h"
#include "ops/step.h"

namespace octensor {
namespace {

struct SelectParams {
  size_t bytes;
  BroadcastShape shape;
  BroadcastOperand condition, a, b;
  Place y;
};

class SelectStep : public Step {
 public:
  explicit SelectStep(const SelectParams& params) : p_(params) {}

  void Run(const RunMemory& memory) const override {
    WithElementBytes(p_.bytes, [&](auto element) {
      using T = decltype(element);
      const size_t last = p_.shape.rank - 1;
      ForBroadcastRows(memory, p_.shape, [&](size_t row, size_t first, size_t end) {
        const uint8_t* condition = memory.In<uint8_t>(p_.condition.place) + p_.condition.OffsetOf(p_.shape, row);
        const T* a = memory.In<T>(p_.a.place) + p_.a.OffsetOf(p_.shape, row);
        const T* b = memory.In<T>(p_.b.place) + p_.b.OffsetOf(p_.shape, row);
        T* y = memory.Out<T>(p_.y) + row * p_.shape.columns();
        for (size_t i = first; i < end; ++i) {
          y[i] = condition[i * p_.condition.strides[last]] != 0 ? a[i * p_.a.strides[last]] : b[i * p_.b.strides[last]];
        }
      });
    });
  }

 private:
  SelectParams p_;
};

}  // namespace

// condition: bytes; a, b, y: elements of type, as ElementType; dims: int32[1 to 8] of y; conditionStrides, aStrides, bStrides:
// int32, in elements
void MakeSelectStep(StepFields* fields, std::unique_ptr<Step>* step) {
  SelectParams p = {};
  p.bytes = ElementBytes(ReadElementType(fields, "type"));
  p.shape = ReadBroadcastShape(fields);
  p.condition = ReadBroadcastOperand(fields, p.shape, "condition", "conditionStrides", 1);
  p.a = ReadBroadcastOperand(fields, p.shape, "a", "aStrides", p.bytes);
  p.b = ReadBroadcastOperand(fields, p.shape, "b", "bStrides", p.bytes);
  p.y = fields->Out("y", p.shape.size, p.bytes);
  if (fields->ok()) *step = std::make_unique<SelectStep>(p);
}

}  // namespace octensor
