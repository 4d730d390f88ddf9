// The other steps of float32 against their definitions in lib/ops, on every ISA and several numbers of threads.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "float_step.h"

namespace octensor {
namespace {

// x ** y as JavaScript has it is the one function of two numbers that differs from C's.
enum BinaryOp { kSub = 1, kSquaredDifference = 7, kFloorDiv = 8, kPower = 9 };
enum UnaryOp { kClamp = 0, kExp = 10, kTanh, kLogistic, kRsqrt = 17, kLog, kSin, kCos, kElu };

void CheckEqual(const std::vector<float>& y, const std::vector<float>& expected) {
  REQUIRE(y.size() == expected.size());
  size_t wrong = 0;
  for (size_t i = 0; i < y.size(); ++i) wrong += !IsSame(y[i], expected[i]);
  CHECK(wrong == 0);
}

std::vector<int32_t> Strides(const std::vector<int32_t>& dims, unsigned repeated) {
  std::vector<int32_t> strides(dims.size());
  int32_t stride = 1;
  for (size_t i = dims.size(); i-- > 0;) {
    strides[i] = (repeated >> i & 1) != 0 ? 0 : stride;
    if (strides[i] != 0) stride *= dims[i];
  }
  return strides;
}

size_t CountOf(const std::vector<int32_t>& dims, const std::vector<int32_t>& strides) {
  size_t count = 1;
  for (size_t i = 0; i < dims.size(); ++i) count += static_cast<size_t>((dims[i] - 1) * strides[i]);
  return count;
}

size_t OffsetOf(size_t index, const std::vector<int32_t>& dims, const std::vector<int32_t>& strides) {
  size_t offset = 0;
  for (size_t i = dims.size(); i-- > 0; index /= static_cast<size_t>(dims[i])) {
    offset += index % static_cast<size_t>(dims[i]) * static_cast<size_t>(strides[i]);
  }
  return offset;
}

TEST_CASE("operators on two tensors follow strides of any broadcast") {
  Random random(1);
  for (const std::vector<int32_t>& dims :
       {std::vector<int32_t>{1}, {7}, {40000}, {3, 5}, {300, 33}, {2, 3, 4}, {200, 3, 40}, {2, 3, 2, 3, 2, 5}}) {
    for (unsigned repeated = 0; repeated < 1u << dims.size(); repeated += dims.size() > 3 ? 7 : 1) {
      for (const int op : {static_cast<int>(kSub), static_cast<int>(kSquaredDifference), static_cast<int>(kFloorDiv)}) {
        const std::vector<int32_t> a_strides = Strides(dims, repeated), b_strides = Strides(dims, random() & random());
        const std::vector<float> a = RandomFloats(random, CountOf(dims, a_strides)),
                                 b = RandomFloats(random, CountOf(dims, b_strides));
        size_t count = 1;
        for (const int32_t dim : dims) count *= static_cast<size_t>(dim);
        std::vector<float> expected(count);
        for (size_t i = 0; i < count; ++i) {
          const double p = a[OffsetOf(i, dims, a_strides)], q = b[OffsetOf(i, dims, b_strides)];
          const double y = op == kSub ? p - q : op == kFloorDiv ? std::floor(p / q) : (p - q) * (p - q);
          expected[i] = static_cast<float>(op == kSub ? std::fmin(std::fmax(y, -1), 1) : y);
        }
        StepCase test;
        test.Number("op", op).Integers("dims", dims).Integers("aStrides", a_strides).Integers("bStrides", b_strides);
        test.Bounds({-1, 1}).Input("a", a).Input("b", b);
        RunOnEveryIsa(&test, "float-binary", count, [&](const std::vector<float>& y) { CheckEqual(y, expected); });
      }
    }
  }
}

TEST_CASE("powers are JavaScript's") {
  const std::vector<float> a = {2, 1, 1, -1, 0, kNaN, -8, 9, -2},
                           b = {10, kNaN, kInfinity, -kInfinity, 0, 0, 1.0f / 3, 0.5f, 3};
  StepCase test;
  test.Number("op", kPower).Integers("dims", {9}).Integers("aStrides", {1}).Integers("bStrides", {1}).Bounds(kUnbounded);
  test.Input("a", a).Input("b", b);
  RunOnEveryIsa(&test, "float-binary", 9,
                [](const std::vector<float>& y) { CheckEqual(y, {1024, kNaN, kNaN, kNaN, 1, 1, kNaN, 3, -8}); });
}

TEST_CASE("operands of strides that reach outside of memory are refused") {
  const auto is_refused = [](std::vector<int32_t> dims, std::vector<int32_t> a, std::vector<int32_t> b) {
    StepCase test;
    test.Number("op", 0).Integers("dims", dims).Integers("aStrides", a).Integers("bStrides", b).Bounds(kUnbounded);
    test.Input("a", std::vector<float>(6)).Input("b", std::vector<float>(6));
    return test.Make("float-binary", Isa::kScalar, 6) == nullptr;
  };
  CHECK_FALSE(is_refused({2, 3}, {3, 1}, {0, 1}));
  CHECK(is_refused({2, 3}, {13, 1}, {0, 1}));
  CHECK(is_refused({2, 3}, {-1, 1}, {0, 1}));
  CHECK(is_refused({2, 3}, {2, 2}, {0, 1}));
  CHECK(is_refused({2, 4}, {0, 1}, {0, 1}));
  CHECK(is_refused({2, 3}, {3, 1}, {1}));
  CHECK(is_refused({2, 0}, {3, 1}, {0, 1}));
  CHECK(is_refused({}, {}, {}));
  CHECK(is_refused({1, 1, 1, 1, 1, 1, 1}, {0, 0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0}));
  CHECK(is_refused({2147483647, 2147483647, 2147483647}, {2147483647, 2147483647, 1}, {0, 0, 0}));
}

TEST_CASE("functions of one tensor are within two units in the last place, long or short") {
  Random random(2);
  double (*const functions[])(double) = {[](double x) { return 1 / std::sqrt(x); }, [](double x) { return std::log(x); },
                                         [](double x) { return std::sin(x); }, [](double x) { return std::cos(x); },
                                         [](double x) { return x < 0 ? std::expm1(x) : x; }};
  for (int op = kRsqrt; op <= kElu; ++op) {
    for (const size_t count : {1, 9, 5000}) {
      const bool is_positive = op == kRsqrt || op == kLog;
      std::vector<float> x = RandomFloats(random, count, is_positive ? 0.01f : -20, 20);
      for (size_t i = 0; i < count && count > 1; i += 7) x[i] = std::vector<float>{kNaN, kInfinity, 0, 90, -90}[i / 7 % 5];
      StepCase test;
      test.Number("op", op).Number("count", static_cast<double>(count)).Bounds(kUnbounded).Input("x", x);
      RunOnEveryIsa(&test, "float-unary", count, [&](const std::vector<float>& y) {
        for (size_t i = 0; i < count; ++i) {
          const auto exact = static_cast<float>(functions[op - kRsqrt](x[i]));
          INFO("op=" << op << " x=" << x[i] << " y=" << y[i] << " exact=" << exact);
          REQUIRE((IsSame(y[i], exact) || std::fabs(y[i] - exact) <= 2.5e-7 * std::fabs(exact)));
        }
      });
    }
  }
}

TEST_CASE("a clamp of many elements") {
  Random random(3);
  const std::vector<float> x = RandomFloats(random, 300001, -3, 9);
  std::vector<float> expected(x);
  for (float& value : expected) value = std::min(std::max(value, 0.0f), 6.0f);
  StepCase test;
  test.Number("op", kClamp).Number("count", 300001).Bounds({0, 6}).Input("x", x);
  RunOnEveryIsa(&test, "float-unary", x.size(), [&](const std::vector<float>& y) { CheckEqual(y, expected); });
  CHECK(test.Change("count", 300002).Make("float-unary", Isa::kScalar, 300001) == nullptr);
  CHECK(test.Change("count", 300001).Change("op", 22).Make("float-unary", Isa::kScalar, 300001) == nullptr);
}

struct Pool {
  size_t batches, height, width, depth, kernel_height, kernel_width, stride_y, stride_x, top, left, out_height, out_width;
};

StepCase DescribePool(const Pool& p, bool is_average, FloatBounds bounds, const std::vector<float>& x) {
  const auto number = [](size_t value) { return static_cast<double>(value); };
  StepCase test;
  test.Numbers({{"batches", number(p.batches)},
                {"height", number(p.height)},
                {"width", number(p.width)},
                {"depth", number(p.depth)},
                {"kernelHeight", number(p.kernel_height)},
                {"kernelWidth", number(p.kernel_width)},
                {"strideY", number(p.stride_y)},
                {"strideX", number(p.stride_x)},
                {"dilationY", 1},
                {"dilationX", 1},
                {"padTop", number(p.top)},
                {"padLeft", number(p.left)},
                {"outHeight", number(p.out_height)},
                {"outWidth", number(p.out_width)},
                {"average", is_average ? 1 : 0}});
  test.Bounds(bounds).Input("x", x);
  return test;
}

TEST_CASE("poolings equal the reference, which takes what lies inside the image and keeps NaN") {
  Random random(4);
  for (const Pool& p : {Pool{1, 7, 7, 130, 7, 7, 1, 1, 0, 0, 1, 1}, Pool{2, 20, 21, 40, 3, 3, 2, 2, 0, 1, 10, 11},
                        Pool{1, 5, 4, 3, 3, 2, 1, 1, 1, 1, 5, 5}, Pool{1, 1, 9, 64, 2, 4, 3, 2, 1, 3, 1, 6}}) {
    std::vector<float> x = RandomFloats(random, p.batches * p.height * p.width * p.depth);
    x[x.size() / 2] = kNaN;
    for (const bool is_average : {true, false}) {
      const FloatBounds bounds = is_average ? FloatBounds{-0.5f, kInfinity} : FloatBounds{-kInfinity, 1.5f};
      std::vector<float> expected;
      for (size_t i = 0; i < p.batches * p.out_height * p.out_width * p.depth; ++i) {
        const size_t c = i % p.depth, ox = i / p.depth % p.out_width, oy = i / p.depth / p.out_width % p.out_height;
        const size_t n = i / p.depth / p.out_width / p.out_height;
        double sum = 0, largest = bounds.lo, count = 0;
        for (size_t ky = 0; ky < p.kernel_height; ++ky) {
          for (size_t kx = 0; kx < p.kernel_width; ++kx) {
            const size_t iy = oy * p.stride_y + ky - p.top, ix = ox * p.stride_x + kx - p.left;
            if (iy >= p.height || ix >= p.width) continue;
            const double value = x[((n * p.height + iy) * p.width + ix) * p.depth + c];
            sum += value;
            largest = std::isnan(value) || std::isnan(largest) ? kNaN : std::max(largest, value);
            ++count;
          }
        }
        expected.push_back(static_cast<float>(ClampExact(is_average ? sum / count : largest, bounds)));
      }
      StepCase test = DescribePool(p, is_average, bounds, x);
      RunOnEveryIsa(&test, "float-pool", expected.size(), [&](const std::vector<float>& y) { CheckEqual(y, expected); });
      for (const char* name : {"padTop", "padLeft"}) {
        CHECK(DescribePool(p, is_average, bounds, x).Change(name, 7).Make("float-pool", Isa::kScalar, expected.size()) ==
              nullptr);
      }
      CHECK(DescribePool(p, is_average, bounds, x)
                .Change("strideY", 65536)
                .Change("outHeight", 3)
                .Make("float-pool", Isa::kScalar, 99999) == nullptr);
    }
  }
}

TEST_CASE("reductions equal the reference over any axes") {
  Random random(5);
  const std::vector<int32_t> dims = {2, 3, 5, 7};
  std::vector<float> x = RandomFloats(random, 210);
  x[77] = kNaN;
  for (unsigned reduced = 0; reduced < 16; ++reduced) {
    for (const int reduction : {0, 1, 2}) {
      std::vector<int32_t> kept_dims, kept_strides, reduced_dims, reduced_strides;
      const std::vector<int32_t> strides = Strides(dims, 0);
      std::vector<int32_t> to(4, 0);
      int32_t outputs = 1;
      for (size_t i = 4; i-- > 0;) {
        if ((reduced >> i & 1) != 0) continue;
        to[i] = outputs;
        outputs *= dims[i];
      }
      for (size_t i = 0; i < 4; ++i) {
        const bool is_reduced = (reduced >> i & 1) != 0;
        (is_reduced ? reduced_dims : kept_dims).push_back(dims[i]);
        (is_reduced ? reduced_strides : kept_strides).push_back(strides[i]);
      }
      std::vector<double> sums(static_cast<size_t>(outputs), reduction == 2 ? -kInfinity : 0.0);
      for (size_t i = 0; i < x.size(); ++i) {
        double& sum = sums[OffsetOf(i, dims, to)];
        sum = reduction != 2 ? sum + x[i] : std::isnan(sum) || std::isnan(x[i]) ? kNaN : std::max<double>(sum, x[i]);
      }
      std::vector<float> expected;
      for (const double sum : sums) expected.push_back(static_cast<float>(reduction == 1 ? sum / (210 / outputs) : sum));
      StepCase test;
      test.Number("reduction", reduction).Integers("keptDims", kept_dims).Integers("keptStrides", kept_strides);
      test.Integers("reducedDims", reduced_dims).Integers("reducedStrides", reduced_strides).Input("x", x);
      RunOnEveryIsa(&test, "float-reduce", expected.size(), [&](const std::vector<float>& y) { CheckEqual(y, expected); });
    }
  }
}

TEST_CASE("a mean over an image, on several threads, and walks that leave memory are refused") {
  Random random(6);
  const std::vector<float> x = RandomFloats(random, 2 * 49 * 1300);
  std::vector<float> expected;
  for (size_t i = 0; i < 2600; ++i) {
    double sum = 0;
    for (size_t k = 0; k < 49; ++k) sum += x[(i / 1300 * 49 + k) * 1300 + i % 1300];
    expected.push_back(static_cast<float>(sum / 49));
  }
  const auto describe = [&](int32_t stride) {
    StepCase test;
    test.Number("reduction", 1).Integers("keptDims", {2, 1300}).Integers("keptStrides", {stride, 1});
    test.Integers("reducedDims", {49}).Integers("reducedStrides", {1300}).Input("x", x);
    return test;
  };
  StepCase test = describe(49 * 1300);
  RunOnEveryIsa(&test, "float-reduce", 2600, [&](const std::vector<float>& y) { CheckEqual(y, expected); });
  CHECK(describe(49 * 1300 + 1).Make("float-reduce", Isa::kScalar, 2600) == nullptr);
  CHECK(describe(0).Make("float-reduce", Isa::kScalar, 2600) == nullptr);
  CHECK(describe(2147483647).Make("float-reduce", Isa::kScalar, 2600) == nullptr);
}

TEST_CASE("softmax and its logarithm are the reference's, but for the exponentials' error") {
  Random random(7);
  for (const size_t rows : {size_t{1}, size_t{5}, size_t{300}}) {
    for (const size_t length : {size_t{1}, size_t{10}, size_t{1001}}) {
      for (const double beta : {1.0, 0.5}) {
        for (const bool is_log : {false, true}) {
          if (is_log && beta != 1) continue;
          const std::vector<float> x = RandomFloats(random, rows * length, -9, 9);
          std::vector<double> exact(x.size());
          for (size_t row = 0; row < rows; ++row) {
            const float* values = x.data() + row * length;
            const double max = *std::max_element(values, values + length);
            double sum = 0;
            for (size_t i = 0; i < length; ++i) sum += std::exp((values[i] - max) * beta);
            for (size_t i = 0; i < length; ++i) {
              exact[row * length + i] = is_log ? values[i] - max - std::log(sum) : std::exp((values[i] - max) * beta) / sum;
            }
          }
          StepCase test;
          test.Numbers({{"rows", static_cast<double>(rows)}, {"length", static_cast<double>(length)}});
          test.Numbers({{"beta", beta}, {"log", is_log ? 1 : 0}}).Input("x", x);
          RunOnEveryIsa(&test, "float-softmax", x.size(), [&](const std::vector<float>& y) {
            size_t wrong = 0;
            // Half a unit in the last place of differences up to 18 is 1e-6.
            for (size_t i = 0; i < y.size(); ++i) {
              wrong += std::fabs(y[i] - exact[i]) > 2e-6 * std::fabs(exact[i]) + (is_log ? 1e-6 : 1e-45);
            }
            CHECK(wrong == 0);
          });
        }
      }
    }
  }
}

TEST_CASE("Fourier transforms of rows, cut or padded with zeros, and magnitudes") {
  Random random(8);
  constexpr double kPi = 3.14159265358979323846;
  for (const size_t size : {size_t{1}, size_t{2}, size_t{16}, size_t{512}}) {
    for (const size_t length : {size_t{1}, size, size + 3, (size + 1) / 2}) {
      const size_t rows = size == 512 ? 40 : 3, columns = size / 2 + 1;
      const std::vector<float> x = RandomFloats(random, rows * length);
      std::vector<double> cosines(size / 2), sines(size / 2);
      for (size_t k = 0; k < size / 2; ++k) {
        cosines[k] = std::cos(2 * kPi * static_cast<double>(k) / static_cast<double>(size));
        sines[k] = -std::sin(2 * kPi * static_cast<double>(k) / static_cast<double>(size));
      }
      StepCase test;
      test.Number("rows", static_cast<double>(rows)).Number("length", static_cast<double>(length)).Input("x", x);
      test.Number("size", static_cast<double>(size)).Doubles("cosines", cosines).Doubles("sines", sines);
      RunOnEveryIsa(&test, "float-rfft", rows * columns * 2, [&](const std::vector<float>& y) {
        double worst = 0;
        for (size_t i = 0; i < rows * columns; ++i) {
          double re = 0, im = 0;
          for (size_t n = 0; n < std::min(size, length); ++n) {
            const double angle = 2 * kPi * static_cast<double>(i % columns * n % size) / static_cast<double>(size);
            re += x[i / columns * length + n] * std::cos(angle);
            im -= x[i / columns * length + n] * std::sin(angle);
          }
          worst = std::max({worst, std::fabs(y[2 * i] - re), std::fabs(y[2 * i + 1] - im)});
        }
        CHECK(worst <= 1e-7 * (1 + static_cast<double>(size)));
      });
      CHECK(test.Change("rows", 1e9).Make("float-rfft", Isa::kScalar, rows * columns * 2) == nullptr);
      CHECK(test.Change("rows", 1).Change("size", 3).Make("float-rfft", Isa::kScalar, rows * columns * 2) == nullptr);
    }
  }
  StepCase magnitude;
  magnitude.Number("count", 3).Input("x", {3, 4, -3e38f, 0, 1e-45f, 0});
  RunOnEveryIsa(&magnitude, "float-magnitude", 3, [](const std::vector<float>& y) { CheckEqual(y, {5, 3e38f, 1e-45f}); });
}

}  // namespace
}  // namespace octensor
