// Depthwise convolution: every kernel against the plain definition, through the step that the backend makes, with the image and
// the results right before guard pages.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/cpu.h"
#include "core/requant.h"
#include "core/thread_pool.h"
#include "guarded_buffer.h"
#include "kernels/registry.h"
#include "ops/step.h"

namespace octensor {

void MakeDepthwiseStep(StepFields* fields, std::unique_ptr<Step>* step);

namespace {

using Random = std::mt19937;

int32_t RandomInt(Random& random, int32_t min, int32_t max) { return std::uniform_int_distribution<int32_t>(min, max)(random); }

struct Problem {
  int batches = 1, height = 1, width = 1, channels = 1, multiplier = 1;
  int kernel_height = 3, kernel_width = 3, stride_y = 1, stride_x = 1, dilation_y = 1, dilation_x = 1;
  int top = 0, left = 0, out_height = 1, out_width = 1;
  bool x_signed = false, w_signed = true, y_signed = false;
  Numerics numerics = Numerics::kTflite;
  int32_t x_zero_point = 0, y_zero_point = 0, min = 0, max = 255;
  std::vector<uint8_t> x, w;
  std::vector<int32_t> w_zero_point, bias;
  std::vector<double> multipliers;

  int out_channels() const { return channels * multiplier; }
  size_t y_count() const { return static_cast<size_t>(batches) * out_height * out_width * out_channels(); }

  // Outputs so that the last window begins inside the padded image, `after` being what stands behind it.
  void Fit(int bottom, int right) {
    out_height = (height + top + bottom - (kernel_height - 1) * dilation_y - 1) / stride_y + 1;
    out_width = (width + left + right - (kernel_width - 1) * dilation_x - 1) / stride_x + 1;
  }

