// What the resizing steps share: shapes, indices of input pixels, and rows of the output as units of work.
#ifndef OCTENSOR_OPS_RESIZE_LAYOUT_H_
#define OCTENSOR_OPS_RESIZE_LAYOUT_H_

#include <cstdint>
#include <vector>

#include "ops/parallel.h"
#include "ops/step.h"

namespace octensor {

constexpr size_t kMinResizeBytes = size_t{1} << 15;

struct ResizeLayout {
  Place x, y;
  size_t batches, height, width, channels, out_height, out_width, element_bytes;
};

// Copies indices that are below `limit`.
inline std::vector<size_t> ReadIndices(StepFields* fields, const char* name, size_t count, size_t limit) {
  const int32_t* given = fields->Int32s(name, count);
  std::vector<size_t> indices;
  for (size_t i = 0; given != nullptr && i < count; ++i) {
    if (given[i] < 0 || static_cast<size_t>(given[i]) >= limit) {
      fields->Fail(name, StatusCode::kShape, "expected indices inside x");
      break;
    }
    indices.push_back(static_cast<size_t>(given[i]));
  }
  return indices;
}

inline ResizeLayout ReadResizeLayout(StepFields* fields, size_t element_bytes) {
  ResizeLayout layout = {};
  layout.element_bytes = element_bytes;
  layout.batches = fields->Size("batches"), layout.height = fields->Size("height"), layout.width = fields->Size("width");
  layout.channels = fields->Size("channels");
  layout.out_height = fields->Size("outHeight"), layout.out_width = fields->Size("outWidth");
  size_t sizes[2] = {1, 1};
  const size_t dims[2][4] = {{layout.batches, layout.height, layout.width, layout.channels},
                             {layout.batches, layout.out_height, layout.out_width, layout.channels}};
  for (int side = 0; side < 2; ++side) {
    for (const size_t dim : dims[side]) {
      if (dim > kMaxStepBytes / sizes[side]) {
        fields->Fail("channels", StatusCode::kShape, "expected dimensions whose product is a size");
        return layout;
      }
      sizes[side] *= dim;
    }
  }
  layout.x = fields->In("x", sizes[0], element_bytes);
  layout.y = fields->Out("y", sizes[1], element_bytes);
  return layout;
}

// Calls run(n, i) for each row of the output.
template <typename Run>
void ForEachRow(const RunMemory& memory, const ResizeLayout& layout, const Run& run) {
  const size_t row_bytes = layout.out_width * layout.channels * layout.element_bytes;
  RunParts(memory, layout.batches * layout.out_height, kMinResizeBytes / row_bytes, [&](size_t first, size_t end) {
    for (size_t row = first; row < end; ++row) run(row / layout.out_height, row % layout.out_height);
  });
}

}  // namespace octensor

#endif  // OCTENSOR_OPS_RESIZE_LAYOUT_H_
