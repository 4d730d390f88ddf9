// Every float32 elementwise kernel that this CPU can run, against the definition in lib/ops, to the bit.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <algorithm>
#include <string>

#include "float_problem.h"
#include "guarded_buffer.h"

namespace octensor {
namespace {

// Math.max and Math.min of doubles.
double Max(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return kNaN;
  return a > b || (a == b && !std::signbit(a)) ? a : b;
}
double Min(double a, double b) { return -Max(-a, -b); }

double Define(FloatUnary op, double x, FloatBounds bounds) {
  switch (op) {
    case FloatUnary::kClamp:
      return Min(Max(x, bounds.lo), bounds.hi);
    case FloatUnary::kAbs:
      return std::fabs(x);
    case FloatUnary::kNeg:
      return -x;
    case FloatUnary::kSqrt:
      return std::sqrt(x);
    case FloatUnary::kSquare:
      return x * x;
    case FloatUnary::kFloor:
      return std::floor(x);
    case FloatUnary::kCeil:
      return std::ceil(x);
    case FloatUnary::kRound:
      return std::nearbyint(x) + 0.0;
    case FloatUnary::kLeakyRelu:
      return x > 0 ? x : x * bounds.lo;
    default:
      return x * Min(Max(x + 3, 0), 6) / 6;
  }
}

double Define(FloatBinary op, double a, double b) {
  switch (op) {
    case FloatBinary::kAdd:
      return a + b;
    case FloatBinary::kSub:
      return a - b;
    case FloatBinary::kMul:
      return a * b;
    case FloatBinary::kDiv:
      return a / b;
    case FloatBinary::kMax:
      return a > b ? a : b;
    case FloatBinary::kMin:
      return a < b ? a : b;
    default:
      return a >= 0 ? a : a * b;
  }
}

const std::vector<float> kEdges = {0.0f,    -0.0f,     kNaN,       kInfinity, -kInfinity, 0.5f,    -0.5f,      1.5f,
                                   2.5f,    -2.5f,     0.3f,       -0.3f,     1e-40f,     -1e-40f, 3e38f,      -3e38f,
                                   8388608, -16777216, 8388607.5f, 6,         -3,         3,       4194303.5f, -1};

// Lengths that end in every lane, and the edges in every lane.
template <typename F>
void ForEachLength(F f) {
  for (const size_t n : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 100}) f(n);
}

float ValueAt(size_t i, Random& random) { return i % 3 == 0 ? kEdges[random() % kEdges.size()] : RandomFloat(random, -9, 9); }

TEST_CASE("functions of one number are those of lib/ops, rounded once") {
  Random random(1);
  ForEachFloatKernels([&](const FloatKernels& kernels) {
    for (int op = 0; op <= static_cast<int>(FloatUnary::kHardSwish); ++op) {
      for (const FloatBounds bounds :
           {FloatBounds{0, 6}, FloatBounds{-1, 1}, FloatBounds{0, kInfinity}, FloatBounds{0.1f, kInfinity}}) {
        ForEachLength([&](size_t n) {
          GuardedBuffer<float> x(n), y(n);
          for (size_t i = 0; i < n; ++i) x[i] = ValueAt(i, random);
          const auto function = static_cast<FloatUnary>(op);
          kernels.unary(function, x.data(), n, bounds, y.data());
          CHECK(y.IsSurroundingUntouched());
          for (size_t i = 0; i < n; ++i) {
            const auto exact = static_cast<float>(Define(function, x[i], bounds));
            INFO(std::string(kernels.name) << " op=" << op << " x=" << x[i] << " y=" << y[i] << " exact=" << exact);
            // Three roundings; the factor's range is small, so that overflow in between is the only other difference.
            const bool is_close = function == FloatUnary::kHardSwish &&
                                  (std::fabs(y[i] - exact) <= 2e-7f * std::fabs(exact) + 1e-44f || std::fabs(x[i]) > 5e37f);
            REQUIRE((IsSame(y[i], exact) || is_close));
          }
          kernels.unary(function, x.data(), n, bounds, x.data());
          for (size_t i = 0; i < n; ++i) REQUIRE(IsSame(x[i], y[i]));
        });
      }
    }
  });
}

struct Function {
  FloatUnary op;
  double (*exact)(double);
  // Of the result, and of x.
  double relative, absolute;
};

// Where e^-x is above the range of floats, its reciprocal is 0.
constexpr double kTiny = 1.2e-38;

const Function kFunctions[] = {
    {FloatUnary::kExp, [](double x) { return std::exp(x); }, 2e-7, 0},
    {FloatUnary::kTanh, [](double x) { return std::tanh(x); }, 4e-7, 0},
    {FloatUnary::kLogistic, [](double x) { return 1 / (1 + std::exp(-x)); }, 4e-7, kTiny},
    {FloatUnary::kErf, [](double x) { return std::erf(x); }, 5e-7, 0},
    {FloatUnary::kGelu, [](double x) { return x * (1 + std::erf(x * std::sqrt(0.5))) / 2; }, 0, 5e-7},
    {FloatUnary::kGeluTanh, [](double x) { return x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))) / 2; },
     1e-6, 1e-6},
    {FloatUnary::kSwish, [](double x) { return x / (1 + std::exp(-x)); }, 1e-6, kTiny},
};

