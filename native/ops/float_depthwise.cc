// Depthwise convolution of float32. Kernels see the input through pointers to pixels; those outside of the image point to a
// pixel of zeros.
#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "core/aligned_buffer.h"
#include "ops/float_fields.h"
#include "ops/float_parts.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr double kTapNanoseconds = 0.02;  // per tap and output element

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
    if (multiplier_ > 1) x = RepeatChannels(memory, x);
    const size_t count = w.batches * w.out_height;
    const double taps = static_cast<double>(w.kernel_height * w.kernel_width);
    const double work = kTapNanoseconds * taps * static_cast<double>(count * w.out_width * channels_);
    ForParts(memory.threads, count, work, [&](size_t first, size_t end, size_t worker) {
      auto** pixels = reinterpret_cast<const float**>(memory.scratch + repeated_bytes() + worker * table_bytes());
      for (size_t row = first; row < end; ++row) RunRow(memory, x, row / w.out_height, row % w.out_height, pixels);
    });
  }

  const char* kernel() const override { return kernels_.name; }
  size_t scratch_bytes() const override { return repeated_bytes() + threads_ * table_bytes(); }
  size_t size_bytes() const override { return constants_.weights.size_bytes() + 2 * constants_.bias.size_bytes(); }

 private:
  size_t repeated_bytes() const {
    const FloatWindow& w = window_;
    return multiplier_ == 1 ? 0 : RoundUp(w.batches * w.height * w.width * channels_ * sizeof(float), kAlignment);
  }
  size_t table_bytes() const {
    return RoundUp(window_.kernel_height * window_.reach_width() * sizeof(const float*), kAlignment);
  }

  // Output channel c * multiplier + m sees input channel c: with each channel repeated, output and input channels are the same.
  const float* RepeatChannels(const RunMemory& memory, const float* x) const {
    auto* repeated = reinterpret_cast<float*>(memory.scratch);
    const size_t count = window_.batches * window_.height * window_.width * window_.depth;
    ForParts(memory.threads, count, static_cast<double>(count * multiplier_), [&](size_t first, size_t end, size_t) {
      for (size_t i = first; i < end; ++i) std::fill_n(repeated + i * multiplier_, multiplier_, x[i]);
    });
    return repeated;
  }

  void RunRow(const RunMemory& memory, const float* x, size_t image, size_t out_row, const float** pixels) const {
    const FloatWindow& w = window_;
    const size_t reach = w.reach_width();
    for (size_t ky = 0; ky < w.kernel_height; ++ky) {
      const size_t padded_row = out_row * w.stride_y + ky * w.dilation_y;
      FindPixels(x, image, padded_row, pixels + ky * reach);
    }
    FloatDepthwiseRow row;
    row.channels = channels_;
    row.kernel_height = w.kernel_height;
    row.kernel_width = w.kernel_width;
    row.stride = w.stride_x;
    row.dilation = w.dilation_x;
    row.pixels = w.out_width;
    row.x = pixels;
    row.pitch = reach;
    row.w = static_cast<const float*>(constants_.weights.data());
    row.bias = static_cast<const float*>(constants_.bias.data());
    row.bounds = bounds_;
    row.y = memory.Out<float>(y_) + (image * w.out_height + out_row) * w.out_width * channels_;
    kernels_.depthwise(row);
  }

  // Pointers to the pixels of one row of the padded image.
  void FindPixels(const float* x, size_t image, size_t padded_row, const float** pixels) const {
    const FloatWindow& w = window_;
    const auto* zeros = static_cast<const float*>(constants_.zeros.data());
    const size_t reach = w.reach_width();
    if (padded_row < w.top || padded_row - w.top >= w.height) {
      std::fill_n(pixels, reach, zeros);
      return;
    }
    const size_t left = std::min(w.left, reach), inside = std::min(w.width, reach - left);
    const float* pixel = x + (image * w.height + padded_row - w.top) * w.width * channels_;
    std::fill_n(pixels, left, zeros);
    for (size_t i = 0; i < inside; ++i) pixels[left + i] = pixel + i * channels_;
    std::fill_n(pixels + left + inside, reach - left - inside, zeros);
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
