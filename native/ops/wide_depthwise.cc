// DepthwiseConv2D with int16 on one side or both: sums of int16 products, which int32 holds, and the output stage of
// lib/ops/accumulate.ts behind them. 8-bit inputs, and those of which each channel has several outputs, are copied first.
#include <memory>
#include <vector>

#include "ops/conv_geometry.h"
#include "ops/parallel.h"
#include "ops/wide_fields.h"

namespace octensor {
namespace {

constexpr size_t kMaxCopied = size_t{1} << 28;    // elements, of the input and of weights
constexpr size_t kMinRun = 256;                   // sums that are worth a call of their own
constexpr size_t kMinPartMacs = size_t{1} << 16;  // worth a hand-over to another thread

enum class InputKind { kInt8, kUint8, kInt16 };

struct WideDepthwiseParams {
  ConvGeometry geometry;
  InputKind kind;
  int32_t x_zero_point;
  Place x, y;
  WideOutput output;
};

// As WideKernels says.
std::vector<int16_t> PackTaps(const int16_t* w, size_t taps, size_t channels, size_t lanes) {
  const size_t blocks = (channels + lanes - 1) / lanes, pairs = (taps + 1) / 2;
  std::vector<int16_t> packed(blocks * pairs * 2 * lanes, 0);
  for (size_t t = 0; t < taps; ++t) {
    for (size_t c = 0; c < channels; ++c) {
      const size_t block = c / lanes, lane = c % lanes, group = lane / 8, half = lane % 8 / 4;
      const size_t place = half * lanes + group * 8 + lane % 4 * 2 + t % 2;
      packed[(block * pairs + t / 2) * 2 * lanes + place] = w[t * channels + c];
    }
  }
  return packed;
}

class WideDepthwiseStep : public Step {
 public:
  WideDepthwiseStep(const WideDepthwiseParams& params, size_t threads, std::vector<int16_t> weights, std::vector<double> bias,
                    std::vector<float> multipliers, const WideKernels& kernels)
      : p_(params), g_(p_.geometry), zeros_((g_.width + 1) * g_.channels, 0), kernels_(kernels) {
    copies_ = p_.kind != InputKind::kInt16 || g_.channels != g_.depth;
    taps_ = (g_.kernel[0] * g_.kernel[1] + 1) / 2 * 2;
    weights_ = PackTaps(weights.data(), g_.kernel[0] * g_.kernel[1], g_.channels, kernels.lanes);
    pixels_ = std::min(g_.out_width, (kMinRun + g_.channels - 1) / g_.channels);
    for (size_t i = 0; i < pixels_; ++i) {
      bias_.insert(bias_.end(), bias.begin(), bias.end());
      multipliers_.insert(multipliers_.end(), multipliers.begin(), multipliers.end());
    }
    const size_t image = copies_ ? g_.batches * g_.height * g_.width * g_.channels * sizeof(int16_t) : 0;
    copy_bytes_ = (image + 63) / 64 * 64;
    part_bytes_ = (pixels_ * g_.channels * sizeof(int32_t) + taps_ * sizeof(int16_t*) + 63) / 64 * 64;
    parts_ = threads;
  }

  void Run(const RunMemory& memory) const override {
    if (copies_) Copy(memory);
    const size_t rows = g_.batches * g_.out_height;
    const size_t least = std::max<size_t>(kMinPartMacs / (g_.out_width * g_.channels * taps_), 1);
    // Each part has sums of its own
    const size_t parts = std::clamp<size_t>(rows / least, 1, std::min(parts_, memory.threads));
    RunParts(memory, parts, 1, [&](size_t first, size_t end) {
      for (size_t part = first; part < end; ++part) {
        for (size_t row = rows * part / parts; row < rows * (part + 1) / parts; ++row) RunRow(memory, part, row);
      }
    });
  }

