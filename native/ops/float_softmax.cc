// Softmax and LogSoftmax of float32 along the last axis: differences to the largest element in float32, exponentials as
// kernels/float_functions.h has them, their sum in double above runs of kMaxFloatRun.
#include "ops/float_softmax.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "core/old_libm.h"
#include "ops/float_fields.h"
#include "ops/float_parts.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr double kElementNanoseconds = 0.7;

float Largest(const FloatKernels& kernels, const float* x, size_t length) {
  float lo = INFINITY, hi = -INFINITY;
  kernels.range(x, length, &lo, &hi);
  return hi;
}

class FloatSoftmaxStep : public Step {
 public:
  FloatSoftmaxStep(const FloatKernels& kernels, size_t rows, size_t length, float beta, bool is_log, Place x, Place y)
      : kernels_(kernels), rows_(rows), length_(length), beta_(beta), is_log_(is_log), x_(x), y_(y) {}

  void Run(const RunMemory& memory) const override {
    const float* x = memory.In<float>(x_);
    float* y = memory.Out<float>(y_);
    const double work = kElementNanoseconds * static_cast<double>(rows_) * static_cast<double>(length_);
    ForParts(memory.threads, rows_, work, [&](size_t first, size_t end, size_t) {
      for (size_t row = first; row < end; ++row) {
        const size_t at = row * length_;
        is_log_ ? LogSoftmaxRow(x + at, y + at) : SoftmaxRow(kernels_, x + at, length_, beta_, y + at);
      }
    });
  }

  const char* kernel() const override { return kernels_.name; }

 private:
  void LogSoftmaxRow(const float* x, float* y) const {
    const float max = Largest(kernels_, x, length_);
    float exponentials[kMaxFloatRun];
    double sum = 0;
    for (size_t i = 0; i < length_; i += kMaxFloatRun) {
      sum += kernels_.exp_sum(x + i, std::min(kMaxFloatRun, length_ - i), max, 1, exponentials);
    }
    const auto log_sum = static_cast<float>(std::log(sum));
    kernels_.binary(FloatBinary::kSub, x, 1, &max, 0, length_, {-INFINITY, INFINITY}, y);
    kernels_.binary(FloatBinary::kSub, y, 1, &log_sum, 0, length_, {-INFINITY, INFINITY}, y);
  }

  const FloatKernels& kernels_;
  size_t rows_, length_;
  float beta_;
  bool is_log_;
  Place x_, y_;
};

}  // namespace

double Exponentials(const FloatKernels& kernels, const float* x, size_t length, float beta, float* y) {
  const float max = Largest(kernels, x, length);
  double sum = 0;
  for (size_t i = 0; i < length; i += kMaxFloatRun) {
    sum += kernels.exp_sum(x + i, std::min(kMaxFloatRun, length - i), max, beta, y + i);
  }
  return sum;
}

void SoftmaxRow(const FloatKernels& kernels, const float* x, size_t length, float beta, float* y) {
  const auto factor = static_cast<float>(1 / Exponentials(kernels, x, length, beta, y));
  kernels.binary(FloatBinary::kMul, y, 1, &factor, 0, length, {-INFINITY, INFINITY}, y);
}

// x, y: float32 of [rows, length]; beta: the factor of x; log: a flag, for which beta is 1
void MakeFloatSoftmaxStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const size_t rows = fields->Size("rows"), length = fields->Size("length");
  const double beta = fields->Number("beta");
  const bool is_log = fields->Flag("log");
  if (is_log && beta != 1) fields->Fail("beta", StatusCode::kShape, "expected 1");
  const size_t count = CheckedProduct(fields, "rows", {rows, length});
  const Place x = fields->In("x", count, sizeof(float)), y = fields->Out("y", count, sizeof(float));
  if (!fields->ok()) return;
  const FloatKernels& kernels = *FindFloatKernels(fields->environment().isa);
  *step = std::make_unique<FloatSoftmaxStep>(kernels, rows, length, static_cast<float>(beta), is_log, x, y);
}

}  // namespace octensor