  std::string Name() const {
    const auto pair = [](const char* name, int a, int b) {
      return " " + std::string(name) + "=" + std::to_string(a) + "x" + std::to_string(b);
    };
    return pair("image", height, width) + pair("channels", channels, multiplier) + pair("kernel", kernel_height, kernel_width) +
           pair("stride", stride_y, stride_x) + pair("dilation", dilation_y, dilation_x) + pair("padding", top, left) +
           pair("output", out_height, out_width) + pair("signs", x_signed, w_signed) +
           pair("numerics", static_cast<int>(numerics), y_signed) + pair("x", x_zero_point, batches);
  }
};

int32_t Value(uint8_t byte, bool is_signed) { return is_signed ? static_cast<int8_t>(byte) : byte; }

enum class Weights { kSymmetric, kPerTensor, kPerChannel, kExtreme };

void Fill(Problem* p, Weights weights, bool general, Random& random) {
  p->x.resize(static_cast<size_t>(p->batches) * p->height * p->width * p->channels);
  p->w.resize(static_cast<size_t>(p->kernel_height) * p->kernel_width * p->out_channels());
  for (uint8_t& byte : p->x) byte = static_cast<uint8_t>(random());
  for (uint8_t& byte : p->w) byte = static_cast<uint8_t>(random());
  const int32_t lowest = p->w_signed ? -128 : 0;
  const auto channels = static_cast<size_t>(p->out_channels());
  p->w_zero_point.assign(weights == Weights::kPerTensor ? 1 : channels, lowest + 128);
  if (weights != Weights::kSymmetric) {
    for (int32_t& zero : p->w_zero_point) zero = RandomInt(random, lowest, lowest + 255);
  }
  if (weights == Weights::kExtreme) {  // differences of 255 of either sign
    for (size_t i = 0; i < p->w.size(); ++i) {
      const int32_t zero = p->w_zero_point[i % channels] = i % 2 ? lowest + 255 : lowest;
      p->w[i] = static_cast<uint8_t>(i / channels % 2 ? zero : lowest + 255 - (zero - lowest));
    }
    for (uint8_t& byte : p->x) byte = static_cast<uint8_t>(p->x_signed ? 127 : 255);
  }
  const int32_t x_lowest = p->x_signed ? -128 : 0, y_lowest = p->y_signed ? -128 : 0;
  p->x_zero_point = weights == Weights::kExtreme ? x_lowest : RandomInt(random, x_lowest, x_lowest + 255);
  p->y_zero_point = RandomInt(random, y_lowest, y_lowest + 255);
  p->min = random() % 2 ? y_lowest : RandomInt(random, y_lowest, p->y_zero_point);
  p->max = random() % 2 ? y_lowest + 255 : RandomInt(random, p->y_zero_point, y_lowest + 255);
  p->bias.resize(channels);
  p->multipliers.resize(channels);
  const double scale = general ? 3.0 : 1.0 / (100 * p->kernel_height * p->kernel_width);
  for (int32_t& bias : p->bias) bias = general ? static_cast<int32_t>(random()) : RandomInt(random, -20000, 20000);
  for (double& multiplier : p->multipliers) multiplier = scale * std::uniform_real_distribution<>(0.1, 1.3)(random);
}

std::vector<uint8_t> Expected(const Problem& p) {
  std::vector<uint8_t> y;
  y.reserve(p.y_count());
  const int channels = p.out_channels();
  for (int row = 0; row < p.batches * p.out_height; ++row) {
    const int batch = row / p.out_height, oy = row % p.out_height;
    for (int ox = 0; ox < p.out_width; ++ox) {
      for (int c = 0; c < channels; ++c) {
        auto sum = static_cast<uint32_t>(p.bias.empty() ? 0 : p.bias[c]);
        const int32_t w_zero = p.w_zero_point[p.w_zero_point.size() == 1 ? 0 : c];
        for (int ky = 0; ky < p.kernel_height; ++ky) {
          for (int kx = 0; kx < p.kernel_width; ++kx) {
            const int iy = oy * p.stride_y + ky * p.dilation_y - p.top, ix = ox * p.stride_x + kx * p.dilation_x - p.left;
            if (iy < 0 || iy >= p.height || ix < 0 || ix >= p.width) continue;
            const uint8_t x =
                p.x[((static_cast<size_t>(batch) * p.height + iy) * p.width + ix) * p.channels + c / p.multiplier];
            const uint8_t w = p.w[static_cast<size_t>(ky * p.kernel_width + kx) * channels + c];
            sum += static_cast<uint32_t>((Value(x, p.x_signed) - p.x_zero_point) * (Value(w, p.w_signed) - w_zero));
          }
        }
        const auto x = static_cast<int32_t>(sum);
        const FixedPoint m = ToFixedPoint(p.multipliers[c]);
        const int32_t result = p.numerics == Numerics::kOnnx     ? RequantizeOnnx(x, static_cast<float>(p.multipliers[c]))
                               : p.numerics == Numerics::kTflite ? RequantizeTflite(x, m)
                                                                 : RequantizeSingle(x, m);
        y.push_back(static_cast<uint8_t>(AddZeroPointAndClamp(result, p.y_zero_point, p.min, p.max)));
      }
    }
  }
  return y;
}

struct MadeStep {
  std::unique_ptr<Step> step;
  Status status;
  std::string failed;
};

MadeStep Make(const Problem& p, Isa isa, size_t threads, const char* changed = "", double value = 0) {
  std::vector<Field> fields;
  const auto number = [&](const char* name, double x) {
    fields.push_back({name, FieldType::kNumber, std::string(changed) == name ? value : x, nullptr, 0});
  };
  const auto array = [&](const char* name, FieldType type, const void* data, size_t count) {
    if (std::string(changed) == name) count += static_cast<size_t>(static_cast<int64_t>(value));
    fields.push_back({name, type, 0, data, count});
  };
  number("x", static_cast<double>(RoundUp(p.y_count(), 64)));
  number("y", 0);
  number("batches", p.batches);
  number("height", p.height);
  number("width", p.width);
  number("depth", p.channels);
  number("channels", p.out_channels());
  number("groups", p.channels);
  number("outHeight", p.out_height);
  number("outWidth", p.out_width);
  number("kernelHeight", p.kernel_height);
  number("kernelWidth", p.kernel_width);
  number("strideY", p.stride_y);
  number("strideX", p.stride_x);
  number("dilationY", p.dilation_y);
  number("dilationX", p.dilation_x);
  number("padTop", p.top);
  number("padLeft", p.left);
  number("numerics", static_cast<int>(p.numerics));
  number("xSigned", p.x_signed);
  number("ySigned", p.y_signed);
  number("xZeroPoint", p.x_zero_point);
  number("yZeroPoint", p.y_zero_point);
  number("yMin", p.min);
  number("yMax", p.max);
  array("weights", p.w_signed ? FieldType::kInt8 : FieldType::kUint8, p.w.data(), p.w.size());
  array("weightZeroPoints", FieldType::kInt32, p.w_zero_point.data(), p.w_zero_point.size());
  if (!p.bias.empty()) array("bias", FieldType::kInt32, p.bias.data(), p.bias.size());
  array("multipliers", FieldType::kFloat64, p.multipliers.data(), p.multipliers.size());
  StepFields reader(fields.data(), fields.size(), {isa, threads, RoundUp(p.y_count(), 64) + p.x.size(), 0});
  MadeStep made;
  MakeDepthwiseStep(&reader, &made.step);
  made.status = reader.status();
  made.failed = reader.failed_name();
  return made;
}

// Results first, then the image: each of them once right before the guard page.
void CheckRun(const Problem& p, const std::vector<uint8_t>& expected, Isa isa, size_t threads) {
  const MadeStep made = Make(p, isa, threads);
  REQUIRE_MESSAGE(made.step != nullptr, made.failed << ": " << made.status.message);
  INFO(made.step->kernel() << " threads=" << threads << p.Name());
  GuardedBuffer<uint8_t> values(RoundUp(p.y_count(), 64) + p.x.size());
  GuardedBuffer<uint8_t> scratch(made.step->scratch_bytes(), 64);
  std::copy(p.x.begin(), p.x.end(), values.data() + RoundUp(p.y_count(), 64));
  made.step->Run({values.data(), nullptr, scratch.data(), threads});
  const bool is_equal = std::equal(expected.begin(), expected.end(), values.data());
  const auto rest = std::all_of(values.data() + p.y_count(), values.data() + RoundUp(p.y_count(), 64),
                                [](uint8_t byte) { return byte == kCanary; });
  CHECK(is_equal);
  CHECK(rest);
  CHECK(values.IsSurroundingUntouched());
  CHECK(scratch.IsSurroundingUntouched());
}

void CheckEverywhere(const Problem& p) {
  const std::vector<uint8_t> expected = Expected(p);
  size_t count;
  const IsaEntry* isas = IsaList(&count);
  for (size_t i = 0; i < count; ++i) {
    if (IsSupported(isas[i].isa)) CheckRun(p, expected, isas[i].isa, 1);
  }
}

void SetSigns(Problem* p, unsigned bits) {
  p->x_signed = bits & 1;
  p->w_signed = bits & 2;
  p->y_signed = bits & 4;
}

TEST_CASE("windows, strides and channels with a path of their own") {
  Random random(1);
  for (const int kernel : {3, 5}) {
    for (const int stride : {1, 2}) {
      for (const int channels : {1, 7, 8, 15, 16, 17, 24, 31, 32, 33, 48, 49, 63, 64, 72, 80, 96, 97, 112, 127, 144, 200}) {
        Problem p;
        p.height = p.width = 3 + static_cast<int>(random() % 6);
        p.kernel_height = p.kernel_width = kernel;
        p.stride_y = p.stride_x = stride;
        p.channels = channels;
        p.top = static_cast<int>(random()) & 1 ? kernel / 2 : kernel / 2 - 1;
        p.left = kernel / 2;
        p.Fit(kernel / 2, kernel / 2);
        p.numerics = static_cast<Numerics>(random() % 3);
        SetSigns(&p, random());
        Fill(&p, static_cast<Weights>(random() % 3), false, random);
        CheckEverywhere(p);
      }
    }
  }
}

TEST_CASE("signs, zero points and numerics") {
  Random random(2);
  for (const Weights weights : {Weights::kSymmetric, Weights::kPerTensor, Weights::kPerChannel, Weights::kExtreme}) {
    for (unsigned signs = 0; signs < 8; ++signs) {
      for (const Numerics numerics : {Numerics::kTflite, Numerics::kSingle, Numerics::kOnnx}) {
        for (const bool general : {false, true}) {
          Problem p;
          p.height = p.width = 5;
          p.channels = 21 + static_cast<int>(signs) * 8;
          p.top = p.left = 1;
          p.Fit(1, 1);
          p.numerics = numerics;
          SetSigns(&p, signs);
          Fill(&p, weights, general, random);
          CheckEverywhere(p);
        }
      }
    }
  }
}

TEST_CASE("any window") {
  Random random(3);
  for (int i = 0; i < 250; ++i) {
    Problem p;
    p.batches = RandomInt(random, 1, 2);
    p.channels = RandomInt(random, 1, i % 4 ? 40 : 130);
    p.multiplier = i % 3 ? 1 : RandomInt(random, 1, 5);
    p.kernel_height = RandomInt(random, 1, 7);
    p.kernel_width = RandomInt(random, 1, 7);
    p.stride_y = RandomInt(random, 1, 3);
    p.stride_x = RandomInt(random, 1, 3);
    p.dilation_y = RandomInt(random, 1, 2);
    p.dilation_x = RandomInt(random, 1, 2);
    p.top = RandomInt(random, 0, 4);
    p.left = RandomInt(random, 0, 4);
    p.height = std::max(1, (p.kernel_height - 1) * p.dilation_y + RandomInt(random, 1, 6) - p.top);
    p.width = std::max(1, (p.kernel_width - 1) * p.dilation_x + RandomInt(random, 1, 9) - p.left);
    p.Fit(RandomInt(random, 0, 4), RandomInt(random, 0, 4));
    p.numerics = static_cast<Numerics>(random() % 3);
    SetSigns(&p, random());
    Fill(&p, static_cast<Weights>(random() % 4), random() % 8 == 0, random);
    if (i % 5 == 0) p.bias.clear();
    CheckEverywhere(p);
  }
}

TEST_CASE("threads change nothing") {
  Random random(4);
  ThreadPool::Acquire();
  for (const int channels : {64, 72}) {
    Problem p;
    p.batches = 2;
    p.height = p.width = 41;
    p.channels = channels;
    p.top = p.left = 1;
    p.Fit(1, 1);
    Fill(&p, Weights::kPerChannel, false, random);
    const std::vector<uint8_t> expected = Expected(p);
    for (const size_t threads : {1, 2, 3}) CheckRun(p, expected, BestIsa().isa, threads);
  }
  ThreadPool::Release();
}

TEST_CASE("descriptions that do not fit are refused") {
  Random random(5);
  Problem p;
  p.height = p.width = 4;
  p.channels = 16;
  p.top = p.left = 1;
  p.Fit(1, 1);
  Fill(&p, Weights::kPerChannel, false, random);
  REQUIRE(Make(p, Isa::kScalar, 1).step != nullptr);
  const auto is_refused = [&](const char* name, double value) {
    const MadeStep made = Make(p, Isa::kScalar, 1, name, value);
    return made.step == nullptr && !made.status.ok();
  };
  for (const char* name : {"batches", "height", "width", "depth", "channels", "groups", "outHeight", "outWidth", "kernelHeight",
                           "kernelWidth", "strideY", "strideX", "dilationY", "dilationX"}) {
    CHECK_MESSAGE(is_refused(name, 0), name);
    CHECK_MESSAGE(is_refused(name, -1), name);
    CHECK_MESSAGE(is_refused(name, 1.5), name);
    CHECK_MESSAGE(is_refused(name, 4294967296.0), name);
  }
  for (const char* name :
       {"batches", "height", "width", "depth", "channels", "groups", "outHeight", "outWidth", "kernelHeight", "kernelWidth"}) {
    CHECK_MESSAGE(is_refused(name, 2147483647), name);
  }
  for (const char* name : {"padTop", "padLeft", "numerics", "xSigned", "ySigned"}) CHECK_MESSAGE(is_refused(name, -1), name);
  CHECK(is_refused("numerics", 3));
  for (const char* name : {"x", "y"}) CHECK_MESSAGE(is_refused(name, 1e6), name);
  for (const char* name : {"weights", "weightZeroPoints", "bias", "multipliers"}) {
    CHECK_MESSAGE(is_refused(name, -1), name);
  }
  for (const auto change : {+[](Problem* q) { q->w_zero_point[3] = 128; }, +[](Problem* q) { q->multipliers[3] = 0; },
                            +[](Problem* q) { q->multipliers[3] = 1e300; }, +[](Problem* q) { q->x_zero_point = 256; },
                            +[](Problem* q) { q->min = 300; }}) {
    Problem other = p;
    change(&other);
    CHECK(Make(other, Isa::kScalar, 1).step == nullptr);
  }
}

TEST_CASE("padding, strides and dilations of any size stay inside the image") {
  Random random(6);
  for (int i = 0; i < 40; ++i) {
    Problem p;
    p.height = RandomInt(random, 1, 5);
    p.width = RandomInt(random, 1, 5);
    p.channels = RandomInt(random, 1, 70);
    p.kernel_height = p.kernel_width = 3;
    const auto size = [&] { return random() % 3 ? RandomInt(random, 1, 4) : 100000; };
    p.out_height = p.out_width = 3;
    Fill(&p, Weights::kPerTensor, false, random);
    const char* names[] = {"strideY", "strideX", "dilationY", "dilationX", "padTop", "padLeft"};
    size_t count;
    const IsaEntry* isas = IsaList(&count);
    for (size_t k = 0; k < count; ++k) {
      if (!IsSupported(isas[k].isa)) continue;
      const MadeStep made = Make(p, isas[k].isa, 1, names[random() % 6], size());
      REQUIRE(made.step != nullptr);
      GuardedBuffer<uint8_t> values(RoundUp(p.y_count(), 64) + p.x.size()), scratch(made.step->scratch_bytes(), 64);
      made.step->Run({values.data(), nullptr, scratch.data(), 1});
      CHECK(values.IsSurroundingUntouched());
    }
  }
}

}  // namespace
}  // namespace octensor