  const char* kernel() const override { return kernels_.name; }
  size_t scratch_bytes() const override { return copy_bytes_ + parts_ * part_bytes_; }
  size_t size_bytes() const override {
    return weights_.size() * sizeof(int16_t) + bias_.size() * (sizeof(double) + sizeof(float)) +
           zeros_.size() * sizeof(int16_t);
  }

 private:
  template <typename X>
  void CopyFrom(const X* x, int16_t* copy, const RunMemory& memory) const {
    const size_t multiplier = g_.channels / g_.depth;
    const int32_t zero = p_.x_zero_point;
    RunParts(memory, g_.x_elements(), kMinPartMacs, [&](size_t first, size_t end) {
      if (multiplier == 1) {
        for (size_t i = first; i < end; ++i) copy[i] = static_cast<int16_t>(x[i] - zero);
        return;
      }
      for (size_t i = first; i < end; ++i) std::fill_n(copy + i * multiplier, multiplier, static_cast<int16_t>(x[i] - zero));
    });
  }

  void Copy(const RunMemory& memory) const {
    auto* copy = reinterpret_cast<int16_t*>(memory.scratch);
    if (p_.kind == InputKind::kInt16) return CopyFrom(memory.In<int16_t>(p_.x), copy, memory);
    if (p_.kind == InputKind::kInt8) return CopyFrom(memory.In<int8_t>(p_.x), copy, memory);
    return CopyFrom(memory.In<uint8_t>(p_.x), copy, memory);
  }

  void RunRow(const RunMemory& memory, size_t part, size_t row) const {
    const size_t n = g_.channels, batch = row / g_.out_height, oy = row % g_.out_height;
    uint8_t* const scratch = memory.scratch + copy_bytes_ + part * part_bytes_;
    const auto** taps = reinterpret_cast<const int16_t**>(scratch);
    auto* sums = reinterpret_cast<int32_t*>(scratch + taps_ * sizeof(int16_t*));
    const int16_t* image = copies_ ? reinterpret_cast<const int16_t*>(memory.scratch) : memory.In<int16_t>(p_.x);
    image += batch * g_.height * g_.width * n;
    const size_t bytes = WideOutputBytes(p_.output);
    uint8_t* y = memory.Out<uint8_t>(p_.y) + row * g_.out_width * n * bytes;
    if (taps_ > g_.kernel[0] * g_.kernel[1]) taps[taps_ - 1] = zeros_.data();
    const Inside inside = InsideColumns();
    for (size_t ox = 0, count; ox < g_.out_width; ox += count) {
      // Windows that reach over an edge one by one; of others, all taps move on alike
      count = ox >= inside.begin && ox < inside.end ? std::min(inside.end - ox, pixels_) : 1;
      FindTaps(image, oy, ox, taps);
      kernels_.depthwise(taps, g_.strides[1] * n, count, weights_.data(), taps_, sums, n);
      kernels_.join(p_.output, sums, nullptr, bias_.data(), multipliers_.data(), y + ox * n * bytes, count * n);
    }
  }

  struct Inside {
    size_t begin, end;
  };

  // The outputs whose windows have all their columns inside.
  Inside InsideColumns() const {
    const size_t reach = (g_.kernel[1] - 1) * g_.dilations[1], stride = g_.strides[1], pad = g_.pads[1];
    const size_t begin = (pad + stride - 1) / stride;
    if (g_.width + pad <= reach) return {0, 0};
    return {begin, std::min(g_.out_width, (g_.width + pad - reach - 1) / stride + 1)};
  }

  void FindTaps(const int16_t* image, size_t oy, size_t ox, const int16_t** taps) const {
    for (size_t ky = 0; ky < g_.kernel[0]; ++ky) {
      const size_t iy = oy * g_.strides[0] + ky * g_.dilations[0] - g_.pads[0];  // wraps below zero
      for (size_t kx = 0; kx < g_.kernel[1]; ++kx) {
        const size_t ix = ox * g_.strides[1] + kx * g_.dilations[1] - g_.pads[1];
        *taps++ = iy < g_.height && ix < g_.width ? image + (iy * g_.width + ix) * g_.channels : zeros_.data();
      }
    }
  }

