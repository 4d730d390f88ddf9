// Elements from places that are data: lib/ops/{gather,gather-nd,gather-elements}.ts. An index that names nothing ends the run.
#include <cstring>
#include <memory>

#include "ops/element_type.h"
#include "ops/parallel.h"
#include "ops/picked_elements.h"
#include "ops/step.h"
#include "ops/tuples.h"

namespace octensor {
namespace {

constexpr size_t kMinPartBytes = size_t{1} << 17;

class GatherStep : public Step {
 public:
  GatherStep(const Tuples& tuples, Place x, Place y, size_t element_bytes)
      : tuples_(tuples), x_(x), y_(y), run_bytes_(tuples.inner * element_bytes) {}

  void Run(const RunMemory& memory) const override {
    if (!tuples_.AreWithin(memory)) return memory.Refuse();
    const uint8_t* x = memory.In<uint8_t>(x_);
    uint8_t* y = memory.Out<uint8_t>(y_);
    const size_t tuples = tuples_.batches * tuples_.count;
    RunParts(memory, tuples, kMinPartBytes / (run_bytes_ * tuples_.outer), [&](size_t first, size_t end) {
      for (size_t i = first; i < end; ++i) {
        size_t part;
        if (!tuples_.Find(memory, i, &part)) return;  // it was found before
        const size_t batch = i / tuples_.count, at = i % tuples_.count;
        for (size_t o = batch * tuples_.outer; o < (batch + 1) * tuples_.outer; ++o) {
          std::memmove(y + (o * tuples_.count + at) * run_bytes_, x + (o * tuples_.span + part) * run_bytes_, run_bytes_);
        }
      }
    });
  }

 private:
  Tuples tuples_;
  Place x_, y_;
  size_t run_bytes_;
};

class GatherElementsStep : public Step {
 public:
  GatherElementsStep(const PickedElements& picked, Place x, Place y, size_t element_bytes)
      : picked_(picked), x_(x), y_(y), bytes_(element_bytes) {}

  void Run(const RunMemory& memory) const override {
    if (!picked_.AreWithin(memory)) return memory.Refuse();
    WithElementBytes(bytes_, [&](auto element) {
      using T = decltype(element);
      const T* x = memory.In<T>(x_);
      T* y = memory.Out<T>(y_);
      RunParts(memory, picked_.count, kMinPartBytes / bytes_, [&](size_t first, size_t end) {
        for (size_t i = first; i < end; ++i) y[i] = x[picked_.OffsetOf(memory, i)];
      });
    });
  }

 private:
  PickedElements picked_;
  Place x_, y_;
  size_t bytes_;
};

}  // namespace

// type: as ElementType; the fields of ReadTuples; x: [batches, outer, extents..., inner]; y: [batches, outer, count, inner]
void MakeGatherStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const size_t bytes = ElementBytes(ReadElementType(fields, "type"));
  const Tuples tuples = ReadTuples(fields);
  if (!fields->ok()) return;
  const Place x = fields->In("x", tuples.whole_size(), bytes), y = fields->Out("y", tuples.part_size(), bytes);
  if (fields->ok()) *step = std::make_unique<GatherStep>(tuples, x, y, bytes);
}

// type: as ElementType; the fields of ReadPickedElements; x: of xCount elements; y: one for each index
void MakeGatherElementsStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const size_t bytes = ElementBytes(ReadElementType(fields, "type"));
  const PickedElements picked = ReadPickedElements(fields);
  if (!fields->ok()) return;
  const Place x = fields->In("x", picked.x_count, bytes), y = fields->Out("y", picked.count, bytes);
  if (fields->ok()) *step = std::make_unique<GatherElementsStep>(picked, x, y, bytes);
}

}  // namespace octensor
