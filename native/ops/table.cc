// y[i] = table[x[i]]: any function of 8-bit elements, to elements of 1, 2, 4 or 8 bytes. Rows may lie apart.
#include <cstring>
#include <memory>

#include "kernels/elementwise.h"
#include "ops/parallel.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kEntries = 256;
constexpr size_t kMinPart = size_t{1} << 15;  // elements that are worth a hand-over to another thread

struct TableLayout {
  Place x, y;
  size_t rows, count;         // elements of a row
  size_t x_stride, y_stride;  // in elements, from one row to the next
  size_t element_bytes;
};

class TableStep : public Step {
 public:
  TableStep(const TableLayout& layout, const uint8_t* table, const ElementwiseKernels& kernels)
      : layout_(layout), kernels_(kernels) {
    std::memcpy(table_, table, kEntries * layout.element_bytes);
  }

  void Run(const RunMemory& memory) const override {
    switch (layout_.element_bytes) {
      case 1:
        return Map<uint8_t>(memory);
      case 2:
        return Map<uint16_t>(memory);
      case 4:
        return Map<uint32_t>(memory);
      default:
        return Map<uint64_t>(memory);
    }
  }

  const char* kernel() const override { return layout_.element_bytes == 1 ? kernels_.name : "scalar"; }

 private:
  template <typename T>
  void Map(const RunMemory& memory) const {
    const T* table = reinterpret_cast<const T*>(table_);
    const uint8_t* x = memory.In<uint8_t>(layout_.x);
    T* y = memory.Out<T>(layout_.y);
    const auto map = [&](const uint8_t* from, T* to, size_t count) {
      if (sizeof(T) == 1) return kernels_.map(table_, from, reinterpret_cast<uint8_t*>(to), count);
      for (size_t i = 0; i < count; ++i) to[i] = table[from[i]];
    };
    if (layout_.rows == 1) {
      return RunParts(memory, layout_.count, kMinPart,
                      [&](size_t first, size_t end) { map(x + first, y + first, end - first); });
    }
    RunParts(memory, layout_.rows, kMinPart / layout_.count, [&](size_t first, size_t end) {
      for (size_t row = first; row < end; ++row) map(x + row * layout_.x_stride, y + row * layout_.y_stride, layout_.count);
    });
  }

  TableLayout layout_;
  const ElementwiseKernels& kernels_;
  alignas(64) uint8_t table_[kEntries * sizeof(uint64_t)];
};

}  // namespace

// x: bytes; y: elements of elementBytes (1, 2, 4 or 8); count; table: the bytes of 256 elements, indexed by x as unsigned.
// rows (1 by default) of `count` elements, `xStride` and `yStride` apart
void MakeTableStep(StepFields* fields, std::unique_ptr<Step>* step) {
  TableLayout layout = {};
  layout.count = fields->Size("count");
  layout.rows = fields->Has("rows") ? fields->Size("rows") : 1;
  layout.x_stride = layout.rows > 1 ? fields->Size("xStride") : 0;
  layout.y_stride = layout.rows > 1 ? fields->Size("yStride") : 0;
  layout.element_bytes = fields->Size("elementBytes");
  const size_t bytes = layout.element_bytes;
  if (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8) {
    return fields->Fail("elementBytes", StatusCode::kShape, "expected 1, 2, 4 or 8");
  }
  if (layout.rows > 1 && layout.y_stride < layout.count) {
    return fields->Fail("yStride", StatusCode::kShape, "expected rows that do not overlap");
  }
  layout.x = fields->In("x", (layout.rows - 1) * layout.x_stride + layout.count, 1);
  layout.y = fields->Out("y", (layout.rows - 1) * layout.y_stride + layout.count, bytes);
  bool is_signed;
  const uint8_t* table = fields->Bytes("table", kEntries * bytes, &is_signed);
  if (!fields->ok()) return;
  *step = std::make_unique<TableStep>(layout, table, FindElementwiseKernels(fields->environment().isa));
}

}  // namespace octensor
