// Functions of one real number that have no vector form, of float32 or float64: computed in double and rounded once, as
// lib/ops/{unary-float,activation-functions,float-class}.ts. Within one unit in the last place of them: libraries differ.
#include <algorithm>
#include <cmath>
#include <memory>

#include "core/old_libm.h"
#include "ops/element_type.h"
#include "ops/parallel.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kMinPart = size_t{1} << 11;  // elements

struct Parameters {
  double alpha, beta;
};

double Sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
double Softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }
double Exponential(double x, double scale) { return scale * std::expm1(x); }
double Clamped(double x, double lo, double hi) { return x < lo ? lo : x > hi ? hi : x; }
double Logistic(double x) { return 1 / (1 + std::exp(-x)); }

// In the order of lib/backends/native/real-functions.ts.
using RealFunction = double (*)(double x, const Parameters& p);
constexpr RealFunction kFunctions[] = {
    [](double x, const Parameters&) { return std::acos(x); },
    [](double x, const Parameters&) { return std::acosh(x); },
    [](double x, const Parameters&) { return std::asin(x); },
    [](double x, const Parameters&) { return std::asinh(x); },
    [](double x, const Parameters&) { return std::atan(x); },
    [](double x, const Parameters&) { return std::atanh(x); },
    [](double x, const Parameters&) { return std::ceil(x); },
    [](double x, const Parameters&) { return std::cos(x); },
    [](double x, const Parameters&) { return std::cosh(x); },
    [](double x, const Parameters&) { return std::exp(x); },
    [](double x, const Parameters&) { return std::floor(x); },
    [](double x, const Parameters&) { return std::log(x); },
    [](double x, const Parameters&) { return x * std::tanh(Softplus(x)); },
    [](double x, const Parameters&) { return 1 / x; },
    [](double x, const Parameters&) { return std::nearbyint(x); },
    [](double x, const Parameters&) { return 1 / std::sqrt(x); },
    [](double x, const Parameters&) { return Sign(x); },
    [](double x, const Parameters&) { return std::sin(x); },
    [](double x, const Parameters&) { return std::sinh(x); },
    [](double x, const Parameters&) { return Softplus(x); },
    [](double x, const Parameters&) { return std::isinf(x) ? Sign(x) : x / (1 + std::fabs(x)); },
    [](double x, const Parameters&) { return std::sqrt(x); },
    [](double x, const Parameters&) { return std::tan(x); },
    [](double x, const Parameters&) { return std::tanh(x); },
    [](double x, const Parameters&) { return Logistic(x); },
    [](double x, const Parameters&) { return x < 0 ? std::expm1(x) : x; },
    [](double x, const Parameters& p) { return x > 0 ? x : Exponential(x / p.alpha, p.alpha); },
    [](double x, const Parameters& p) { return Clamped(p.alpha * x + p.beta, 0, 1); },
    [](double x, const Parameters& p) { return p.beta * (x > 0 ? x : Exponential(x, p.alpha)); },
    [](double x, const Parameters& p) { return x < -p.beta  ? x + p.alpha
                                               : x > p.beta ? x - p.alpha
                                                            : 0; },
    [](double x, const Parameters& p) { return x > p.alpha ? x : 0; },
};
constexpr int64_t kCount = sizeof(kFunctions) / sizeof(kFunctions[0]);

class RealFunctionStep : public Step {
 public:
  RealFunctionStep(int64_t function, const Parameters& parameters, bool is_double, size_t count, Place x, Place y)
      : function_(kFunctions[function]), parameters_(parameters), is_double_(is_double), count_(count), x_(x), y_(y) {}

  void Run(const RunMemory& memory) const override { is_double_ ? RunAs<double>(memory) : RunAs<float>(memory); }

 private:
  template <typename T>
  void RunAs(const RunMemory& memory) const {
    const T* x = memory.In<T>(x_);
    T* y = memory.Out<T>(y_);
    RunParts(memory, count_, kMinPart, [&](size_t first, size_t end) {
      for (size_t i = first; i < end; ++i) y[i] = static_cast<T>(function_(x[i], parameters_));
    });
  }

  RealFunction function_;
  Parameters parameters_;
  bool is_double_;
  size_t count_;
  Place x_, y_;
};

}  // namespace

// function: an index of kFunctions; alpha, beta: what some of them take; type: float32 or float64, as ElementType; x, y: of
// count
void MakeRealFunctionStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const int64_t function = fields->Integer("function", 0, kCount - 1);
  const Parameters parameters = {fields->Number("alpha"), fields->Number("beta")};
  const ElementType type = ReadElementType(fields, "type");
  if (type != ElementType::kFloat32 && type != ElementType::kFloat64) {
    fields->Fail("type", StatusCode::kShape, "expected float32 or float64");
  }
  const size_t count = fields->Size("count"), bytes = ElementBytes(type);
  const Place x = fields->In("x", count, bytes), y = fields->Out("y", count, bytes);
  const bool is_double = type == ElementType::kFloat64;
  if (fields->ok()) *step = std::make_unique<RealFunctionStep>(function, parameters, is_double, count, x, y);
}

}  // namespace octensor
