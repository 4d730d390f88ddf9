// Functions of one float32. What has no vector form is computed in double and rounded once.
#include <cmath>
#include <memory>

#include "core/old_libm.h"
#include "ops/float_fields.h"
#include "ops/float_parts.h"
#include "ops/step.h"

namespace octensor {
namespace {

// Per element: of instructions, of functions made of many, of libm's.
constexpr double kVectorNanoseconds = 0.15, kFunctionNanoseconds = 0.6, kScalarNanoseconds = 8;

// Functions that follow FloatUnary's in the field `op`.
double Rsqrt(double x) { return 1 / std::sqrt(x); }
double Log(double x) { return std::log(x); }
double Sin(double x) { return std::sin(x); }
double Cos(double x) { return std::cos(x); }
double Elu(double x) { return x < 0 ? std::expm1(x) : x; }

using RealFunction = double (*)(double);
constexpr RealFunction kRealFunctions[] = {Rsqrt, Log, Sin, Cos, Elu};
constexpr int64_t kVectorOps = static_cast<int64_t>(FloatUnary::kSwish) + 1;
constexpr int64_t kOps = kVectorOps + static_cast<int64_t>(sizeof(kRealFunctions) / sizeof(kRealFunctions[0]));

class FloatUnaryStep : public Step {
 public:
  FloatUnaryStep(const FloatKernels& kernels, int64_t op, size_t count, FloatBounds bounds, Place x, Place y)
      : kernels_(kernels), op_(op), count_(count), bounds_(bounds), x_(x), y_(y) {}

  void Run(const RunMemory& memory) const override {
    const bool is_vector = op_ < kVectorOps;
    const float* x = memory.In<float>(x_);
    float* y = memory.Out<float>(y_);
    const bool is_function = op_ >= static_cast<int64_t>(FloatUnary::kExp);
    const double cost = !is_vector ? kScalarNanoseconds : is_function ? kFunctionNanoseconds : kVectorNanoseconds;
    const double work = cost * static_cast<double>(count_);
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

// op: as FloatUnary, then 1 / square root, log, sin, cos, elu; x, y: float32 of count; bounds: of a clamp; the slope of a leaky
// relu and the factor of a swish are the lower one
void MakeFloatUnaryStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const int64_t op = fields->Integer("op", 0, kOps - 1);
  const size_t count = fields->Size("count");
  const FloatBounds bounds = ReadFloatBounds(fields);
  const Place x = fields->In("x", count, sizeof(float)), y = fields->Out("y", count, sizeof(float));
  if (!fields->ok()) return;
  *step = std::make_unique<FloatUnaryStep>(*FindFloatKernels(fields->environment().isa), op, count, bounds, x, y);
}

}  // namespace octensor
