// y = x, and then elements to places that are data, one after the other: lib/ops/{scatter-nd,scatter-elements,scatter}.ts. An
// index that names nothing ends the run.
#include <cmath>
#include <cstring>
#include <memory>
#include <type_traits>

#include "ops/element_type.h"
#include "ops/picked_elements.h"
#include "ops/step.h"
#include "ops/tuples.h"

namespace octensor {
namespace {

enum class Reduction { kNone, kAdd, kMul, kMin, kMax };

// As Math.min and Math.max: NaN wins, and -0 is less than 0.
template <typename T>
T Extreme(T a, T b, bool is_max) {
  if constexpr (std::is_floating_point<T>::value) {
    if (a != a || b != b) return std::nan("");
    if (a == b) return std::signbit(a) == is_max ? b : a;
  }
  return (a < b) == is_max ? b : a;
}

// Integers wrap.
template <typename T>
T Reduced(Reduction reduction, T old, T update) {
  using Unsigned = typename std::conditional<sizeof(T) == 8, uint64_t, uint32_t>::type;
  using Wide = typename std::conditional<std::is_floating_point<T>::value, T, Unsigned>::type;
  switch (reduction) {
    case Reduction::kNone:
      return update;
    case Reduction::kAdd:
      return static_cast<T>(static_cast<Wide>(old) + static_cast<Wide>(update));
    case Reduction::kMul:
      return static_cast<T>(static_cast<Wide>(old) * static_cast<Wide>(update));
    case Reduction::kMin:
      return Extreme(old, update, false);
    case Reduction::kMax:
      return Extreme(old, update, true);
  }
  return update;
}

struct ScatterParams {
  ElementType type;
  Reduction reduction;
  size_t x_count;
  Place x, updates, y;
};

class ScatterStep : public Step {
 public:
  explicit ScatterStep(const ScatterParams& params) : p_(params) {}

 protected:
  void CopyInput(const RunMemory& memory) const {
    std::memmove(memory.Out<uint8_t>(p_.y), memory.In<uint8_t>(p_.x), p_.x_count * ElementBytes(p_.type));
  }

  // Calls put(f), f(to, from) of an element of y and one of updates.
  template <typename Put>
  void ForType(const RunMemory& memory, const Put& put) const {
    WithElementType(p_.type, [&](auto element) {
      using T = decltype(element);
      T* y = memory.Out<T>(p_.y);
      const T* updates = memory.In<T>(p_.updates);
      put([&](size_t to, size_t from) {
        if constexpr (std::is_arithmetic<T>::value) {
          y[to] = Reduced(p_.reduction, y[to], updates[from]);
        } else {
          y[to] = updates[from];
        }
      });
    });
  }

  ScatterParams p_;
};

class ScatterNdStep : public ScatterStep {
 public:
  ScatterNdStep(const ScatterParams& params, const Tuples& tuples) : ScatterStep(params), tuples_(tuples) {}

  void Run(const RunMemory& memory) const override {
    if (!tuples_.AreWithin(memory)) return memory.Refuse();
    CopyInput(memory);
    ForType(memory, [&](const auto& put) {
      for (size_t i = 0; i < tuples_.count; ++i) {
        size_t part = 0;
        tuples_.Find(memory, i, &part);
        for (size_t k = 0; k < tuples_.inner; ++k) put(part * tuples_.inner + k, i * tuples_.inner + k);
      }
    });
  }

 private:
  Tuples tuples_;
};

class ScatterElementsStep : public ScatterStep {
 public:
  ScatterElementsStep(const ScatterParams& params, const PickedElements& picked) : ScatterStep(params), picked_(picked) {}

  void Run(const RunMemory& memory) const override {
    if (!picked_.AreWithin(memory)) return memory.Refuse();
    CopyInput(memory);
    ForType(memory, [&](const auto& put) {
      for (size_t i = 0; i < picked_.count; ++i) put(picked_.OffsetOf(memory, i), i);
    });
  }

 private:
  PickedElements picked_;
};

ScatterParams ReadScatter(StepFields* fields, size_t x_count, size_t update_count) {
  ScatterParams p = {};
  p.type = ReadElementType(fields, "type");
  p.reduction = static_cast<Reduction>(fields->Integer("reduction", 0, 4));
  const bool is_number = p.type != ElementType::kFloat16 && p.type != ElementType::kBool;
  if (!is_number && p.reduction != Reduction::kNone) {
    fields->Fail("reduction", StatusCode::kShape, "expected a type of numbers where elements are reduced");
  }
  p.x_count = x_count;
  const size_t bytes = ElementBytes(p.type);
  p.x = fields->In("x", x_count, bytes);
  p.updates = fields->In("updates", update_count, bytes);
  p.y = fields->Out("y", x_count, bytes);
  return p;
}

}  // namespace

// type: as ElementType; reduction: as Reduction; the fields of ReadTuples, batches and outer 1; x, y: [extents..., inner];
// updates: [count, inner]
void MakeScatterNdStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const Tuples tuples = ReadTuples(fields);
  if (tuples.batches != 1 || tuples.outer != 1) {
    fields->Fail("batches", StatusCode::kShape, "expected 1 as batches and outer");
  }
  if (!fields->ok()) return;
  const ScatterParams p = ReadScatter(fields, tuples.whole_size(), tuples.part_size());
  if (fields->ok()) *step = std::make_unique<ScatterNdStep>(p, tuples);
}

// type: as ElementType; reduction: as Reduction; the fields of ReadPickedElements; x, y: of xCount elements; updates: one for
// each index
void MakeScatterElementsStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const PickedElements picked = ReadPickedElements(fields);
  if (!fields->ok()) return;
  const ScatterParams p = ReadScatter(fields, picked.x_count, picked.count);
  if (fields->ok()) *step = std::make_unique<ScatterElementsStep>(p, picked);
}

}  // namespace octensor
