// Functions of one float32. What has no vector form is computed in double and rounded once.
#include <cmath>
#include <memory>

#include "core/old_libm.h"
#include "ops/float_fields.h"
#include "ops/float_parts.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr double kVectorNanoseconds = 0.15, kScalarNanoseconds = 8;

// Functions that follow FloatUnary's in the field `op`.
double Rsqrt(double x) { return 1 / std::sqrt(x); }
double Exp(double x) { return std::exp(x); }
double Log(double x) { return std::log(x); }
double Sin(double x) { return std::sin(x); }
double Cos(double x) { return std::cos(x); }
double Tanh(double x) { return std::tanh(x); }
double Logistic(double x) { return 1 / (1 + std::exp(-x)); }
double Elu(double x) { return x < 0 ? std::expm1(x) : x; }

using RealFunction = double (*)(double);
constexpr RealFunction kRealFunctions[] = {Rsqrt, Exp, Log, Sin, Cos, Tanh, Logistic, Elu};
constexpr int64_t kVectorOps = static_cast<int64_t>(FloatUnary::kHardSwish) + 1;
constexpr int64_t kOps = kVectorOps + static_cast<int64_t>(sizeof(kRealFunctions) / sizeof(kRealFunctions[0]));

class FloatUnaryStep : public Step {
 public:
  FloatUnaryStep(const FloatKernels& kernels, int64_t op, size_t count, FloatBounds bounds, Place x, Place y)
      : kernels_(kernels), op_(op), count_(count), bounds_(bounds), x_(x), y_(y) {}

  void Run(const RunMemory& memory) const override {
    const bool is_vector = op_ < kVectorOps;
    const float* x = memory.In<float>(x_);
    float* y = memory.Out<float>(y_);
    const double work = (is_vector ? kVectorNanoseconds : kScalarNanoseconds) * static_cast<double>(count_);
    ForParts(memory.threads, count_, work, [&](size_t first, size_t end, size_t) {
      if (is_vector) return kernels_.unary(static_cast<FloatUnary>(op_), x + first, end - first, bounds_, y + first);
      const RealFunction f = kRealFunctions[op_ - kVectorOps];
      for (size_t i = first; i < end; ++i) y[i] = static_cast<float>(f(x[i]));
    });
  }

  const char* kernel() const override { return op_ < kVectorOps ? kernels_.name : "scalar"; }

 private:
  const FloatKernels& kernels_;
  int64_t op_;
  size_t count_;
  FloatBounds bounds_;
  Place x_, y_;
};

}  // namespace

// op: as FloatUnary, then 1 / square root, exp, log, sin, cos, tanh, logistic, elu; x, y: float32 of count; bounds: of a clamp;
// the slope of a leaky relu is the lower one
void MakeFloatUnaryStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const int64_t op = fields->Integer("op", 0, kOps - 1);
  const size_t count = fields->Size("count");
  const FloatBounds bounds = ReadFloatBounds(fields);
  const Place x = fields->In("x", count, sizeof(float)), y = fields->Out("y", count, sizeof(float));
  if (!fields->ok()) return;
  *step = std::make_unique<FloatUnaryStep>(*FindFloatKernels(fields->environment().isa), op, count, bounds, x, y);
}

}  // namespace octensor
