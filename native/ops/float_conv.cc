// Convolutions and matrix products of float32, as GEMM on the image in place. Where windows reach over the image's edge the
// image is copied into scratch memory with zeros around it, so that the GEMM knows nothing of edges.
#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "ops/float_fields.h"
#include "ops/float_gemm.h"
#include "ops/float_parts.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr double kCopyNanoseconds = 0.1;  // per element

class FloatConvStep : public Step {
 public:
  FloatConvStep(const FloatWindow& window, Place x, Place y, size_t channels, FloatBounds bounds,
                std::vector<PackedFloats> groups)
      : window_(window), x_(x), y_(y), channels_(channels), bounds_(bounds), groups_(std::move(groups)) {
    const FloatWindow& w = window_;
    is_padded_ = w.top != 0 || w.left != 0 || w.reach_height() > w.height || w.reach_width() > w.width;
    rows_ = is_padded_ ? w.reach_height() : w.height;
    columns_ = is_padded_ ? w.reach_width() : w.width;
    // Without gaps, a row of the window is one run of memory.
    const bool is_dense = groups_.size() == 1 && (w.dilation_x == 1 || w.kernel_width == 1);
    for (size_t ky = 0; ky < w.kernel_height; ++ky) {
      for (size_t kx = 0; kx < (is_dense ? 1 : w.kernel_width); ++kx) {
        const size_t pixel = ky * w.dilation_y * columns_ + kx * w.dilation_x;
        tap_offsets_.push_back(static_cast<ptrdiff_t>(pixel * w.depth));
      }
    }
  }

  void Run(const RunMemory& memory) const override {
    const FloatWindow& w = window_;
    const float* x = memory.In<float>(x_);
    if (is_padded_) {
      PadImages(memory, x);
      x = reinterpret_cast<const float*>(memory.scratch);
    }
    const size_t row = columns_ * w.depth, group_channels = channels_ / groups_.size();
    FloatGemmArgs args;
    args.m = w.batches * w.out_height * w.out_width;
    args.tap_offsets = &tap_offsets_;
    args.bounds = bounds_;
    args.c_stride = channels_;
    args.threads = memory.threads;
    for (size_t g = 0; g < groups_.size(); ++g) {
      args.b = &groups_[g];
      const float* first = x + g * (w.depth / groups_.size());
      args.a = {first, w.out_width, w.out_height, w.stride_x * w.depth, w.stride_y * row, rows_ * row};
      args.c = memory.Out<float>(y_) + g * group_channels;
      FloatGemm(args);
    }
  }

  const char* kernel() const override { return groups_[0].kernels->name; }

  size_t scratch_bytes() const override {
    return is_padded_ ? window_.batches * rows_ * columns_ * window_.depth * sizeof(float) : 0;
  }

  size_t size_bytes() const override {
    size_t bytes = 0;
    for (const PackedFloats& group : groups_) bytes += group.size_bytes();
    return bytes;
  }

 private:
  void PadImages(const RunMemory& memory, const float* x) const {
    const FloatWindow& w = window_;
    const size_t count = w.batches * rows_, row = columns_ * w.depth;
    float* padded = reinterpret_cast<float*>(memory.scratch);
    ForParts(memory.threads, count, kCopyNanoseconds * static_cast<double>(count) * static_cast<double>(row),
             [&](size_t first, size_t end, size_t) {
               for (size_t i = first; i < end; ++i) PadRow(x, i / rows_, i % rows_, padded + i * row);
             });
  }

  void PadRow(const float* x, size_t image, size_t row, float* padded) const {
    const FloatWindow& w = window_;
    const size_t all = columns_ * w.depth;
    if (row < w.top || row - w.top >= w.height) {
      std::memset(padded, 0, all * sizeof(float));
      return;
    }
    const size_t left = std::min(w.left, columns_) * w.depth;
    const size_t inside = std::min(w.width * w.depth, all - left);
    std::memset(padded, 0, left * sizeof(float));
    std::memcpy(padded + left, x + (image * w.height + row - w.top) * w.width * w.depth, inside * sizeof(float));
    std::memset(padded + left + inside, 0, (all - left - inside) * sizeof(float));
  }

  FloatWindow window_;
  Place x_, y_;
  size_t channels_;
  FloatBounds bounds_;
  std::vector<PackedFloats> groups_;
  bool is_padded_;
  size_t rows_, columns_;  // of an image as the GEMM sees it
  std::vector<ptrdiff_t> tap_offsets_;
};

}  // namespace

// x: [batches, height, width, depth], y: [batches, outHeight, outWidth, channels], both float32; weights: Float32Array of
// [channels, kernelHeight, kernelWidth, depth / groups]; bias: Float32Array of channels, optional; bounds
void MakeFloatConvStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const FloatWindow w = ReadFloatWindow(fields);
  const size_t channels = fields->Size("channels"), groups = fields->Size("groups");
  if (channels % groups != 0 || w.depth % groups != 0) {
    fields->Fail("groups", StatusCode::kShape, "expected a divisor of both numbers of channels");
  }
  const FloatBounds bounds = ReadFloatBounds(fields);
  CheckedProduct(fields, "outWidth", {w.batches, w.reach_height(), w.reach_width(), w.depth, sizeof(float)});
  const size_t x_count = CheckedProduct(fields, "depth", {w.batches, w.height, w.width, w.depth});
  const size_t y_count = CheckedProduct(fields, "channels", {w.batches, w.out_height, w.out_width, channels});
  const size_t k = CheckedProduct(fields, "weights", {w.kernel_height, w.kernel_width, w.depth / groups});
  const size_t weight_count = CheckedProduct(fields, "weights", {channels, k, sizeof(float)}) / sizeof(float);
  const Place x = fields->In("x", x_count, sizeof(float)), y = fields->Out("y", y_count, sizeof(float));
  const float* weights = fields->Floats("weights", weight_count);
  const float* bias = fields->Has("bias") ? fields->Floats("bias", channels) : nullptr;
  if (!fields->ok()) return;

  const FloatKernels& kernels = *FindFloatKernels(fields->environment().isa);
  const size_t group_channels = channels / groups;
  std::vector<PackedFloats> packed(groups);
  for (size_t g = 0; g < groups; ++g) {
    const float* group_bias = bias == nullptr ? nullptr : bias + g * group_channels;
    const Status status = PackFloats(kernels, weights + g * group_channels * k, group_bias, k, group_channels, &packed[g]);
    if (!status.ok()) return fields->Fail("weights", status.code, status.message);
  }
  *step = std::make_unique<FloatConvStep>(w, x, y, channels, bounds, std::move(packed));
}

}  // namespace octensor
