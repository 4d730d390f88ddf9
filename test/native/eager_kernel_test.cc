// Every kernel of eager calls that this CPU can run, against definitions in double, in memory that ends before a guard page.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <algorithm>

#include "float_problem.h"
#include "guarded_buffer.h"

namespace octensor {
namespace {

const float kEdges[] = {0.0f, -0.0f, kNaN,   kInfinity, -kInfinity, 0.5f, -0.5f, 1.5f,
                        2.5f, -1.5f, 1e-40f, 3e38f,     -3e38f,     6,    -1,    0.3f};

float ValueAt(size_t i, Random& random) {
  return i % 3 == 0 ? kEdges[random() % (sizeof(kEdges) / sizeof(kEdges[0]))] : RandomFloat(random, -9, 9);
}

void Fill(GuardedBuffer<float>* x, Random& random) {
  for (size_t i = 0; i < x->size(); ++i) (*x)[i] = ValueAt(i, random);
}

// Those that are rounded as the exact result is.
double Define(EagerUnary op, double x, double p, double q) {
  switch (op) {
    case EagerUnary::kAbs:
      return std::fabs(x);
    case EagerUnary::kNeg:
      return -x;
    case EagerUnary::kSqrt:
      return std::sqrt(x);
    case EagerUnary::kRsqrt:
      return 1 / static_cast<double>(static_cast<float>(std::sqrt(x)));
    case EagerUnary::kSquare:
      return x * x;
    case EagerUnary::kReciprocal:
      return 1 / x;
    case EagerUnary::kFloor:
      return std::floor(x);
    case EagerUnary::kCeil:
      return std::ceil(x);
    case EagerUnary::kRound:
      return std::nearbyint(x);
    case EagerUnary::kSign:
      return x > 0 ? 1 : x < 0 ? -1 : 0;
    case EagerUnary::kRelu:
      return std::isnan(x) ? x : x > 0 ? std::min(x, p) : 0;
    case EagerUnary::kStep:
      return std::isnan(x) ? x : x > 0 ? 1 : p;
    case EagerUnary::kLeakyRelu:
      return x < 0 ? p * x : x;
    default:  // kClip
      return x > q ? q : x < p ? p : x;
  }
}

// NaN of either; zeros are ordered by their signs.
double Max(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return kNaN;
  return a > b || (a == b && !std::signbit(a)) ? a : b;
}

double Define(EagerBinary op, double a, double b) {
  switch (op) {
    case EagerBinary::kAdd:
      return a + b;
    case EagerBinary::kSub:
      return a - b;
    case EagerBinary::kMul:
      return a * b;
    case EagerBinary::kDiv:
      return a / b;
    case EagerBinary::kMaximum:
      return Max(a, b);
    case EagerBinary::kMinimum:
      return -Max(-a, -b);
    case EagerBinary::kSquaredDifference: {
      const double d = static_cast<float>(a - b);
      return d * d;
    }
    case EagerBinary::kPrelu:
      return a < 0 ? a * b : a;
    default:  // kEluGrad
      return b >= 0 ? a : a * static_cast<float>(b + 1);
  }
}

bool Define(EagerComparison op, float a, float b) {
  switch (op) {
    case EagerComparison::kEqual:
      return a == b;
    case EagerComparison::kNotEqual:
      return a != b;
    case EagerComparison::kLess:
      return a < b;
    case EagerComparison::kLessEqual:
      return a <= b;
    case EagerComparison::kGreater:
      return a > b;
    default:
      return a >= b;
  }
}

constexpr size_t kLengths[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 130};

TEST_CASE("functions of one number are their definitions, rounded once") {
  Random random(1);
  ForEachEagerKernels([&](const EagerKernels& kernels) {
    for (int op = 0; op <= static_cast<int>(EagerUnary::kClip); ++op) {
      for (const size_t n : kLengths) {
        GuardedBuffer<float> x(n), y(n);
        Fill(&x, random);
        const float p = op == static_cast<int>(EagerUnary::kClip) ? -0.5f : 1.5f, q = 6;
        kernels.unary(static_cast<EagerUnary>(op), x.data(), n, p, q, y.data());
        for (size_t i = 0; i < n; ++i) {
          const auto expected = static_cast<float>(Define(static_cast<EagerUnary>(op), x[i], p, q));
          CHECK_MESSAGE(IsSame(y[i], expected), "function ", op, " of ", x[i], " is ", y[i], " not ", expected);
        }
        CHECK(y.IsSurroundingUntouched());
      }
    }
  });
}

TEST_CASE("exponential units are within 1e-6 of the exact result") {
  ForEachEagerKernels([&](const EagerKernels& kernels) {
    for (float x = -20; x < 2; x += 0.00173f) {
      float y;
      kernels.unary(EagerUnary::kElu, &x, 1, 0, 0, &y);
      const double exact = x >= 0 ? x : std::expm1(static_cast<double>(x));
      CHECK(std::fabs(y - exact) <= 6e-7 * std::fabs(exact));
      kernels.unary(EagerUnary::kSelu, &x, 1, 1.5f, 2.5f, &y);
      CHECK(std::fabs(y - exact * (x >= 0 ? 1.5 : 2.5)) <= 7e-7 * std::fabs(exact) * 2.5);
    }
  });
}

TEST_CASE("operators and comparisons of two numbers are their definitions, with either operand repeated") {
  Random random(2);
  constexpr size_t kRows = 3;
  ForEachEagerKernels([&](const EagerKernels& kernels) {
    for (const size_t n : kLengths) {
      for (int broadcast = 0; broadcast < 16; ++broadcast) {
        // Steps in a row and of rows: each side's are whole, or stand still.
        const size_t a_step = broadcast & 1, b_step = broadcast >> 1 & 1;
        const size_t a_row = (broadcast & 4) != 0 ? (a_step != 0 ? n : 1) : 0,
                     b_row = (broadcast & 8) != 0 ? (b_step != 0 ? n : 1) : 0;
        GuardedBuffer<float> a(a_row * (kRows - 1) + a_step * (n - 1) + 1), b(b_row * (kRows - 1) + b_step * (n - 1) + 1);
        Fill(&a, random);
        Fill(&b, random);
        const EagerRows rows = {kRows, n, a.data(), a_row, a_step, b.data(), b_row, b_step};
        for (size_t op = 0; op < kEagerBinaryCount; ++op) {
          GuardedBuffer<float> y(kRows * n);
          kernels.binary(static_cast<EagerBinary>(op), rows, y.data());
          for (size_t i = 0; i < kRows * n; ++i) {
            const float p = a[i / n * a_row + i % n * a_step], q = b[i / n * b_row + i % n * b_step];
            const auto expected = static_cast<float>(Define(static_cast<EagerBinary>(op), p, q));
            CHECK_MESSAGE(IsSame(y[i], expected), "operator ", op, " of ", p, ", ", q, " is ", y[i], " not ", expected);
          }
          CHECK(y.IsSurroundingUntouched());
        }
        for (size_t op = 0; op < kEagerComparisonCount; ++op) {
          GuardedBuffer<uint8_t> y(kRows * n);
          kernels.compare(static_cast<EagerComparison>(op), rows, y.data());
          for (size_t i = 0; i < kRows * n; ++i) {
            const float p = a[i / n * a_row + i % n * a_step], q = b[i / n * b_row + i % n * b_step];
            CHECK(y[i] == (Define(static_cast<EagerComparison>(op), p, q) ? 1 : 0));
          }
          CHECK(y.IsSurroundingUntouched());
        }
      }
    }
  });
}

double Define(EagerReduction op, double a, double b) {
  return op == EagerReduction::kSum ? a + b : op == EagerReduction::kMax ? Max(a, b) : -Max(-a, -b);
}

// Sums of n numbers: (n - 1) u times the sum of their magnitudes, whatever the order (Higham, section 4.2).
bool IsReduced(EagerReduction op, float y, double exact, double magnitude, size_t n) {
  if (op != EagerReduction::kSum) return y == exact || (std::isnan(y) && std::isnan(exact));
  return std::fabs(y - exact) <= static_cast<double>(n) * std::ldexp(1.0, -24) * magnitude;
}

TEST_CASE("runs and rows are reduced to their sum, largest and least") {
  Random random(3);
  constexpr EagerReduction kOps[] = {EagerReduction::kSum, EagerReduction::kMax, EagerReduction::kMin};
  ForEachEagerKernels([&](const EagerKernels& kernels) {
    for (const EagerReduction op : kOps) {
      for (const size_t n : kLengths) {
        GuardedBuffer<float> x(n);
        for (size_t i = 0; i < n; ++i) x[i] = op == EagerReduction::kSum ? RandomFloat(random) : ValueAt(i + n, random);
        double exact = x[0], magnitude = std::fabs(x[0]);
        for (size_t i = 1; i < n; ++i) {
          exact = Define(op, exact, x[i]);
          magnitude += std::fabs(x[i]);
        }
        CHECK(IsReduced(op, kernels.reduce(op, x.data(), n), exact, magnitude, n));

        constexpr size_t kRows = 5;
        const size_t pitch = n + 3;
        GuardedBuffer<float> rows(pitch * (kRows - 1) + n), y(n);
        for (size_t i = 0; i < rows.size(); ++i)
          rows[i] = op == EagerReduction::kSum ? RandomFloat(random) : ValueAt(i, random);
        kernels.reduce_rows(op, rows.data(), pitch, kRows, n, y.data());
        for (size_t c = 0; c < n; ++c) {
          exact = rows[c];
          magnitude = std::fabs(rows[c]);
          for (size_t r = 1; r < kRows; ++r) {
            exact = Define(op, exact, rows[r * pitch + c]);
            magnitude += std::fabs(rows[r * pitch + c]);
          }
          CHECK(IsReduced(op, y[c], exact, magnitude, kRows));
        }
        CHECK(y.IsSurroundingUntouched());
      }
    }
  });
}

TEST_CASE("rows are normalized by channel") {
  Random random(4);
  constexpr size_t kRows = 3;
  ForEachEagerKernels([&](const EagerKernels& kernels) {
    for (const size_t n : kLengths) {
      GuardedBuffer<float> x(kRows * n), mean(n), factor(n), offset(n), y(kRows * n);
      for (GuardedBuffer<float>* values : {&x, &mean, &factor, &offset}) {
        for (size_t i = 0; i < values->size(); ++i) (*values)[i] = RandomFloat(random);
      }
      kernels.normalize_rows(x.data(), kRows, n, mean.data(), factor.data(), offset.data(), y.data());
      for (size_t i = 0; i < kRows * n; ++i) {
        const size_t c = i % n;
        const double product = (static_cast<double>(x[i]) - mean[c]) * factor[c];
        CHECK(std::fabs(y[i] - (product + offset[c])) <= std::ldexp(3.0, -24) * (std::fabs(product) + std::fabs(offset[c])));
      }
      CHECK(y.IsSurroundingUntouched());
    }
  });
}

}  // namespace
}  // namespace octensor
