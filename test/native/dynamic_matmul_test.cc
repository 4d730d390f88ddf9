// Products with dynamically quantized matrices to the bit of DynamicQuantizeLinear, MatMulInteger, Cast, Mul and Add one after
// the other (lib/ops/dynamic-mat-mul.ts), written here in double with explicit roundings.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "float_step.h"
#include "ops/dynamic_range.h"

namespace octensor {
namespace {

float Round(double x) { return static_cast<float>(x); }

struct Quantized {
  std::vector<int32_t> centered;
  float scale;
};

Quantized QuantizeExact(const std::vector<float>& x) {
  double min = 0, max = 0;
  for (const float value : x) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  Quantized q = {std::vector<int32_t>(x.size()), min == max ? 1 : Round(Round(max - min) / 255.0)};
  const double zero_point = std::nearbyint(std::min(std::max(double{Round(-min / double{q.scale})}, 0.0), 255.0));
  if (std::isnan(Round(-min / double{q.scale}))) return q;
  for (size_t i = 0; i < x.size(); ++i) {
    const double quotient = Round(x[i] / double{q.scale});
    if (std::isnan(quotient)) continue;
    q.centered[i] = static_cast<int32_t>(std::clamp(std::nearbyint(quotient), -zero_point, 255 - zero_point));
  }
  return q;
}

TEST_CASE("tensors are quantized by their range, whatever they hold") {
  Random random(1);
  size_t count;
  const IsaEntry* isas = IsaList(&count);
  ThreadPool::Acquire();
  for (int round = 0; round < 300; ++round) {
    std::vector<float> x = RandomFloats(random, 1 + random() % 200, round % 3 == 0 ? 1.0f : -3, round % 5 == 0 ? 1.0f : 2);
    const float factor = std::ldexp(1.0f, static_cast<int>(random() % 240) - 120);
    for (float& value : x) value *= factor;
    if (round % 7 == 0) x[random() % x.size()] = kNaN;
    if (round % 11 == 0) x[random() % x.size()] = random() % 2 == 0 ? kInfinity : -kInfinity;
    if (round % 13 == 0) std::fill(x.begin(), x.end(), 0.0f);
    if (round % 17 == 0) x.assign(1, 1e-45f);
    if (round % 19 == 0) x.assign(2, -1e-45f);
    const Quantized exact = QuantizeExact(x);
    for (size_t i = 0; i < count; ++i) {
      if (!IsSupported(isas[i].isa)) continue;
      GuardedBuffer<uint8_t> scratch(RangeScratchBytes(kMaxTestThreads), kAlignment), y(x.size());
      const DynamicRange range =
          MeasureRange(*FindFloatKernels(isas[i].isa), x.data(), x.size(), kMaxTestThreads, scratch.data());
      QuantizeRange(FindElementwiseKernels(isas[i].isa), range, x.data(), x.size(), kMaxTestThreads, y.data());
      CHECK(y.IsSurroundingUntouched());
      REQUIRE(IsSame(range.scale, exact.scale));
      for (size_t k = 0; k < x.size(); ++k) {
        INFO("x=" << x[k] << " scale=" << range.scale);
        REQUIRE(y[k] - range.zero_point == exact.centered[k]);
      }
    }
  }
  ThreadPool::Release();
}

struct Problem {
  size_t rows, depth, channels;
  bool has_bias, has_gelu;
  int zero_point_range;
};

TEST_CASE("products equal the operators one after the other") {
  Random random(2);
  for (const Problem& p :
       {Problem{1, 1, 1, false, false, 0}, Problem{5, 7, 70, true, false, 9}, Problem{16, 64, 64, true, false, 0},
        Problem{70, 130, 200, true, false, 1}, Problem{33, 64, 100, true, true, 20}}) {
    INFO("rows=" << p.rows << " depth=" << p.depth << " channels=" << p.channels);
    const std::vector<float> x = RandomFloats(random, p.rows * p.depth, -1, 3);
    const std::vector<float> scales = RandomFloats(random, p.channels, 0.001f, 0.02f), bias = RandomFloats(random, p.channels);
    std::vector<int8_t> w(p.depth * p.channels);
    for (int8_t& value : w) value = static_cast<int8_t>(random());
    std::vector<int32_t> zero_points(p.channels);
    for (int32_t& z : zero_points) z = p.zero_point_range == 0 ? 0 : static_cast<int32_t>(random() % 20) - p.zero_point_range;
    const Quantized q = QuantizeExact(x);
    std::vector<float> expected;
    for (size_t i = 0; i < p.rows * p.channels; ++i) {
      const size_t row = i / p.channels, n = i % p.channels;
      int32_t sum = 0;
      for (size_t k = 0; k < p.depth; ++k) sum += q.centered[row * p.depth + k] * (w[k * p.channels + n] - zero_points[n]);
      const float y = Round(double{Round(sum)} * double{Round(double{q.scale} * scales[n])});
      expected.push_back(p.has_bias ? Round(double{y} + bias[n]) : y);
    }
    StepCase test;
    test.Numbers({{"rows", static_cast<double>(p.rows)}, {"depth", static_cast<double>(p.depth)}, {"products", 1}, {"y0", 0}});
    test.Numbers({{"gelu", p.has_gelu ? 1 : 0}, {"channels0", static_cast<double>(p.channels)}}).Input("x", x);
    test.Bytes("weights0", w).Integers("zeroPoints0", zero_points).Floats("scales0", scales);
    if (p.has_bias) test.Floats("bias0", bias);
    RunOnEveryIsa(&test, "dynamic-matmul", expected.size(), [&](const std::vector<float>& y) {
      size_t wrong = 0;
      for (size_t i = 0; i < y.size(); ++i) {
        const double exact = expected[i] * (1 + std::erf(expected[i] * std::sqrt(0.5))) / 2;
        wrong += p.has_gelu ? std::fabs(y[i] - exact) > 5e-7 * std::fabs(expected[i]) : !IsSame(y[i], expected[i]);
      }
      CHECK(wrong == 0);
    });
    for (const char* name : {"rows", "depth", "products", "channels0", "y0"}) {
      StepCase wrong = test;
      CHECK(wrong.Change(name, 100000).Make("dynamic-matmul", Isa::kScalar, expected.size()) == nullptr);
    }
  }
}

TEST_CASE("zero points outside the weights' type are refused") {
  StepCase test;
  test.Numbers({{"rows", 1}, {"depth", 1}, {"products", 1}, {"y0", 0}, {"gelu", 0}, {"channels0", 1}}).Input("x", {1});
  test.Bytes("weights0", {3}).Integers("zeroPoints0", {128}).Floats("scales0", {1});
  CHECK(test.Make("dynamic-matmul", Isa::kScalar, 1) == nullptr);
}

}  // namespace
}  // namespace octensor
