// ResizeBilinear of x[N, H, W, C]: where the pixels lie and what they weigh is computed in lib/ops/resize-bilinear.ts.
#include <algorithm>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "ops/resize_layout.h"

namespace octensor {
namespace {

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

// As ONNX Runtime adds them: the weights are multiplied first, and the pixels come in the order in which they lie.
struct FloatByRows {
  using Element = float;
  using Weight = float;
  static float Combine(float a, float b, float c, float d, float top, float bottom, float left, float right) {
    const float first = left * top * a + right * top * c;
    return first + left * bottom * b + right * bottom * d;
  }
};

struct Uint8 {
  using Element = uint8_t;
  using Weight = float;
  static constexpr size_t kTerms = 2;  // the products with the weights of the upper and of the lower row

  static uint8_t Round(float x) { return static_cast<uint8_t>(static_cast<int32_t>(x + 0.5f)); }
  template <size_t kSize>
  static void BlendRows(const uint8_t* top, const uint8_t* bottom, float top_weight, float bottom_weight,
                        float (&blended)[kTerms][kSize], size_t n) {
    for (size_t k = 0; k < n; ++k) {
      blended[0][k] = static_cast<float>(top[k]) * top_weight;
      blended[1][k] = static_cast<float>(bottom[k]) * bottom_weight;
    }
  }
  template <size_t kSize>
  static void BlendColumns(const float (&blended)[kTerms][kSize], size_t left, size_t right, float left_weight,
                           float right_weight, uint8_t* __restrict y, size_t n) {
    const float *a = blended[0] + left, *b = blended[1] + left, *c = blended[0] + right, *d = blended[1] + right;
    for (size_t k = 0; k < n; ++k) {
      y[k] = Round(a[k] * left_weight + b[k] * left_weight + c[k] * right_weight + d[k] * right_weight);
    }
  }
  static uint8_t Combine(uint8_t a, uint8_t b, uint8_t c, uint8_t d, float top, float bottom, float left, float right) {
    return Round(Float::Combine(a, b, c, d, top, bottom, left, right));
  }
};

// Weights in units of 2^-10, of magnitude at most 2^11: a sum of two products is below 2^19, times a weight below 2^30.
struct Int8 {
  using Element = int8_t;
  using Weight = int32_t;
  static constexpr size_t kTerms = 1;  // integer sums may be taken in any order

  template <size_t kSize>
  static void BlendRows(const int8_t* top, const int8_t* bottom, int32_t top_weight, int32_t bottom_weight,
                        int32_t (&blended)[kTerms][kSize], size_t n) {
    for (size_t k = 0; k < n; ++k) blended[0][k] = Blend(top[k], bottom[k], top_weight, bottom_weight);
  }
  template <size_t kSize>
  static void BlendColumns(const int32_t (&blended)[kTerms][kSize], size_t left, size_t right, int32_t left_weight,
                           int32_t right_weight, int8_t* __restrict y, size_t n) {
    const int32_t *from = blended[0] + left, *to = blended[0] + right;
    for (size_t k = 0; k < n; ++k) y[k] = Round(Blend(from[k], to[k], left_weight, right_weight));
  }
  static int32_t Blend(int32_t x, int32_t z, int32_t x_weight, int32_t z_weight) {
    return static_cast<int32_t>(static_cast<uint32_t>(x * x_weight) + static_cast<uint32_t>(z * z_weight));
  }
  static int8_t Round(int32_t sum) {
    constexpr int32_t kHalf = 1 << 19;
    const auto rounded = static_cast<int32_t>(static_cast<uint32_t>(sum) + static_cast<uint32_t>(sum > 0 ? kHalf : -kHalf));
    return static_cast<int8_t>(rounded / (1 << 20));
  }
  static int8_t Combine(int32_t a, int32_t b, int32_t c, int32_t d, int32_t top, int32_t bottom, int32_t left, int32_t right) {
    return Round(Blend(Blend(a, b, top, bottom), Blend(c, d, top, bottom), left, right));
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
      for (size_t j = 0; j < l.out_width;) {
        if constexpr (sizeof(Element) == 1) {
          const Segment segment = SegmentFrom(j);
          if (segment.end > j) {
            InterpolateBlended(top, bottom, y, i, j, segment);
            j = segment.end;
            continue;
          }
        }
        const size_t left = columns_.lower[j] * l.channels, right = columns_.upper[j] * l.channels;
        Interpolate(top + left, bottom + left, top + right, bottom + right, y + j * l.channels, i, j);
        ++j;
      }
    });
  }

 private:
  static constexpr size_t kBlended = 4096;

  // Output columns up to `end`, and the input columns that they take: few enough to be blended vertically on the stack.
  struct Segment {
    size_t end, first, last;
  };

  Segment SegmentFrom(size_t begin) const {
    Segment segment = {begin, SIZE_MAX, 0};
    for (; segment.end < layout_.out_width; ++segment.end) {
      const size_t lower = columns_.lower[segment.end], upper = columns_.upper[segment.end];
      const size_t first = std::min({segment.first, lower, upper}), last = std::max({segment.last, lower, upper});
      if ((last - first + 1) * layout_.channels > kBlended) break;
      segment.first = first, segment.last = last;
    }
    return segment;
  }

  // What does not depend on the output's column is computed once for all columns that need it.
  void InterpolateBlended(const Element* top, const Element* bottom, Element* y, size_t i, size_t begin,
                          const Segment& segment) const {
    const size_t channels = layout_.channels, start = segment.first * channels;
    Weight blended[Type::kTerms][kBlended];
    Type::BlendRows(top + start, bottom + start, rows_.lower_weight[i], rows_.upper_weight[i], blended,
                    (segment.last - segment.first + 1) * channels);
    for (size_t j = begin; j < segment.end; ++j) {
      const size_t left = (columns_.lower[j] - segment.first) * channels,
                   right = (columns_.upper[j] - segment.first) * channels;
      Type::BlendColumns(blended, left, right, columns_.lower_weight[j], columns_.upper_weight[j], y + j * channels, channels);
    }
  }

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
  const ResizeLayout layout = ReadResizeLayout(fields, sizeof(typename Type::Element));
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

// x: [batches, height, width, channels], y: [batches, outHeight, outWidth, channels]; type: 0 int8, 1 uint8, 3 float32, 4
// float32 by rows. For rows (of length outHeight) and columns (outWidth): rowLower and rowUpper: int32, and their weights
// rowLowerWeight and rowUpperWeight: float32, or int32 in units of 2^-10 for int8
void MakeResizeBilinearStep(StepFields* fields, std::unique_ptr<Step>* step) {
  switch (fields->Integer("type", 0, 4)) {
    case 0:
      return MakeBilinear<Int8>(fields, step);
    case 1:
      return MakeBilinear<Uint8>(fields, step);
    case 3:
      return MakeBilinear<Float>(fields, step);
    case 4:
      return MakeBilinear<FloatByRows>(fields, step);
    default:
      return fields->Fail("type", StatusCode::kShape, "expected int8, uint8 or float32");
  }
}

}  // namespace octensor