TEST_CASE("functions made of many instructions are within their errors") {
  Random random(4);
  std::vector<float> points = {0.0f,    -0.0f, 0.625f, -0.625f, 3.92f,   -3.92f, 1e-40f,
                               -1e-30f, 88.7f, 88.8f,  -87.4f,  -103.9f, 1e9f};
  for (int i = 0; i < 20000; ++i) points.push_back(RandomFloat(random, -12, 12));
  for (int i = 0; i < 5000; ++i) points.push_back(RandomFloat(random, -100, 90));
  for (int i = 0; i < 5000; ++i) points.push_back(std::ldexp(RandomFloat(random), -static_cast<int>(random() % 60)));
  ForEachFloatKernels([&](const FloatKernels& kernels) {
    std::vector<float> y(points.size());
    for (const Function& f : kFunctions) {
      kernels.unary(f.op, points.data(), points.size(), {1, 1}, y.data());
      double worst = 0;
      for (size_t i = 0; i < points.size(); ++i) {
        const double x = points[i], exact = f.exact(x);
        if (static_cast<float>(exact) == y[i]) continue;  // infinity
        // Exponentials below the normal range have a granularity of their own.
        const double allowed = f.relative * std::fabs(exact) + f.absolute * std::fabs(x) + 1.5e-45;
        const double error = std::fabs(y[i] - exact) / allowed;
        if (!(error <= worst)) worst = error;
        if (!(error <= 1)) INFO("x=" << x << " y=" << y[i] << " exact=" << exact);
      }
      INFO(std::string(kernels.name) << " op=" << static_cast<int>(f.op));
      CHECK(worst <= 1);
      const float nan = kNaN;
      kernels.unary(f.op, &nan, 1, {1, 1}, y.data());
      CHECK(std::isnan(y[0]));
    }
  });
}

TEST_CASE("ranges, sums, exponentials and normalization of rows of any length") {
  Random random(5);
  ForEachFloatKernels([&](const FloatKernels& kernels) {
    INFO(std::string(kernels.name));
    for (const size_t n : {1, 3, 4, 7, 8, 15, 16, 17, 63, 64, 65, 130, 1000}) {
      GuardedBuffer<float> x(n), y(n), scale(n), bias(n);
      double sum = 0, magnitude = 0, squares = 0, exponentials = 0;
      float low = 0.5f, high = 0.5f;
      for (size_t i = 0; i < n; ++i) {
        x[i] = RandomFloat(random, -3, 4);
        scale[i] = RandomFloat(random);
        bias[i] = RandomFloat(random);
        sum += x[i];
        magnitude += std::fabs(x[i]);
        squares += (x[i] - 0.25) * (x[i] - 0.25);
        exponentials += std::exp((x[i] - 4.0) * 0.5);
        low = std::min(low, x[i]);
        high = std::max(high, x[i]);
      }
      CHECK(std::fabs(kernels.sum(x.data(), n) - sum) <= 1e-6 * magnitude);
      CHECK(std::fabs(kernels.squares(x.data(), n, 0.25f) - squares) <= 2e-6 * squares);
      CHECK(std::fabs(kernels.exp_sum(x.data(), n, 4, 0.5f, y.data()) - exponentials) <= 2e-6 * exponentials);
      CHECK(y.IsSurroundingUntouched());
      for (size_t i = 0; i < n; ++i) CHECK(y[i] == doctest::Approx(std::exp((x[i] - 4.0) * 0.5)).epsilon(1e-6));
      kernels.normalize(x.data(), n, 0.5f, 2, scale.data(), bias.data(), y.data());
      CHECK(y.IsSurroundingUntouched());
      for (size_t i = 0; i < n; ++i) CHECK(std::fabs(y[i] - ((x[i] - 0.5) * 2 * scale[i] + bias[i])) <= 4e-6);
      float lo = 0.5f, hi = 0.5f;
      kernels.range(x.data(), n, &lo, &hi);
      CHECK(lo == low);
      CHECK(hi == high);
      for (size_t i = 0; i < n; i += 3) x[i] = kNaN;
      lo = hi = 0;
      kernels.range(x.data(), n, &lo, &hi);
      for (size_t i = 0; i < n; ++i) {
        if (std::isnan(x[i])) continue;
        CHECK(lo <= x[i]);
        CHECK(hi >= x[i]);
      }
    }
  });
}

TEST_CASE("functions of two numbers are those of lib/ops, rounded once, whichever operand repeats") {
  Random random(2);
  ForEachFloatKernels([&](const FloatKernels& kernels) {
    for (int op = 0; op <= static_cast<int>(FloatBinary::kPrelu); ++op) {
      for (const FloatBounds bounds : {kUnbounded, FloatBounds{0, 6}}) {
        for (int steps = 0; steps < 4; ++steps) {
          const size_t a_step = steps & 1, b_step = steps >> 1;
          ForEachLength([&](size_t n) {
            GuardedBuffer<float> a(a_step == 1 ? n : 1), b(b_step == 1 ? n : 1), y(n);
            for (size_t i = 0; i < a.size(); ++i) a[i] = ValueAt(random() % 3, random);
            for (size_t i = 0; i < b.size(); ++i) b[i] = ValueAt(random() % 3, random);
            const auto function = static_cast<FloatBinary>(op);
            kernels.binary(function, a.data(), a_step, b.data(), b_step, n, bounds, y.data());
            CHECK(y.IsSurroundingUntouched());
            for (size_t i = 0; i < n; ++i) {
              const float p = a[i * a_step], q = b[i * b_step];
              const double result = Define(function, p, q);
              const auto exact = static_cast<float>(Min(Max(result, bounds.lo), bounds.hi));
              INFO(std::string(kernels.name)
                   << " op=" << op << " a=" << p << " b=" << q << " y=" << y[i] << " exact=" << exact);
              REQUIRE(IsSame(y[i], exact));
            }
          });
        }
      }
    }
  });
}

}  // namespace
}  // namespace octensor
