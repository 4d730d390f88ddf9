// ResizeNearest of x[N, H, W, C], and Gather with constant indices: which pixel each output pixel takes is computed in
// lib/ops/resize-nearest.ts.
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "ops/resize_layout.h"

namespace octensor {
namespace {

class NearestStep : public Step {
 public:
  NearestStep(const ResizeLayout& layout, std::vector<size_t> rows, std::vector<size_t> columns)
      : layout_(layout), rows_(std::move(rows)), columns_(std::move(columns)) {}

  void Run(const RunMemory& memory) const override {
    const ResizeLayout& l = layout_;
    const size_t pixel = l.channels * l.element_bytes;
    ForEachRow(memory, l, [&](size_t n, size_t i) {
      const uint8_t* x = memory.In<uint8_t>(l.x) + (n * l.height + rows_[i]) * l.width * pixel;
      uint8_t* y = memory.Out<uint8_t>(l.y) + (n * l.out_height + i) * l.out_width * pixel;
      for (size_t j = 0; j < l.out_width; ++j) std::memmove(y + j * pixel, x + columns_[j] * pixel, pixel);
    });
  }

 private:
  ResizeLayout layout_;
  std::vector<size_t> rows_, columns_;
};

}  // namespace

// x: [batches, height, width, channels], y: [batches, outHeight, outWidth, channels] of elementBytes each;
// rows: int32[outHeight], columns: int32[outWidth]: the pixel of x that each takes
void MakeResizeNearestStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const size_t bytes = fields->Size("elementBytes");
  if (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8) {
    return fields->Fail("elementBytes", StatusCode::kShape, "expected 1, 2, 4 or 8");
  }
  const ResizeLayout layout = ReadResizeLayout(fields, bytes);
  std::vector<size_t> rows = ReadIndices(fields, "rows", layout.out_height, layout.height);
  std::vector<size_t> columns = ReadIndices(fields, "columns", layout.out_width, layout.width);
  if (fields->ok()) *step = std::make_unique<NearestStep>(layout, std::move(rows), std::move(columns));
}

}  // namespace octensor
