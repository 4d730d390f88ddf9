// Average and maximum over windows of float32 images, each from the part that lies inside the image. Averages are summed in
// double in the reference's order, so that results equal its.
#include <algorithm>
#include <memory>

#include "ops/float_fields.h"
#include "ops/float_parts.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kBlock = 64;  // channels at a time: accumulators on the stack
constexpr double kTapNanoseconds = 0.3;

// Math.max and Math.min: NaN stays.
float Largest(float a, float b) { return b > a || b != b ? b : a; }
float Smallest(float a, float b) { return b < a || b != b ? b : a; }

// The part of one window that lies inside the image.
struct Part {
  const float* x;
  size_t rows, columns, row_step, channels;
};

void Average(const Part& part, size_t count, FloatBounds bounds, float* y) {
  double sum[kBlock] = {};
  for (size_t row = 0; row < part.rows; ++row) {
    const float* x = part.x + row * part.row_step;
    for (size_t column = 0; column < part.columns; ++column, x += part.channels) {
      for (size_t c = 0; c < count; ++c) sum[c] += static_cast<double>(x[c]);
    }
  }
  const auto pixels = static_cast<double>(part.rows * part.columns);
  for (size_t c = 0; c < count; ++c) {
    const auto mean = static_cast<float>(sum[c] / pixels);
    y[c] = Smallest(bounds.hi, Largest(bounds.lo, mean));
  }
}

void Maximum(const Part& part, size_t count, FloatBounds bounds, float* y) {
  float largest[kBlock];
  std::fill_n(largest, kBlock, bounds.lo);
  for (size_t row = 0; row < part.rows; ++row) {
    const float* x = part.x + row * part.row_step;
    for (size_t column = 0; column < part.columns; ++column, x += part.channels) {
      for (size_t c = 0; c < count; ++c) largest[c] = Largest(largest[c], x[c]);
    }
  }
  for (size_t c = 0; c < count; ++c) y[c] = Smallest(bounds.hi, largest[c]);
}

class FloatPoolStep : public Step {
 public:
  FloatPoolStep(const FloatWindow& window, bool is_average, FloatBounds bounds, Place x, Place y)
      : window_(window), is_average_(is_average), bounds_(bounds), x_(x), y_(y) {}

  void Run(const RunMemory& memory) const override {
    const FloatWindow& w = window_;
    const float* x = memory.In<float>(x_);
    float* y = memory.Out<float>(y_);
    const size_t count = w.batches * w.out_height * w.out_width;
    const double taps = static_cast<double>(w.kernel_height) * static_cast<double>(w.kernel_width);
    const double work = kTapNanoseconds * taps * static_cast<double>(count) * static_cast<double>(w.depth);
    ForParts(memory.threads, count, work, [&](size_t first, size_t end, size_t) {
      for (size_t i = first; i < end; ++i) {
        const size_t row = i / w.out_width;
        RunPixel(x + row / w.out_height * w.height * w.width * w.depth, row % w.out_height, i % w.out_width, y + i * w.depth);
      }
    });
  }

 private:
  void RunPixel(const float* image, size_t out_row, size_t out_column, float* y) const {
    const FloatWindow& w = window_;
    // In the padded image; the maker has checked that each window holds a pixel of the image itself.
    const size_t top = out_row * w.stride_y, left = out_column * w.stride_x;
    const size_t first_row = std::max(top, w.top) - w.top, end_row = std::min(top + w.kernel_height - w.top, w.height);
    const size_t first_column = std::max(left, w.left) - w.left;
    const size_t end_column = std::min(left + w.kernel_width - w.left, w.width);
    const size_t row_step = w.width * w.depth;
    for (size_t c = 0; c < w.depth; c += kBlock) {
      const Part part = {image + first_row * row_step + first_column * w.depth + c, end_row - first_row,
                         end_column - first_column, row_step, w.depth};
      (is_average_ ? Average : Maximum)(part, std::min(kBlock, w.depth - c), bounds_, y + c);
    }
  }

  FloatWindow window_;
  bool is_average_;
  FloatBounds bounds_;
  Place x_, y_;
};

}  // namespace

// x: [batches, height, width, depth], y: [batches, outHeight, outWidth, depth], both float32; average: a flag; bounds
void MakeFloatPoolStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const FloatWindow w = ReadFloatWindow(fields);
  const bool is_average = fields->Flag("average");
  const FloatBounds bounds = ReadFloatBounds(fields);
  // The first window reaches into the image, and the last one begins in it.
  if (w.top >= w.kernel_height || w.left >= w.kernel_width || (w.out_height - 1) * w.stride_y >= w.top + w.height ||
      (w.out_width - 1) * w.stride_x >= w.left + w.width || w.dilation_y != 1 || w.dilation_x != 1) {
    fields->Fail("padTop", StatusCode::kShape, "expected windows without gaps that all overlap the image");
  }
  const size_t x_count = CheckedProduct(fields, "depth", {w.batches, w.height, w.width, w.depth});
  const size_t y_count = CheckedProduct(fields, "depth", {w.batches, w.out_height, w.out_width, w.depth});
  const Place x = fields->In("x", x_count, sizeof(float)), y = fields->Out("y", y_count, sizeof(float));
  if (fields->ok()) *step = std::make_unique<FloatPoolStep>(w, is_average, bounds, x, y);
}

}  // namespace octensor
