// Rounding to a grid and its gradients on every ISA, against the definitions, in memory that ends before a guard page.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <algorithm>
#include <vector>

#include "float_problem.h"
#include "guarded_buffer.h"

namespace octensor {
namespace {

constexpr SnapGrid kGrids[] = {{0, 15, 15, false},   {-8, 7, 15, false}, {-127, 127, 254, false},
                               {0, 255, 255, false}, {-1, 1, 1, true},   {-7, 7, 7, true}};
constexpr size_t kLengths[] = {1, 2, 3, 5, 8, 9, 16, 17, 33, 64, 70};
constexpr size_t kRows = 5;

float CodeOf(float x, float scale, float zero, const SnapGrid& grid) {
  const float v = x / scale;
  const float code =
      grid.is_odd ? std::floor((v - grid.qmin) / 2 + 0.5f) * 2 + grid.qmin : static_cast<float>(std::nearbyint(v)) + zero;
  return code > grid.qmax ? grid.qmax : code < grid.qmin ? grid.qmin : code;
}

struct Slope {
  double x, sums[kMaxSnapSums];
};

Slope Define(SnapGradient mode, float x, const float* p, const SnapGrid& grid) {
  if (mode == SnapGradient::kRange) return {x >= p[0] && x <= p[1] ? 1.0 : 0.0, {x > p[1] ? 1.0 : 0.0, x < p[0] ? 1.0 : 0.0}};
  if (mode == SnapGradient::kStep) {
    const float v = x / p[0] + p[1];
    const bool is_inside = v >= grid.qmin && v <= grid.qmax;
    const double code = CodeOf(x, p[0], p[1], grid);
    return {is_inside ? 1.0 : 0.0, {code - (is_inside ? v : 0), is_inside ? 0.0 : 1.0}};
  }
  const double n = grid.steps, v = (static_cast<double>(x) - p[0]) / p[1], c = std::clamp(v, 0.0, n);
  const double offset = c - std::min(std::floor(c), n - 1) - 0.5, t = std::tanh(p[3] * offset), s = p[2];
  const double soft = c - offset + s / 2 * t, g = v == c ? s / 2 * p[3] * (1 - t * t) : 0;
  const double high = (soft - g * c) / n;
  return {g, {high, 1 - g - high, p[1] * (s * s / 2 * t + s / 2 * (1 - t * t) * offset * p[4])}};
}

// Parameters that quantizers have, of column c.
void FillParameters(SnapGradient mode, const SnapGrid& grid, Random& random, std::vector<std::vector<float>>* all) {
  for (size_t c = 0; c < (*all)[0].size(); ++c) {
    const float scale = 0.05f + 0.3f * std::fabs(RandomFloat(random)), zero = grid.qmin < 0 ? 0 : 3;
    const float low = (grid.qmin - zero) * scale, high = (grid.qmax - zero) * scale;
    const float soft[] = {low, (high - low) / grid.steps, 1.25f, 2.1972f, -5.5556f}, step[] = {scale, zero},
                range[] = {low, high};
    const float* from = mode == SnapGradient::kSoft ? soft : mode == SnapGradient::kStep ? step : range;
    for (int i = 0; i < SnapParameters(mode); ++i) (*all)[static_cast<size_t>(i)][c] = from[i];
  }
}

// One problem: [rows, n] values of which some are on the ends, far outside, and between two levels.
struct Problem {
  Problem(SnapGradient mode, const SnapGrid& grid, size_t rows, size_t n, Random& random)
      : parameters(kMaxSnapParameters, std::vector<float>(n)), x(rows * n), dy(rows * n) {
    FillParameters(mode, grid, random, &parameters);
    for (size_t i = 0; i < x.size(); ++i) {
      x[i] = i % 7 == 0 ? RandomFloat(random, -90, 90) : i % 5 == 0 ? 0 : RandomFloat(random, -2, 2);
      dy[i] = RandomFloat(random);
    }
    snap = {rows, n, x.data(), {}};
    for (int i = 0; i < SnapParameters(mode); ++i) snap.parameters[i] = parameters[static_cast<size_t>(i)].data();
  }

  std::vector<std::vector<float>> parameters;
  GuardedBuffer<float> x, dy;
  SnapRows snap;
};

TEST_CASE("values are rounded to the grid, exactly") {
  Random random(1);
  ForEachEagerKernels([&](const EagerKernels& kernels) {
    for (const SnapGrid& grid : kGrids) {
      for (const size_t length : kLengths) {
        for (const bool is_run : {true, false}) {
          const size_t rows = is_run ? length : kRows, n = is_run ? 1 : length;
          Problem problem(SnapGradient::kStep, grid, rows, n, random);
          problem.x[0] = kNaN;
          GuardedBuffer<float> y(rows * n);
          kernels.snap(grid, problem.snap, y.data());
          CHECK(y[0] != y[0]);
          for (size_t i = 1; i < rows * n; ++i) {
            const float scale = problem.parameters[0][i % n], zero = problem.parameters[1][i % n];
            CHECK(y[i] == (CodeOf(problem.x[i], scale, zero, grid) - zero) * scale);
          }
          CHECK(y.IsSurroundingUntouched());
        }
      }
    }
  });
}

TEST_CASE("gradients are those of the definition") {
  Random random(2);
  constexpr SnapGradient kModes[] = {SnapGradient::kRange, SnapGradient::kStep, SnapGradient::kSoft};
  ForEachEagerKernels([&](const EagerKernels& kernels) {
    for (const SnapGradient mode : kModes) {
      for (const SnapGrid& grid : kGrids) {
        for (const size_t length : kLengths) {
          for (const bool is_run : {true, false}) {
            const size_t rows = is_run ? length : kRows, n = is_run ? 1 : length;
            Problem problem(mode, grid, rows, n, random);
            const auto count = static_cast<size_t>(SnapSums(mode));
            GuardedBuffer<float> dx(rows * n), sums(count * n);
            kernels.snap_gradient(mode, grid, problem.snap, problem.dy.data(), dx.data(), sums.data());
            std::vector<double> expected(count * n), magnitude(count * n, 1);
            for (size_t i = 0; i < rows * n; ++i) {
              float p[kMaxSnapParameters];
              for (size_t k = 0; k < kMaxSnapParameters; ++k) p[k] = problem.parameters[k][i % n];
              const Slope slope = Define(mode, problem.x[i], p, grid);
              CHECK(std::fabs(dx[i] - problem.dy[i] * slope.x) <= (mode == SnapGradient::kSoft ? 3e-4 : 0));
              for (size_t s = 0; s < count; ++s) {
                expected[s * n + i % n] += problem.dy[i] * slope.sums[s];
                magnitude[s * n + i % n] += std::fabs(problem.dy[i] * slope.sums[s]);
              }
            }
            for (size_t i = 0; i < count * n; ++i) CHECK(std::fabs(sums[i] - expected[i]) <= 3e-4 * magnitude[i]);
            CHECK(dx.IsSurroundingUntouched());
            CHECK(sums.IsSurroundingUntouched());
          }
        }
      }
    }
  });
}

}  // namespace
}  // namespace octensor
