// Float inputs with int8 weights: quantization and products to the bit of their definition in lib/ops/hybrid.ts, written here
// in double with explicit roundings, on every ISA and several numbers of threads.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "float_step.h"
#include "ops/hybrid_rows.h"

namespace octensor {
namespace {

struct Quantized {
  std::vector<int32_t> centered;
  float scale;
};

float Round(double x) { return static_cast<float>(x); }

Quantized QuantizeExact(const float* x, size_t count, bool is_asymmetric) {
  double min = 0, max = 0;
  for (size_t i = 0; i < count; ++i) {
    if (x[i] < min) min = x[i];
    if (x[i] > max) max = x[i];
  }
  Quantized q = {std::vector<int32_t>(count), 1};
  if (min == max) return q;
  if (!is_asymmetric) {
    const double range = std::max(-min, max);
    const float inverse = Round(127 / range);
    q.scale = Round(range / 127);
    for (size_t i = 0; i < count; ++i) {
      const double value = std::clamp(std::round(double{Round(double{x[i]} * inverse)}), -127.0, 127.0);
      if (!std::isnan(value)) q.centered[i] = static_cast<int32_t>(value);
    }
    return q;
  }
  const double exact = (max - min) / 255;
  const bool from_min = 128 + std::fabs(min / exact) < 127 + std::fabs(max / exact);
  const double zero_point = std::clamp(std::round(from_min ? -128 - min / exact : 127 - max / exact), -128.0, 127.0);
  q.scale = Round(exact);
  const float inverse = Round(1 / double{q.scale});
  for (size_t i = 0; i < count; ++i) {
    const double value = std::round(double{Round(zero_point + Round(double{x[i]} * inverse))});
    const double centered = std::clamp(value, -128.0, 127.0) - zero_point;
    if (!std::isnan(centered)) q.centered[i] = static_cast<int32_t>(centered);
  }
  return q;
}

TEST_CASE("rows are quantized as TFLite does it, whatever they hold") {
  Random random(1);
  for (int round = 0; round < 400; ++round) {
    std::vector<float> x = RandomFloats(random, 1 + random() % 70, round % 3 == 0 ? 0 : -3, round % 5 == 0 ? 0 : 2);
    const float factor = std::ldexp(1.0f, static_cast<int>(random() % 240) - 120);
    for (float& value : x) value *= factor;
    if (round % 7 == 0) x[random() % x.size()] = kNaN;
    if (round % 11 == 0) x[random() % x.size()] = random() % 2 == 0 ? kInfinity : -kInfinity;
    if (round % 13 == 0) std::fill(x.begin(), x.end(), 0.0f);
    if (round % 17 == 0) x[0] = 1e-44f;
    for (const bool is_asymmetric : {false, true}) {
      const Quantized exact = QuantizeExact(x.data(), x.size(), is_asymmetric);
      const HybridBatch batch = MeasureHybridBatch(x.data(), x.size(), is_asymmetric);
      CHECK(IsSame(batch.scale, exact.scale));
      std::vector<int8_t> y(x.size());
      QuantizeHybridRow(batch, x.data(), x.size(), y.data());
      for (size_t i = 0; i < x.size(); ++i) {
        INFO("x=" << x[i] << " zero point " << batch.zero_point << " scale " << batch.scale);
        REQUIRE(y[i] - batch.zero_point == exact.centered[i]);
      }
    }
  }
}

TEST_CASE("halves are rounded away from zero") {
  const HybridBatch batch = {1, 1, 0, -127};
  const float x[] = {0.5f, -0.5f, 0.49999997f, -0.49999997f, 2.5f, -2.5f, 126.5f, -126.5f, 300, -300};
  const int8_t expected[] = {1, -1, 0, 0, 3, -3, 127, -127, 127, -127};
  int8_t y[10];
  QuantizeHybridRow(batch, x, 10, y);
  CHECK(std::equal(y, y + 10, expected));
}

struct Layer {
  size_t batches, size, depth, channels, kernel, stride, pad;
  bool is_asymmetric, weight_scale_first;
  size_t out() const { return (size + 2 * pad - kernel) / stride + 1; }
};

TEST_CASE("layers equal the reference to the bit") {
  Random random(2);
  for (const Layer& l : {Layer{1, 9, 5, 7, 3, 1, 1, true, true}, Layer{2, 12, 16, 33, 3, 2, 1, true, true},
                         Layer{2, 7, 3, 20, 5, 2, 2, false, false}, Layer{9, 1, 70, 130, 1, 1, 0, true, false},
                         Layer{9, 1, 64, 64, 1, 1, 0, false, false}, Layer{1, 20, 60, 80, 1, 1, 0, false, false}}) {
    INFO("depth=" << l.depth << " channels=" << l.channels << " kernel=" << l.kernel);
    const std::vector<float> x = RandomFloats(random, l.batches * l.size * l.size * l.depth, -1, 3);
    const std::vector<float> scales = RandomFloats(random, l.channels, 0.001f, 0.02f), bias = RandomFloats(random, l.channels);
    std::vector<int8_t> w(l.channels * l.kernel * l.kernel * l.depth);
    for (int8_t& value : w) value = static_cast<int8_t>(random());
    const size_t image = l.size * l.size * l.depth;
    std::vector<float> expected;
    for (size_t n = 0; n < l.batches; ++n) {
      const Quantized q = QuantizeExact(x.data() + n * image, image, l.is_asymmetric);
      for (size_t i = 0; i < l.out() * l.out() * l.channels; ++i) {
        const size_t o = i % l.channels, ox = i / l.channels % l.out(), oy = i / l.channels / l.out();
        int32_t sum = 0;
        for (size_t k = 0; k < l.kernel * l.kernel * l.depth; ++k) {
          const size_t iy = oy * l.stride + k / l.depth / l.kernel - l.pad, ix = ox * l.stride + k / l.depth % l.kernel - l.pad;
          if (iy >= l.size || ix >= l.size) continue;
          sum += q.centered[(iy * l.size + ix) * l.depth + k % l.depth] * w[o * l.kernel * l.kernel * l.depth + k];
        }
        const double scaled = l.weight_scale_first ? double{Round(Round(sum) * double{scales[o]})} * q.scale
                                                   : Round(sum) * double{Round(double{q.scale} * scales[o])};
        const float y = Round(double{Round(scaled)} + bias[o]);
        expected.push_back(std::min(std::max(y, 0.0f), 6.0f));
      }
    }
    const auto number = [](size_t value) { return static_cast<double>(value); };
    StepCase test;
    test.Numbers({{"batches", number(l.batches)},
                  {"height", number(l.size)},
                  {"width", number(l.size)},
                  {"depth", number(l.depth)},
                  {"channels", number(l.channels)},
                  {"groups", 1},
                  {"outHeight", number(l.out())},
                  {"outWidth", number(l.out())},
                  {"kernelHeight", number(l.kernel)},
                  {"kernelWidth", number(l.kernel)},
                  {"strideY", number(l.stride)},
                  {"strideX", number(l.stride)},
                  {"dilationY", 1},
                  {"dilationX", 1},
                  {"padTop", number(l.pad)},
                  {"padLeft", number(l.pad)},
                  {"asymmetric", l.is_asymmetric},
                  {"weightScaleFirst", l.weight_scale_first}});
    test.Bounds({0, 6}).Floats("scales", scales).Floats("bias", bias).Input("x", x).Bytes("weights", w);
    RunOnEveryIsa(&test, "hybrid-conv", expected.size(), [&](const std::vector<float>& y) {
      REQUIRE(y.size() == expected.size());
      size_t wrong = 0;
      for (size_t i = 0; i < y.size(); ++i) wrong += y[i] != expected[i];
      CHECK(wrong == 0);
    });
    for (const char* name : {"groups", "channels", "depth", "height", "outWidth", "kernelHeight"}) {
      StepCase wrong = test;
      CHECK(wrong.Change(name, 1000).Make("hybrid-conv", Isa::kScalar, expected.size()) == nullptr);
    }
  }
}

}  // namespace
}  // namespace octensor
