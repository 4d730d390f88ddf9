// Softmax and LogSoftmax of float32 along the last axis, in double and in the reference's order.
#include <cmath>
#include <memory>

#include "core/aligned_buffer.h"
#include "core/old_libm.h"
#include "ops/float_fields.h"
#include "ops/float_parts.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr double kElementNanoseconds = 8;

class FloatSoftmaxStep : public Step {
 public:
  FloatSoftmaxStep(size_t rows, size_t length, double beta, bool is_log, size_t threads, Place x, Place y)
      : rows_(rows), length_(length), beta_(beta), is_log_(is_log), threads_(threads), x_(x), y_(y) {}

  void Run(const RunMemory& memory) const override {
    const float* x = memory.In<float>(x_);
    float* y = memory.Out<float>(y_);
    const double work = kElementNanoseconds * static_cast<double>(rows_) * static_cast<double>(length_);
    ForParts(memory.threads, rows_, work, [&](size_t first, size_t end, size_t worker) {
      auto* exponentials = reinterpret_cast<double*>(memory.scratch + worker * row_bytes());
      for (size_t row = first; row < end; ++row) RunRow(x + row * length_, y + row * length_, exponentials);
    });
  }

  size_t scratch_bytes() const override { return threads_ * row_bytes(); }

 private:
  size_t row_bytes() const { return RoundUp(length_ * sizeof(double), kAlignment); }

  void RunRow(const float* x, float* y, double* exponentials) const {
    double max = -INFINITY, sum = 0;
    for (size_t i = 0; i < length_; ++i) max = x[i] > max || x[i] != x[i] ? x[i] : max;
    for (size_t i = 0; i < length_; ++i) {
      exponentials[i] = std::exp((x[i] - max) * beta_);
      sum += exponentials[i];
    }
    if (!is_log_) {
      for (size_t i = 0; i < length_; ++i) y[i] = static_cast<float>(exponentials[i] / sum);
      return;
    }
    const double log_sum = std::log(sum);
    for (size_t i = 0; i < length_; ++i) y[i] = static_cast<float>(x[i] - max - log_sum);
  }

  size_t rows_, length_;
  double beta_;
  bool is_log_;
  size_t threads_;
  Place x_, y_;
};

}  // namespace

// x, y: float32 of [rows, length]; beta: the factor of x; log: a flag, for which beta is 1
void MakeFloatSoftmaxStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const size_t rows = fields->Size("rows"), length = fields->Size("length"), threads = fields->environment().threads;
  const double beta = fields->Number("beta");
  const bool is_log = fields->Flag("log");
  if (is_log && beta != 1) fields->Fail("beta", StatusCode::kShape, "expected 1");
  CheckedProduct(fields, "length", {threads, RoundUp(length, kAlignment), sizeof(double)});
  const size_t count = CheckedProduct(fields, "rows", {rows, length});
  const Place x = fields->In("x", count, sizeof(float)), y = fields->Out("y", count, sizeof(float));
  if (fields->ok()) *step = std::make_unique<FloatSoftmaxStep>(rows, length, beta, is_log, threads, x, y);
}

}  // namespace octensor
