// Layer normalization of float32: rows less their mean and divided by their deviation, times a scale and plus a bias for each
// element of a row. Sums are in float32 up to kMaxFloatRun elements and in double above.
#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "ops/float_fields.h"
#include "ops/float_parts.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr double kElementNanoseconds = 0.5;

struct LayerNormParams {
  size_t rows, length;
  double epsilon;
  bool is_centered, has_bias;
  Place x, scale, bias, y;
};

class FloatLayerNormStep : public Step {
 public:
  FloatLayerNormStep(const FloatKernels& kernels, const LayerNormParams& params) : kernels_(kernels), p_(params) {
    if (!p_.has_bias) zeros_.resize(p_.length);
  }

  void Run(const RunMemory& memory) const override {
    const float* x = memory.In<float>(p_.x);
    const float* scale = memory.In<float>(p_.scale);
    const float* bias = p_.has_bias ? memory.In<float>(p_.bias) : zeros_.data();
    float* y = memory.Out<float>(p_.y);
    const double work = kElementNanoseconds * static_cast<double>(p_.rows) * static_cast<double>(p_.length);
    ForParts(memory.threads, p_.rows, work, [&](size_t first, size_t end, size_t) {
      for (size_t row = first; row < end; ++row) {
        const float* from = x + row * p_.length;
        const auto mean = p_.is_centered ? static_cast<float>(Mean(from, kernels_.sum)) : 0.0f;
        const double variance = Mean(from, [&](const float* part, size_t n) { return kernels_.squares(part, n, mean); });
        const auto inverse = static_cast<float>(1 / std::sqrt(variance + p_.epsilon));
        kernels_.normalize(from, p_.length, mean, inverse, scale, bias, y + row * p_.length);
      }
    });
  }

  const char* kernel() const override { return kernels_.name; }
  size_t size_bytes() const override { return zeros_.size() * sizeof(float); }

 private:
  // Of what `sum` adds up for a run.
  template <typename Sum>
  double Mean(const float* x, const Sum& sum) const {
    double total = 0;
    for (size_t i = 0; i < p_.length; i += kMaxFloatRun) total += sum(x + i, std::min(kMaxFloatRun, p_.length - i));
    return total / static_cast<double>(p_.length);
  }

  const FloatKernels& kernels_;
  LayerNormParams p_;
  std::vector<float> zeros_;
};

}  // namespace

// x, y: float32 of [rows, length]; scale and, optional, bias: of length; epsilon; center: a flag, without which means are 0
void MakeFloatLayerNormStep(StepFields* fields, std::unique_ptr<Step>* step) {
  LayerNormParams p = {};
  p.rows = fields->Size("rows");
  p.length = fields->Size("length");
  const size_t count = CheckedProduct(fields, "rows", {p.rows, p.length});
  p.epsilon = fields->Number("epsilon");
  p.is_centered = fields->Flag("center");
  p.has_bias = fields->Has("bias");
  p.x = fields->In("x", count, sizeof(float));
  p.scale = fields->In("scale", p.length, sizeof(float));
  if (p.has_bias) p.bias = fields->In("bias", p.length, sizeof(float));
  p.y = fields->Out("y", count, sizeof(float));
  if (fields->ok()) *step = std::make_unique<FloatLayerNormStep>(*FindFloatKernels(fields->environment().isa), p);
}

}  // namespace octensor
