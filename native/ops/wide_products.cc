// Products of int16 tensors by way of products of their halves: x = 256 high + low before them, and behind them their sums,
// joined: lib/ops/{split-int16,join-sums}.ts.
#include <memory>
#include <vector>

#include "ops/parallel.h"
#include "ops/wide_fields.h"

namespace octensor {
namespace {

constexpr size_t kMinPart = size_t{1} << 14;  // elements that are worth a hand-over to another thread
constexpr size_t kMinRun = 64;                // elements for which vectors are worth their beginning and end

class SplitStep : public Step {
 public:
  SplitStep(Place x, Place high, Place low, size_t count, const WideKernels& kernels)
      : x_(x), high_(high), low_(low), count_(count), kernels_(kernels) {}

  void Run(const RunMemory& memory) const override {
    const int16_t* x = memory.In<int16_t>(x_);
    int8_t* high = memory.Out<int8_t>(high_);
    uint8_t* low = memory.Out<uint8_t>(low_);
    RunParts(memory, count_, kMinPart,
             [&](size_t first, size_t end) { kernels_.split(x + first, high + first, low + first, end - first); });
  }

  const char* kernel() const override { return kernels_.name; }

 private:
  Place x_, high_, low_;
  size_t count_;
  const WideKernels& kernels_;
};

struct JoinParams {
  Place sums, low, y;
  bool has_low;
  size_t rows, channels;
  WideOutput output;
};

class JoinStep : public Step {
 public:
  // Numbers of channels are repeated until a run of them is worth vectors.
  JoinStep(const JoinParams& params, const int32_t* bias, const float* multipliers, const WideKernels& kernels)
      : p_(params), kernels_(kernels) {
    repeat_ = params.channels < kMinRun ? (kMinRun + params.channels - 1) / params.channels : 1;
    for (size_t i = 0; i < repeat_ * params.channels; ++i) {
      bias_.push_back(bias != nullptr ? bias[i % params.channels] : 0);
      multipliers_.push_back(multipliers[i % params.channels]);
    }
  }

  void Run(const RunMemory& memory) const override {
    const size_t channels = p_.channels, bytes = WideOutputBytes(p_.output);
    const int32_t* sums = memory.In<int32_t>(p_.sums);
    const int32_t* low = p_.has_low ? memory.In<int32_t>(p_.low) : nullptr;
    uint8_t* y = memory.Out<uint8_t>(p_.y);
    RunParts(memory, p_.rows, kMinPart / channels, [&](size_t first, size_t end) {
      for (size_t row = first; row < end; row += repeat_) {
        const size_t n = std::min(repeat_, end - row) * channels, at = row * channels;
        kernels_.join(p_.output, sums + at, low != nullptr ? low + at : nullptr, bias_.data(), multipliers_.data(),
                      y + at * bytes, n);
      }
    });
  }

  const char* kernel() const override { return kernels_.name; }
  size_t size_bytes() const override { return bias_.size() * (sizeof(double) + sizeof(float)); }

 private:
  JoinParams p_;
  const WideKernels& kernels_;
  size_t repeat_;
  std::vector<double> bias_;
  std::vector<float> multipliers_;
};

}  // namespace

// x: int16[count]; high: int8[count]; low: uint8[count]
void MakeSplitInt16Step(StepFields* fields, std::unique_ptr<Step>* step) {
  const size_t count = fields->Size("count");
  const Place x = fields->In("x", count, sizeof(int16_t));
  const Place high = fields->Out("high", count, 1), low = fields->Out("low", count, 1);
  if (!fields->ok()) return;
  *step = std::make_unique<SplitStep>(x, high, low, count, FindWideKernels(fields->environment().isa));
}

// sums, and low where it is there: int32[rows, channels]; multipliers: float32[channels], above 0; bias: int32[channels],
// optional; y and the fields of ReadWideOutput
void MakeJoinSumsStep(StepFields* fields, std::unique_ptr<Step>* step) {
  JoinParams p = {};
  p.rows = fields->Size("rows"), p.channels = fields->Size("channels");
  p.output = ReadWideOutput(fields);
  p.has_low = fields->Has("low");
  const size_t count = p.rows * p.channels;
  if (count > kMaxStepBytes) fields->Fail("rows", StatusCode::kShape, "expected dimensions whose product is a size");
  p.sums = fields->In("sums", count, sizeof(int32_t));
  if (p.has_low) p.low = fields->In("low", count, sizeof(int32_t));
  p.y = fields->Out("y", count, WideOutputBytes(p.output));
  const float* multipliers = fields->Floats("multipliers", p.channels);
  const int32_t* bias = fields->Has("bias") ? fields->Int32s("bias", p.channels) : nullptr;
  for (size_t i = 0; multipliers != nullptr && i < p.channels; ++i) {
    if (multipliers[i] > 0 && multipliers[i] < 0x1p30f) continue;
    fields->Fail("multipliers", StatusCode::kQuantization, "expected multipliers above 0 and below 2^30");
  }
  if (!fields->ok()) return;
  *step = std::make_unique<JoinStep>(p, bias, multipliers, FindWideKernels(fields->environment().isa));
}

}  // namespace octensor