  WideDepthwiseParams p_;
  const ConvGeometry& g_;
  std::vector<int16_t> weights_;
  std::vector<double> bias_;
  std::vector<float> multipliers_;
  std::vector<int16_t> zeros_;  // a row, and the tap that makes their number even
  const WideKernels& kernels_;
  bool copies_;
  size_t taps_;    // rounded up to even
  size_t pixels_;  // whose sums are joined in one call
  size_t copy_bytes_, part_bytes_, parts_;
};

// Whether int32 holds the sums of any input.
bool Fit(const std::vector<int16_t>& weights, size_t channels, InputKind kind) {
  const int64_t largest = kind == InputKind::kInt16 ? 32768 : 255;
  for (size_t c = 0; c < channels; ++c) {
    int64_t sum = 0;
    for (size_t i = c; i < weights.size(); i += channels) sum += weights[i] < 0 ? -weights[i] : weights[i];
    if (sum > INT32_MAX / largest) return false;
  }
  return true;
}

}  // namespace

// Besides those of ReadConvGeometry, with as many groups as there are input channels, and ReadWideOutput: x, y: places; xType:
// as type; xZeroPoint, 0 of int16; weights: int16[kernelHeight, kernelWidth, channels] less their zero points, so small that
// int32 holds all sums; multipliers: float32[channels], above 0; bias: int32[channels], optional
void MakeWideDepthwiseStep(StepFields* fields, std::unique_ptr<Step>* step) {
  WideDepthwiseParams p = {};
  p.geometry = ReadConvGeometry(fields);
  p.output = ReadWideOutput(fields);
  if (!fields->ok()) return;
  const ConvGeometry& g = p.geometry;
  if (g.groups != g.depth) return fields->Fail("groups", StatusCode::kShape, "expected as many as there are input channels");
  p.kind = static_cast<InputKind>(fields->Integer("xType", 0, 2));
  const int32_t lowest = p.kind == InputKind::kInt8 ? -128 : 0;
  p.x_zero_point = static_cast<int32_t>(fields->Integer("xZeroPoint", lowest, p.kind == InputKind::kInt16 ? 0 : lowest + 255));
  p.x = fields->In("x", g.x_elements(), p.kind == InputKind::kInt16 ? 2 : 1);
  p.y = fields->Out("y", g.y_elements(), WideOutputBytes(p.output));
  const int16_t* weights = fields->Int16s("weights", g.kernel[0] * g.kernel[1] * g.channels);
  const float* multipliers = fields->Floats("multipliers", g.channels);
  const int32_t* bias = fields->Has("bias") ? fields->Int32s("bias", g.channels) : nullptr;
  if (g.x_elements() / g.depth > kMaxCopied / g.channels || g.w_elements() / g.channels > kMaxCopied / (g.channels + 32)) {
    fields->Fail("channels", StatusCode::kShape, "expected copies of at most 2^28 elements");
  }
  if (!fields->ok()) return;
  for (size_t i = 0; i < g.channels; ++i) {
    if (multipliers[i] > 0 && multipliers[i] < 0x1p30f) continue;
    return fields->Fail("multipliers", StatusCode::kQuantization, "expected multipliers above 0 and below 2^30");
  }
  std::vector<int16_t> all(weights, weights + g.kernel[0] * g.kernel[1] * g.channels);
  if (!Fit(all, g.channels, p.kind)) return fields->Fail("weights", StatusCode::kShape, "expected sums that int32 holds");
  std::vector<double> biases(g.channels, 0.0);
  if (bias != nullptr) biases.assign(bias, bias + g.channels);
  const StepEnvironment& environment = fields->environment();
  *step = std::make_unique<WideDepthwiseStep>(p, environment.threads, std::move(all), std::move(biases),
                                              std::vector<float>(multipliers, multipliers + g.channels),
                                              FindWideKernels(environment.isa));
}

}  // namespace octensor
