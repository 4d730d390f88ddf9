// ResizeBilinear and ResizeNearest of x[N, H, W, C]: lib/ops/resize-{bilinear,nearest}.ts. Where the pixels lie and what they
// weigh is computed there.
#include <cstring>
#include <memory>
#include <vector>

#include "ops/parallel.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kMinPartBytes = size_t{1} << 15;

struct ResizeLayout {
  Place x, y;
  size_t batches, height, width, channels, out_height, out_width, element_bytes;
};

// Copies indices that are below `limit`.
std::vector<size_t> ReadIndices(StepFields* fields, const char* name, size_t count, size_t limit) {
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

ResizeLayout ReadLayout(StepFields* fields, size_t element_bytes) {
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
  RunParts(memory, layout.batches * layout.out_height, kMinPartBytes / row_bytes, [&](size_t first, size_t end) {
    for (size_t row = first; row < end; ++row) run(row / layout.out_height, row % layout.out_height);
  });
}

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

// The two input pixels of an output pixel along one dimension, and their weights.
template <typename Weight>
struct Taps {
  std::vector<size_t> lower, upper;
  std::vector<Weight> lower_weight, upper_weight;
};

struct Float {
  using Element = float;
  using Weight = float;
  static float Combine(float a, float b, float c, float d, float top, float bottom, float left, float right) {
    const float first = a * top * left + b * bottom * left;
    return first + c * top * right + d * bottom * right;
  }
};

struct Uint8 {
  using Element = uint8_t;
  using Weight = float;
  static uint8_t Combine(uint8_t a, uint8_t b, uint8_t c, uint8_t d, float top, float bottom, float left, float right) {
    return static_cast<uint8_t>(static_cast<int32_t>(Float::Combine(a, b, c, d, top, bottom, left, right) + 0.5f));
  }
};

// Weights in units of 2^-10, of magnitude at most 2^11: a sum of two products is below 2^19, times a weight below 2^30.
struct Int8 {
  using Element = int8_t;
  using Weight = int32_t;
  static int8_t Combine(int32_t a, int32_t b, int32_t c, int32_t d, int32_t top, int32_t bottom, int32_t left, int32_t right) {
    const auto sum = static_cast<int32_t>(static_cast<uint32_t>((a * top + b * bottom) * left) +
                                          static_cast<uint32_t>((c * top + d * bottom) * right));
    constexpr int32_t kHalf = 1 << 19;
    const auto rounded = static_cast<int32_t>(static_cast<uint32_t>(sum) + static_cast<uint32_t>(sum > 0 ? kHalf : -kHalf));
    return static_cast<int8_t>(rounded / (1 << 20));
  }
};

template <typename Type>
class BilinearStep : public Step {
 public:
  using Element = typename Type::Element;
  using Weight = typename Type::Weight;

  BilinearStep(const ResizeLayout& layout, Taps<Weight> rows, Taps<Weight> columns)
      : layout_(layout), rows_(std::move(rows)), columns_(std::move(columns)) {}

  void Run(const RunMemory& memory) const override {
    const ResizeLayout& l = layout_;
    ForEachRow(memory, l, [&](size_t n, size_t i) {
      const Element* image = memory.In<Element>(l.x) + n * l.height * l.width * l.channels;
      const Element* top = image + rows_.lower[i] * l.width * l.channels;
      const Element* bottom = image + rows_.upper[i] * l.width * l.channels;
      Element* y = memory.Out<Element>(l.y) + (n * l.out_height + i) * l.out_width * l.channels;
      for (size_t j = 0; j < l.out_width; ++j, y += l.channels) {
        const size_t left = columns_.lower[j] * l.channels, right = columns_.upper[j] * l.channels;
        Interpolate(top + left, bottom + left, top + right, bottom + right, y, i, j);
      }
    });
  }

 private:
  void Interpolate(const Element* a, const Element* b, const Element* c, const Element* d, Element* __restrict y, size_t i,
                   size_t j) const {
    const Weight top = rows_.lower_weight[i], bottom = rows_.upper_weight[i];
    const Weight left = columns_.lower_weight[j], right = columns_.upper_weight[j];
    for (size_t k = 0; k < layout_.channels; ++k) y[k] = Type::Combine(a[k], b[k], c[k], d[k], top, bottom, left, right);
  }

  ResizeLayout layout_;
  Taps<Weight> rows_, columns_;
};

void ReadWeights(StepFields* fields, const char* name, size_t count, std::vector<float>* weights) {
  const float* given = fields->Floats(name, count);
  for (size_t i = 0; given != nullptr && i < count; ++i) {
    if (!(given[i] >= -2 && given[i] <= 2)) return fields->Fail(name, StatusCode::kShape, "expected weights");
    weights->push_back(given[i]);
  }
}

void ReadWeights(StepFields* fields, const char* name, size_t count, std::vector<int32_t>* weights) {
  const int32_t* given = fields->Int32s(name, count);
  for (size_t i = 0; given != nullptr && i < count; ++i) {
    if (given[i] < -2048 || given[i] > 2048) return fields->Fail(name, StatusCode::kShape, "expected weights");
    weights->push_back(given[i]);
  }
}

template <typename Type>
void MakeBilinear(StepFields* fields, std::unique_ptr<Step>* step) {
  const ResizeLayout layout = ReadLayout(fields, sizeof(typename Type::Element));
  Taps<typename Type::Weight> rows, columns;
  rows.lower = ReadIndices(fields, "rowLower", layout.out_height, layout.height);
  rows.upper = ReadIndices(fields, "rowUpper", layout.out_height, layout.height);
  ReadWeights(fields, "rowLowerWeight", layout.out_height, &rows.lower_weight);
  ReadWeights(fields, "rowUpperWeight", layout.out_height, &rows.upper_weight);
  columns.lower = ReadIndices(fields, "columnLower", layout.out_width, layout.width);
  columns.upper = ReadIndices(fields, "columnUpper", layout.out_width, layout.width);
  ReadWeights(fields, "columnLowerWeight", layout.out_width, &columns.lower_weight);
  ReadWeights(fields, "columnUpperWeight", layout.out_width, &columns.upper_weight);
  if (fields->ok()) *step = std::make_unique<BilinearStep<Type>>(layout, std::move(rows), std::move(columns));
}

}  // namespace

