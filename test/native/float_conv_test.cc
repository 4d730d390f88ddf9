// The steps of float32 convolutions against their definition, on every ISA and several numbers of threads.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "float_step.h"

namespace octensor {
namespace {

struct Convolution {
  size_t batches, height, width, depth, channels, kernel_height, kernel_width;
  size_t stride_y = 1, stride_x = 1, dilation_y = 1, dilation_x = 1;
  size_t top = 0, left = 0, bottom = 0, right = 0;
  size_t groups = 1;  // depth of them: depthwise
  bool has_bias = true;
  FloatBounds bounds = kUnbounded;

  size_t out_height() const { return (height + top + bottom - (kernel_height - 1) * dilation_y - 1) / stride_y + 1; }
  size_t out_width() const { return (width + left + right - (kernel_width - 1) * dilation_x - 1) / stride_x + 1; }
  size_t output_count() const { return batches * out_height() * out_width() * channels; }
};

struct Data {
  std::vector<float> x, w, bias;  // w: [channels, kernel_height, kernel_width, depth / groups]
};

ExactSum Define(const Convolution& c, const Data& d, size_t n, size_t oy, size_t ox, size_t o) {
  ExactSum sum(c.has_bias ? d.bias[o] : 0);
  const size_t group_depth = c.depth / c.groups, group = o / (c.channels / c.groups);
  for (size_t ky = 0; ky < c.kernel_height; ++ky) {
    for (size_t kx = 0; kx < c.kernel_width; ++kx) {
      const size_t iy = oy * c.stride_y + ky * c.dilation_y - c.top, ix = ox * c.stride_x + kx * c.dilation_x - c.left;
      if (iy >= c.height || ix >= c.width) continue;  // also what is negative
      for (size_t i = 0; i < group_depth; ++i) {
        const float x = d.x[((n * c.height + iy) * c.width + ix) * c.depth + group * group_depth + i];
        sum.Add(x, d.w[((o * c.kernel_height + ky) * c.kernel_width + kx) * group_depth + i]);
      }
    }
  }
  return sum;
}

Data MakeData(const Convolution& c, Random& random) {
  return {RandomFloats(random, c.batches * c.height * c.width * c.depth),
          RandomFloats(random, c.channels * c.kernel_height * c.kernel_width * (c.depth / c.groups)),
          RandomFloats(random, c.channels)};
}

StepCase Describe(const Convolution& c, const Data& d) {
  StepCase test;
  const auto number = [](size_t value) { return static_cast<double>(value); };
  test.Numbers({{"batches", number(c.batches)},
                {"height", number(c.height)},
                {"width", number(c.width)},
                {"depth", number(c.depth)},
                {"kernelHeight", number(c.kernel_height)},
                {"kernelWidth", number(c.kernel_width)},
                {"strideY", number(c.stride_y)},
                {"strideX", number(c.stride_x)},
                {"dilationY", number(c.dilation_y)},
                {"dilationX", number(c.dilation_x)},
                {"padTop", number(c.top)},
                {"padLeft", number(c.left)},
                {"outHeight", number(c.out_height())},
                {"outWidth", number(c.out_width())}});
  test.Bounds(c.bounds).Input("x", d.x);
  if (c.has_bias) test.Floats("bias", d.bias);
  return test;
}

void Check(const Convolution& c, const Data& d, StepCase* test, const char* kind) {
  INFO(std::string(kind) << " " << c.batches << "x" << c.height << "x" << c.width << "x" << c.depth << " -> " << c.channels
                         << ", kernel " << c.kernel_height << "x" << c.kernel_width << ", groups " << c.groups);
  RunOnEveryIsa(test, kind, c.output_count(), [&](const std::vector<float>& y) {
    size_t wrong = 0, i = 0;
    for (size_t n = 0; n < c.batches; ++n) {
      for (size_t oy = 0; oy < c.out_height(); ++oy) {
        for (size_t ox = 0; ox < c.out_width(); ++ox) {
          for (size_t o = 0; o < c.channels; ++o) wrong += !Define(c, d, n, oy, ox, o).Allows(y[i++], c.bounds);
        }
      }
    }
    CHECK(wrong == 0);
  });
}

void CheckConv(const Convolution& c, Random& random) {
  const Data d = MakeData(c, random);
  StepCase test = Describe(c, d);
  test.Number("channels", static_cast<double>(c.channels))
      .Number("groups", static_cast<double>(c.groups))
      .Floats("weights", d.w);
  Check(c, d, &test, "float-conv");
}

void CheckDepthwise(Convolution c, Random& random) {
  c.groups = c.depth;
  const Data d = MakeData(c, random);
  std::vector<float> weights(d.w.size());  // [kernel_height, kernel_width, channels]
  const size_t taps = c.kernel_height * c.kernel_width;
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = d.w[i % c.channels * taps + i / c.channels];
  StepCase test = Describe(c, d);
  test.Number("multiplier", static_cast<double>(c.channels / c.depth)).Floats("weights", weights);
  Check(c, d, &test, "float-depthwise");
}

Convolution RandomConvolution(Random& random) {
  const auto pick = [&](size_t lo, size_t hi) { return lo + random() % (hi - lo + 1); };
  Convolution c = {pick(1, 2), pick(1, 9), pick(1, 9), pick(1, 20), 0, pick(1, 4), pick(1, 4)};
  c.stride_y = pick(1, 3);
  c.stride_x = pick(1, 3);
  c.dilation_y = pick(1, 2);
  c.dilation_x = pick(1, 2);
  c.top = pick(0, 3);
  c.left = pick(0, 3);
  c.bottom = pick(0, 3);
  c.right = pick(0, 3);
  while (c.height + c.top + c.bottom < (c.kernel_height - 1) * c.dilation_y + 1) ++c.height;
  while (c.width + c.left + c.right < (c.kernel_width - 1) * c.dilation_x + 1) ++c.width;
  c.has_bias = pick(0, 3) != 0;
  if (pick(0, 1) == 0) c.bounds = {0, 6};
  return c;
}

TEST_CASE("convolutions of all geometries are within the error bound, whatever the threads") {
  Random random(1);
  CheckConv({1, 1, 50, 70, 90, 1, 1}, random);
  CheckConv({2, 14, 14, 40, 48, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, random);
  CheckConv({1, 30, 30, 3, 40, 3, 3, 2, 2, 1, 1, 0, 0, 1, 1}, random);
  CheckConv({1, 1, 1, 700, 1500, 1, 1}, random);
  for (int i = 0; i < 60; ++i) {
    Convolution c = RandomConvolution(random);
    c.groups = 1 + random() % 3;
    c.depth = c.groups * (1 + random() % 8);
    c.channels = c.groups * (1 + random() % 25);
    CheckConv(c, random);
  }
}

TEST_CASE("depthwise convolutions of all geometries are within the error bound, whatever the threads") {
  Random random(2);
  CheckDepthwise({1, 40, 40, 33, 33, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, random);
  CheckDepthwise({2, 41, 40, 48, 48, 3, 3, 2, 2, 1, 1, 0, 1, 1, 0}, random);
  CheckDepthwise({1, 20, 20, 17, 51, 5, 5, 1, 1, 1, 1, 2, 2, 2, 2}, random);
  for (int i = 0; i < 60; ++i) {
    Convolution c = RandomConvolution(random);
    c.channels = c.depth * (1 + random() % 3);
    CheckDepthwise(c, random);
  }
}

TEST_CASE("descriptions that reach outside of memory are refused") {
  Random random(3);
  const Convolution c = {1, 5, 5, 4, 6, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1};
  const Data d = MakeData(c, random);
  const auto refuses = [&](const char* name, double value) {
    INFO(std::string(name) << "=" << value);
    StepCase test = Describe(c, d);
    test.Number("channels", 6).Number("groups", 1).Floats("weights", d.w);
    REQUIRE(test.Make("float-conv", Isa::kScalar, c.output_count()) != nullptr);
    CHECK(test.Change(name, value).Make("float-conv", Isa::kScalar, c.output_count()) == nullptr);
    CHECK_FALSE(test.status().ok());
  };
  for (const char* name :
       {"batches", "height", "width", "depth", "channels", "kernelHeight", "kernelWidth", "outHeight", "outWidth"}) {
    for (const double value : {0.0, 7.0, 2147483647.0, 1.5, -1.0, 1e300}) refuses(name, value);
  }
  for (const char* name : {"strideY", "strideX", "dilationY", "dilationX", "groups"}) {
    for (const double value : {0.0, 65537.0, -1.0}) refuses(name, value);
  }
  refuses("groups", 4);
  refuses("padTop", -1);
  StepCase large = Describe(c, d);
  large.Number("channels", 6)
      .Number("groups", 1)
      .Floats("weights", d.w)
      .Change("strideY", 65536)
      .Change("outHeight", 2147483647);
  CHECK(large.Make("float-conv", Isa::kScalar, c.output_count()) == nullptr);
}

}  // namespace
}  // namespace octensor
