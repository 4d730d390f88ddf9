// y[i] = table[x[i]]: any function of 8-bit elements, to elements of 1, 2 or 4 bytes.
#include <algorithm>
#include <cstring>
#include <memory>

#include "core/thread_pool.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kEntries = 256;
constexpr size_t kMinPart = size_t{1} << 14;  // elements that are worth a hand-over to another thread

class TableStep : public Step {
 public:
  TableStep(Place x, Place y, size_t count, size_t element_bytes, const uint8_t* table)
      : x_(x), y_(y), count_(count), element_bytes_(element_bytes) {
    std::memcpy(table_, table, kEntries * element_bytes);
  }

  void Run(const RunMemory& memory) const override {
    struct Call {
      const TableStep* step;
      const RunMemory* memory;
      size_t parts;
    } call = {this, &memory, std::clamp<size_t>(count_ / kMinPart, 1, memory.threads)};
    ThreadPool::Run(
        memory.threads, call.parts,
        [](void* context, size_t part, size_t) {
          const Call& c = *static_cast<const Call*>(context);
          const size_t first = c.step->count_ * part / c.parts, end = c.step->count_ * (part + 1) / c.parts;
          const uint8_t* x = c.memory->In<uint8_t>(c.step->x_);
          switch (c.step->element_bytes_) {
            case 1:
              return c.step->Map<uint8_t>(x, c.memory->Out<uint8_t>(c.step->y_), first, end);
            case 2:
              return c.step->Map<uint16_t>(x, c.memory->Out<uint16_t>(c.step->y_), first, end);
            default:
              return c.step->Map<uint32_t>(x, c.memory->Out<uint32_t>(c.step->y_), first, end);
          }
        },
        &call);
  }

 private:
  template <typename T>
  void Map(const uint8_t* x, T* y, size_t first, size_t end) const {
    const T* table = reinterpret_cast<const T*>(table_);
    for (size_t i = first; i < end; ++i) y[i] = table[x[i]];
  }

  Place x_, y_;
  size_t count_, element_bytes_;
  alignas(64) uint8_t table_[kEntries * sizeof(uint32_t)];
};

}  // namespace

// x: bytes[count]; y: elements of elementBytes (1, 2 or 4)[count]; table: the bytes of 256 elements, indexed by x as unsigned
void MakeTableStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const size_t count = fields->Size("count");
  const size_t element_bytes = fields->Size("elementBytes");
  if (element_bytes != 1 && element_bytes != 2 && element_bytes != 4) {
    fields->Fail("elementBytes", StatusCode::kShape, "expected 1, 2 or 4");
  }
  const Place x = fields->In("x", count, 1), y = fields->Out("y", count, element_bytes);
  bool is_signed;
  const uint8_t* table = fields->Bytes("table", kEntries * element_bytes, &is_signed);
  if (fields->ok()) *step = std::make_unique<TableStep>(x, y, count, element_bytes, table);
}

}  // namespace octensor
