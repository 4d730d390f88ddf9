// Convolutions and matrix products of float32, as GEMM on the image in place. Where windows reach over the image's edge the
// image is copied into scratch memory with zeros around it, so that the GEMM knows nothing of edges.
#include <memory>
#include <utility>
#include <vector>

#include "ops/float_fields.h"
#include "ops/float_gemm.h"
#include "ops/step.h"

namespace octensor {
namespace {

class FloatConvStep : public Step {
 public:
  FloatConvStep(const FloatWindow& window, Place x, Place y, size_t channels, FloatBounds bounds,
                std::vector<PackedFloats> groups)
      : window_(window), x_(x), y_(y), channels_(channels), bounds_(bounds), groups_(std::move(groups)) {
    const FloatWindow& w = window_;
    region_ = w.reach();
    const size_t columns = IsInside(Images(nullptr), region_) ? w.width : region_.columns;
    tap_offsets_ = WindowTaps(w, columns * w.depth, groups_.size() == 1);
  }

  void Run(const RunMemory& memory) const override {
    const FloatWindow& w = window_;
    const FloatView x =
        ViewRegion(Images(memory.In<float>(x_)), region_, memory.threads, reinterpret_cast<float*>(memory.scratch));
    const size_t group_channels = channels_ / groups_.size();
    FloatGemmArgs args;
    args.m = w.batches * w.out_height * w.out_width;
    args.tap_offsets = &tap_offsets_;
    args.bounds = bounds_;
    args.c_stride = channels_;
    args.threads = memory.threads;
    for (size_t g = 0; g < groups_.size(); ++g) {
      args.b = groups_[g].view();
      const float* first = x.x + g * (w.depth / groups_.size());
      args.a = {first, w.out_width, w.out_height, w.stride_x * w.depth, w.stride_y * x.row_step, x.image_step};
      args.c = memory.Out<float>(y_) + g * group_channels;
      FloatGemm(args);
    }
  }

  const char* kernel() const override { return groups_[0].kernels->name; }

  size_t scratch_bytes() const override { return RegionBytes(Images(nullptr), region_); }

  size_t size_bytes() const override {
    size_t bytes = 0;
    for (const PackedFloats& group : groups_) bytes += group.size_bytes();
    return bytes;
  }

 private:
  FloatImages Images(const float* x) const { return {x, window_.batches, window_.height, window_.width, window_.depth}; }

  FloatWindow window_;
  Place x_, y_;
  size_t channels_;
  FloatBounds bounds_;
  std::vector<PackedFloats> groups_;
  FloatRegion region_;
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
