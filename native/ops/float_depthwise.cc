// Depthwise convolution of float32 with weights that are known beforehand.
#include <cstring>
#include <memory>
#include <utility>

#include "core/aligned_buffer.h"
#include "ops/float_depthwise_rows.h"
#include "ops/float_fields.h"
#include "ops/step.h"

namespace octensor {
namespace {

struct DepthwiseConstants {
  AlignedBuffer weights;  // [taps][channels padded to whole vectors]
  AlignedBuffer bias;     // padded too
  AlignedBuffer zeros;    // a pixel
};

class FloatDepthwiseStep : public Step {
 public:
  FloatDepthwiseStep(const FloatKernels& kernels, const FloatWindow& window, Place x, Place y, size_t multiplier,
                     FloatBounds bounds, size_t threads, DepthwiseConstants constants)
      : kernels_(kernels),
        window_(window),
        x_(x),
        y_(y),
        multiplier_(multiplier),
        channels_(window.depth * multiplier),
        bounds_(bounds),
        threads_(threads),
        constants_(std::move(constants)) {}

  void Run(const RunMemory& memory) const override {
    const FloatWindow& w = window_;
    const float* x = memory.In<float>(x_);
    if (multiplier_ > 1) {
      auto* repeated = reinterpret_cast<float*>(memory.scratch);
      RepeatChannels(x, w.batches * w.height * w.width * w.depth, multiplier_, memory.threads, repeated);
      x = repeated;
    }
    FloatDepthwiseArgs args = {};
    args.kernels = &kernels_;
    args.images = {x, w.batches, w.height, w.width, channels_};
    args.window = w;
    args.region = w.reach();
    args.w = static_cast<const float*>(constants_.weights.data());
    args.bias = static_cast<const float*>(constants_.bias.data());
    args.zeros = static_cast<const float*>(constants_.zeros.data());
    args.bounds = bounds_;
    args.pixels = reinterpret_cast<const float**>(memory.scratch + repeated_bytes());
    args.y = memory.Out<float>(y_);
    args.y_step = channels_;
    args.y_row_step = w.out_width * channels_;
    args.y_image_step = w.out_height * args.y_row_step;
    args.threads = memory.threads;
    FloatDepthwise(args);
  }

  const char* kernel() const override { return kernels_.name; }
  size_t scratch_bytes() const override {
    return repeated_bytes() + threads_ * PixelTableBytes(window_.kernel_height, window_.reach_width());
  }
  size_t size_bytes() const override { return constants_.weights.size_bytes() + 2 * constants_.bias.size_bytes(); }

 private:
  size_t repeated_bytes() const {
    const FloatWindow& w = window_;
    return multiplier_ == 1 ? 0 : RoundUp(w.batches * w.height * w.width * channels_ * sizeof(float), kAlignment);
  }

  const FloatKernels& kernels_;
  FloatWindow window_;
  Place x_, y_;
  size_t multiplier_, channels_;
  FloatBounds bounds_;
  size_t threads_;
  DepthwiseConstants constants_;
};

}  // namespace

// x: [batches, height, width, depth], y: [batches, outHeight, outWidth, depth * multiplier], both float32; weights:
// Float32Array of [kernelHeight, kernelWidth, depth * multiplier]; bias: optional, a Float32Array; bounds
void MakeFloatDepthwiseStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const FloatWindow w = ReadFloatWindow(fields);
  const size_t multiplier = fields->Size("multiplier"), threads = fields->environment().threads;
  const FloatBounds bounds = ReadFloatBounds(fields);
  const size_t channels = CheckedProduct(fields, "multiplier", {w.depth, multiplier});
  const size_t taps = CheckedProduct(fields, "weights", {w.kernel_height, w.kernel_width});
  CheckedProduct(fields, "outWidth", {w.kernel_height, w.reach_width(), sizeof(const float*), threads});
  CheckedProduct(fields, "multiplier", {w.batches, w.height, w.width, channels, sizeof(float)});
  const size_t x_count = CheckedProduct(fields, "depth", {w.batches, w.height, w.width, w.depth});
  const size_t y_count = CheckedProduct(fields, "multiplier", {w.batches, w.out_height, w.out_width, channels});
  const size_t weight_count = CheckedProduct(fields, "weights", {taps, channels, sizeof(float)}) / sizeof(float);
  const Place x = fields->In("x", x_count, sizeof(float)), y = fields->Out("y", y_count, sizeof(float));
  const float* weights = fields->Floats("weights", weight_count);
  const float* bias = fields->Has("bias") ? fields->Floats("bias", channels) : nullptr;
  if (!fields->ok()) return;

  const FloatKernels& kernels = *FindFloatKernels(fields->environment().isa);
  const size_t padded = RoundUp(channels, kernels.nr_step), padded_bytes = padded * sizeof(float);
  DepthwiseConstants constants;
  if (!constants.weights.Reserve(taps * padded_bytes) || !constants.bias.Reserve(padded_bytes) ||
      !constants.zeros.Reserve(padded_bytes)) {
    return fields->Fail("weights", StatusCode::kOutOfMemory, "not enough memory for packed weights");
  }
  std::memset(constants.weights.data(), 0, taps * padded_bytes);
  std::memset(constants.bias.data(), 0, padded_bytes);
  std::memset(constants.zeros.data(), 0, padded_bytes);
  for (size_t tap = 0; tap < taps; ++tap) {
    std::memcpy(static_cast<float*>(constants.weights.data()) + tap * padded, weights + tap * channels,
                channels * sizeof(float));
  }
  if (bias != nullptr) std::memcpy(constants.bias.data(), bias, channels * sizeof(float));
  *step = std::make_unique<FloatDepthwiseStep>(kernels, w, x, y, multiplier, bounds, threads, std::move(constants));
}

}  // namespace octensor
