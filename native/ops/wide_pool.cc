// AveragePool2D, MaxPool2D and Mean of int16 x[N, H, W, C] with `onnx` numerics: lib/ops/{average-pool2d,max-pool2d,mean}.ts.
#include <algorithm>
#include <cmath>
#include <memory>

#include "ops/parallel.h"
#include "ops/wide_fields.h"

namespace octensor {
namespace {

constexpr size_t kMinPart = size_t{1} << 16;  // elements of windows
constexpr size_t kBlock = 256;                // channels whose sums are kept at a time
constexpr size_t kMaxWindow = 65535;          // so many int16 add up to an int32

enum class PoolKind { kMax, kAverage, kMean };

struct WidePoolParams {
  PoolKind kind;
  size_t batches, height, width, channels;
  size_t out_height, out_width;
  size_t kernel_height, kernel_width;
  size_t stride_y, stride_x, pad_top, pad_left;
  Place x, y;
  WideOutput output;
  int32_t x_zero_point;
  double x_scale, y_scale;  // averages
  float multiplier;         // means
};

// The part of a window that lies inside.
struct Span {
  size_t begin, end;
};

Span Clip(size_t out, size_t stride, size_t pad, size_t kernel, size_t size) {
  const auto first = static_cast<ptrdiff_t>(out * stride) - static_cast<ptrdiff_t>(pad);
  const auto last = first + static_cast<ptrdiff_t>(kernel), limit = static_cast<ptrdiff_t>(size);
  const ptrdiff_t begin = std::clamp<ptrdiff_t>(first, 0, limit), end = std::clamp<ptrdiff_t>(last, begin, limit);
  return {static_cast<size_t>(begin), static_cast<size_t>(end)};
}

void MaxInto(const int16_t* __restrict x, int16_t* __restrict m, size_t n) {
  for (size_t c = 0; c < n; ++c) m[c] = m[c] > x[c] ? m[c] : x[c];
}

void AddInto(const int16_t* __restrict x, int32_t* __restrict sums, size_t n) {
  for (size_t c = 0; c < n; ++c) sums[c] += x[c];
}

class WidePoolStep : public Step {
 public:
  explicit WidePoolStep(const WidePoolParams& params) : p_(params) {}

  void Run(const RunMemory& memory) const override {
    const size_t rows = p_.batches * p_.out_height;
    const size_t row_size = p_.out_width * p_.kernel_height * p_.kernel_width * p_.channels;
    RunParts(memory, rows, kMinPart / row_size, [&](size_t first, size_t end) {
      for (size_t row = first; row < end; ++row) RunRow(memory, row);
    });
  }

 private:
  void RunRow(const RunMemory& memory, size_t row) const {
    const size_t n = row / p_.out_height, oy = row % p_.out_height;
    const Span rows = Clip(oy, p_.stride_y, p_.pad_top, p_.kernel_height, p_.height);
    const int16_t* image = memory.In<int16_t>(p_.x) + n * p_.height * p_.width * p_.channels;
    int16_t* y = memory.Out<int16_t>(p_.y) + row * p_.out_width * p_.channels;
    for (size_t ox = 0; ox < p_.out_width; ++ox, y += p_.channels) {
      const Span columns = Clip(ox, p_.stride_x, p_.pad_left, p_.kernel_width, p_.width);
      for (size_t c = 0; c < p_.channels; c += kBlock) {
        const size_t block = std::min(kBlock, p_.channels - c);
        if (p_.kind == PoolKind::kMax) {
          Max(image + c, rows, columns, y + c, block);
        } else {
          Average(image + c, rows, columns, y + c, block);
        }
      }
    }
  }

  void Max(const int16_t* image, Span rows, Span columns, int16_t* y, size_t n) const {
    const int32_t zero = p_.output.zero_point;
    std::fill_n(y, n, static_cast<int16_t>(static_cast<int32_t>(p_.output.lo) + zero));
    ForEachPixel(image, rows, columns, [&](const int16_t* x) { MaxInto(x, y, n); });
    const auto hi = static_cast<int16_t>(static_cast<int32_t>(p_.output.hi) + zero);
    for (size_t c = 0; c < n; ++c) y[c] = y[c] < hi ? y[c] : hi;
  }

