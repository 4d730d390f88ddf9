// y[i] = table[x[i]] of int16 elements: any function of one, to int16.
#include <memory>

#include "ops/parallel.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kEntries = 65536;
constexpr size_t kMinPart = size_t{1} << 14;  // elements that are worth a hand-over to another thread

class WideTableStep : public Step {
 public:
  WideTableStep(Place x, Place y, Place table, size_t count) : x_(x), y_(y), table_(table), count_(count) {}

  void Run(const RunMemory& memory) const override {
    const uint16_t* x = memory.In<uint16_t>(x_);
    const int16_t* table = memory.In<int16_t>(table_);
    int16_t* y = memory.Out<int16_t>(y_);
    RunParts(memory, count_, kMinPart, [&](size_t first, size_t end) {
      for (size_t i = first; i < end; ++i) y[i] = table[x[i]];
    });
  }

 private:
  Place x_, y_, table_;
  size_t count_;
};

}  // namespace

// x, y: int16[count]; table: a place of int16[65536], indexed by x as unsigned
void MakeWideTableStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const size_t count = fields->Size("count");
  const Place x = fields->In("x", count, sizeof(int16_t)), y = fields->Out("y", count, sizeof(int16_t));
  const Place table = fields->In("table", kEntries, sizeof(int16_t));
  if (fields->ok()) *step = std::make_unique<WideTableStep>(x, y, table, count);
}

}  // namespace octensor