// x: [batches, height, width, channels], y: [batches, outHeight, outWidth, channels] of elementBytes each;
// rows: int32[outHeight], columns: int32[outWidth]: the pixel of x that each takes
void MakeResizeNearestStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const size_t bytes = fields->Size("elementBytes");
  if (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8) {
    return fields->Fail("elementBytes", StatusCode::kShape, "expected 1, 2, 4 or 8");
  }
  const ResizeLayout layout = ReadLayout(fields, bytes);
  std::vector<size_t> rows = ReadIndices(fields, "rows", layout.out_height, layout.height);
  std::vector<size_t> columns = ReadIndices(fields, "columns", layout.out_width, layout.width);
  if (fields->ok()) *step = std::make_unique<NearestStep>(layout, std::move(rows), std::move(columns));
}

// The same shapes; type: 0 int8, 1 uint8, 3 float32. For rows (of length outHeight) and columns (outWidth): rowLower and
// rowUpper: int32, and their weights rowLowerWeight and rowUpperWeight: float32, or int32 in units of 2^-10 for int8
void MakeResizeBilinearStep(StepFields* fields, std::unique_ptr<Step>* step) {
  switch (fields->Integer("type", 0, 3)) {
    case 0:
      return MakeBilinear<Int8>(fields, step);
    case 1:
      return MakeBilinear<Uint8>(fields, step);
    case 3:
      return MakeBilinear<Float>(fields, step);
    default:
      return fields->Fail("type", StatusCode::kShape, "expected int8, uint8 or float32");
  }
}

}  // namespace octensor