  void Average(const int16_t* image, Span rows, Span columns, int16_t* y, size_t n) const {
    int32_t sums[kBlock] = {};
    ForEachPixel(image, rows, columns, [&](const int16_t* x) { AddInto(x, sums, n); });
    const size_t count = (rows.end - rows.begin) * (columns.end - columns.begin);
    const double divisor = static_cast<double>(std::max<size_t>(count, 1));
    const double zero = divisor * p_.x_zero_point;
    for (size_t c = 0; c < n; ++c) {
      const double sum = sums[c] - zero;
      const float real = p_.kind == PoolKind::kMean
                             ? static_cast<float>(sum) * p_.multiplier
                             : static_cast<float>(static_cast<float>(sum * p_.x_scale / divisor) / p_.y_scale);
      const float bounded = std::min(std::max(real, p_.output.lo), p_.output.hi);
      y[c] = static_cast<int16_t>(static_cast<int32_t>(std::nearbyint(bounded)) + p_.output.zero_point);
    }
  }

  template <typename Run>
  void ForEachPixel(const int16_t* image, Span rows, Span columns, const Run& run) const {
    for (size_t i = rows.begin; i < rows.end; ++i) {
      const int16_t* x = image + (i * p_.width + columns.begin) * p_.channels;
      for (size_t j = columns.begin; j < columns.end; ++j, x += p_.channels) run(x);
    }
  }

  WidePoolParams p_;
};

}  // namespace

// x: int16[batches, height, width, depth]; y: int16[batches, outHeight, outWidth, depth]; pool: 0 the largest, 1 the average, 2
// the mean; kernelHeight, kernelWidth (product at most 65535), strideY, strideX, padTop, padLeft; the fields of ReadWideOutput;
// xZeroPoint; xScale, yScale: of averages; multiplier: of means
void MakeWidePoolStep(StepFields* fields, std::unique_ptr<Step>* step) {
  WidePoolParams p = {};
  p.kind = static_cast<PoolKind>(fields->Integer("pool", 0, 2));
  p.batches = fields->Size("batches"), p.height = fields->Size("height"), p.width = fields->Size("width");
  p.channels = fields->Size("depth");
  p.out_height = fields->Size("outHeight"), p.out_width = fields->Size("outWidth");
  p.kernel_height = fields->Size("kernelHeight"), p.kernel_width = fields->Size("kernelWidth");
  p.stride_y = fields->Size("strideY"), p.stride_x = fields->Size("strideX");
  p.pad_top = fields->Size("padTop", 0), p.pad_left = fields->Size("padLeft", 0);
  // Products of two dimensions are below 2^62; of more, they are checked one after another.
  const auto size = [&](size_t height, size_t width) -> size_t {
    const size_t plane = height * width;
    if (plane <= kMaxStepBytes && p.channels <= kMaxStepBytes / plane && p.batches <= kMaxStepBytes / (plane * p.channels)) {
      return p.batches * plane * p.channels;
    }
    fields->Fail("depth", StatusCode::kShape, "expected dimensions whose product is a size");
    return 1;
  };
  const size_t x_size = size(p.height, p.width), y_size = size(p.out_height, p.out_width);
  if (p.kernel_height * p.kernel_width > kMaxWindow) {
    fields->Fail("kernelHeight", StatusCode::kShape, "expected windows of at most 65535 pixels");
  }
  p.x = fields->In("x", x_size, sizeof(int16_t));
  p.y = fields->Out("y", y_size, sizeof(int16_t));
  p.output = ReadWideOutput(fields);
  if (p.output.type != IntegerType::kInt16) fields->Fail("type", StatusCode::kShape, "expected an int16 output");
  p.x_zero_point = static_cast<int32_t>(fields->Integer("xZeroPoint", -32768, 32767));
  p.x_scale = p.y_scale = 1;
  if (p.kind == PoolKind::kAverage) p.x_scale = ReadWideScale(fields, "xScale"), p.y_scale = ReadWideScale(fields, "yScale");
  if (p.kind == PoolKind::kMean) p.multiplier = ReadWideScale(fields, "multiplier");
  if (fields->ok()) *step = std::make_unique<WidePoolStep>(p);
}

}  // namespace octensor
