// The step "conv" with every kernel that the CPU runs, against a plain convolution: the same bits, and no other memory touched.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/thread_pool.h"
#include "gemm_problem.h"
#include "ops/add.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr Numerics kNumerics[] = {Numerics::kTflite, Numerics::kSingle, Numerics::kOnnx};

struct Shape {
  int batches = 1, height = 1, width = 1, depth = 1, channels = 1;
  int kernel[2] = {1, 1}, strides[2] = {1, 1}, dilations[2] = {1, 1};
  int before[2] = {0, 0}, after[2] = {0, 0};  // padding
  int groups = 1;

  int out(int axis) const {
    const int covered = (axis == 0 ? height : width) + before[axis] + after[axis];
    return (covered - (kernel[axis] - 1) * dilations[axis] - 1) / strides[axis] + 1;
  }
};

struct Options {
  bool x_signed = true, w_signed = true, y_signed = true, zero_point_per_channel = false, has_bias = true;
  bool has_weight_zero_points = false;
  OutputKind kind = OutputKind::kQuantized;
  Numerics numerics = Numerics::kTflite;
  size_t threads = 1;
};

std::string Describe(const GemmKernel& kernel, const Shape& s, const Options& o) {
  const auto pair = [](const int(&x)[2]) { return std::to_string(x[0]) + "," + std::to_string(x[1]); };
  const auto number = [](auto x) { return std::to_string(x); };
  return std::string(kernel.name) + " " + number(s.batches) + "x" + number(s.height) + "x" + number(s.width) + "x" +
         number(s.depth) + " -> " + number(s.channels) + " kernel=" + pair(s.kernel) + " strides=" + pair(s.strides) +
         " dilations=" + pair(s.dilations) + " before=" + pair(s.before) + " after=" + pair(s.after) +
         " groups=" + number(s.groups) + " signed=" + number(o.x_signed) + number(o.w_signed) + number(o.y_signed) +
         " zb=" + number(o.has_weight_zero_points) + number(o.zero_point_per_channel) +
         " kind=" + number(static_cast<int>(o.kind)) + " numerics=" + number(static_cast<int>(o.numerics)) +
         " threads=" + number(o.threads);
}

// The fields of a step, owned.
class Description {
 public:
  void Number(const char* name, double value) { fields_.push_back({name, FieldType::kNumber, value, nullptr, 0}); }
  template <typename T>
  void Array(const char* name, FieldType type, const std::vector<T>& data) {
    fields_.push_back({name, type, 0, data.data(), data.size()});
  }
  void Replace(const char* name, double value) {
    for (Field& field : fields_) {
      if (std::strcmp(field.name, name) == 0) field.number = value;
    }
  }
  StepFields Fields(const StepEnvironment& environment) const { return {fields_.data(), fields_.size(), environment}; }
  StatusCode Make(const StepEnvironment& environment, std::unique_ptr<Step>* step) const {
    StepFields fields = Fields(environment);
    FindStepKind("conv")->make(&fields, step);
    return fields.status().code;
  }

 private:
  std::vector<Field> fields_;
};

struct ConvProblem {
  Shape shape;
  Options options;
  std::vector<uint8_t> x, w;
  std::vector<int32_t> zero_points, bias;
  std::vector<double> multipliers;
  int32_t x_zero_point, y_zero_point, y_min, y_max;

  size_t outputs() const {
    return static_cast<size_t>(shape.batches) * shape.out(0) * shape.out(1) * static_cast<size_t>(shape.channels);
  }
  size_t element_bytes() const { return options.kind == OutputKind::kQuantized ? 1 : 4; }
};

ConvProblem MakeProblem(const Shape& s, const Options& o, Random& random) {
  ConvProblem p = {s, o, {}, {}, {}, {}, {}, 0, 0, 0, 0};
  const auto byte = [&](bool is_signed) { return RandomInt(random, is_signed ? -128 : 0, is_signed ? 127 : 255); };
  p.x.resize(static_cast<size_t>(s.batches) * s.height * s.width * s.depth);
  p.w.resize(static_cast<size_t>(s.channels) * s.kernel[0] * s.kernel[1] * (s.depth / s.groups));
  for (uint8_t& x : p.x) x = static_cast<uint8_t>(random());
  for (uint8_t& w : p.w) w = static_cast<uint8_t>(random());
  p.zero_points.assign(o.zero_point_per_channel ? s.channels : 1, o.w_signed ? 0 : 128);
  if (o.has_weight_zero_points) {
    for (int32_t& z : p.zero_points) z = byte(o.w_signed);
  }
  if (o.has_bias) p.bias.resize(s.channels);
  for (int32_t& b : p.bias) b = RandomInt(random, -20000, 20000);
  p.multipliers.resize(s.channels);
  const auto k = static_cast<size_t>(s.kernel[0] * s.kernel[1] * (s.depth / s.groups));
  for (double& m : p.multipliers) m = double{RandomScale(random, k)} * (1 + 1e-9);
  p.x_zero_point = byte(o.x_signed);
  p.y_zero_point = byte(o.y_signed);
  p.y_min = random() % 2 ? (o.y_signed ? -128 : 0) : RandomInt(random, o.y_signed ? -128 : 0, p.y_zero_point);
  p.y_max = random() % 2 ? (o.y_signed ? 127 : 255) : RandomInt(random, p.y_zero_point, o.y_signed ? 127 : 255);
  return p;
}

Description Describe(const ConvProblem& p, size_t x_offset, size_t y_offset) {
  const Shape& s = p.shape;
  Description d;
  const char* const names[] = {"batches",   "height",       "width",       "depth",   "outHeight", "outWidth",
                               "channels",  "kernelHeight", "kernelWidth", "strideY", "strideX",   "dilationY",
                               "dilationX", "padTop",       "padLeft",     "groups"};
  const int values[] = {s.batches,      s.height,    s.width,     s.depth,      s.out(0),     s.out(1),
                        s.channels,     s.kernel[0], s.kernel[1], s.strides[0], s.strides[1], s.dilations[0],
                        s.dilations[1], s.before[0], s.before[1], s.groups};
  for (size_t i = 0; i < std::size(names); ++i) d.Number(names[i], values[i]);
  d.Number("x", static_cast<double>(x_offset));
  d.Number("y", static_cast<double>(y_offset));
  d.Number("xSigned", p.options.x_signed);
  d.Number("xZeroPoint", p.x_zero_point);
  d.Array("weights", p.options.w_signed ? FieldType::kInt8 : FieldType::kUint8, p.w);
  d.Array("weightZeroPoints", FieldType::kInt32, p.zero_points);
  if (!p.bias.empty()) d.Array("bias", FieldType::kInt32, p.bias);
  d.Array("multipliers", FieldType::kFloat64, p.multipliers);
  d.Number("outputKind", static_cast<int>(p.options.kind));
  d.Number("numerics", static_cast<int>(p.options.numerics));
  d.Number("ySigned", p.options.y_signed);
  d.Number("yZeroPoint", p.y_zero_point);
  d.Number("yMin", p.y_min);
  d.Number("yMax", p.y_max);
  return d;
}

// The definition, one output at a time: what lies outside x is real zero.
void Reference(const ConvProblem& p, uint8_t* y) {
  const Shape& s = p.shape;
  const int depth = s.depth / s.groups, group_channels = s.channels / s.groups;
  size_t index = 0;
  for (int n = 0; n < s.batches; ++n) {
    for (int oy = 0; oy < s.out(0); ++oy) {
      for (int ox = 0; ox < s.out(1); ++ox) {
        for (int o = 0; o < s.channels; ++o, ++index) {
          uint32_t sum = p.bias.empty() ? 0 : static_cast<uint32_t>(p.bias[o]);
          const int32_t zero_point = p.zero_points[p.zero_points.size() == 1 ? 0 : o];
          for (int ky = 0; ky < s.kernel[0]; ++ky) {
            for (int kx = 0; kx < s.kernel[1]; ++kx) {
              const int iy = oy * s.strides[0] + ky * s.dilations[0] - s.before[0];
              const int ix = ox * s.strides[1] + kx * s.dilations[1] - s.before[1];
              if (iy < 0 || iy >= s.height || ix < 0 || ix >= s.width) continue;
              for (int c = 0; c < depth; ++c) {
                const int x = ((n * s.height + iy) * s.width + ix) * s.depth + o / group_channels * depth + c;
                const int w = ((o * s.kernel[0] + ky) * s.kernel[1] + kx) * depth + c;
                sum += static_cast<uint32_t>((ReadElement(&p.x[x], p.options.x_signed) - p.x_zero_point) *
                                             (ReadElement(&p.w[w], p.options.w_signed) - zero_point));
              }
            }
          }
          GemmArgs args = {};
          args.kind = p.options.kind;
          args.numerics = p.options.numerics;
          args.scale = p.multipliers[o];
          args.c_zero_point = p.y_zero_point, args.c_min = p.y_min, args.c_max = p.y_max;
          ReferenceStore(args, static_cast<int32_t>(sum), 0, y, index);
        }
      }
    }
  }
}

// x and scratch end before guard pages, and so does y.
void Check(const GemmKernel& kernel, const Shape& s, const Options& o, Random& random) {
  INFO(Describe(kernel, s, o));
  const ConvProblem p = MakeProblem(s, o, random);
  const size_t y_bytes = p.outputs() * p.element_bytes();
  std::vector<uint8_t> expected(y_bytes);
  Reference(p, expected.data());
  // One run reads x at the end of the memory, another writes y there.
  for (const bool x_is_last : {true, false}) {
    const size_t first = RoundUp(x_is_last ? y_bytes : p.x.size(), kAlignment);
    GuardedBuffer<uint8_t> values(first + (x_is_last ? p.x.size() : y_bytes), 4);
    const size_t x_offset = x_is_last ? first : 0, y_offset = x_is_last ? 0 : first;
    const StepEnvironment environment = {kernel.isa, o.threads, values.size(), 0};
    std::unique_ptr<Step> step;
    REQUIRE(Describe(p, x_offset, y_offset).Make(environment, &step) == StatusCode::kOk);
    std::memcpy(values.data() + x_offset, p.x.data(), p.x.size());
    GuardedBuffer<uint8_t> scratch(step->scratch_bytes(), kAlignment);
    step->Run({values.data(), nullptr, scratch.data(), o.threads});
    CHECK(std::memcmp(values.data() + y_offset, expected.data(), y_bytes) == 0);
    CHECK(std::memcmp(values.data() + x_offset, p.x.data(), p.x.size()) == 0);
    CHECK(values.IsSurroundingUntouched());
    CHECK(scratch.IsSurroundingUntouched());
  }
}

Options RandomOptions(Random& random) {
  const auto flip = [&] { return random() % 2 != 0; };
  Options o;
  o.x_signed = flip(), o.w_signed = flip(), o.y_signed = flip(), o.zero_point_per_channel = flip(), o.has_bias = flip();
  o.has_weight_zero_points = flip();
  o.kind = random() % 4 != 0 ? OutputKind::kQuantized : static_cast<OutputKind>(random() % 3);
  o.numerics = kNumerics[random() % 3];
  o.threads = 1 + random() % 3;
  return o;
}

TEST_CASE("layers as networks have them, with every numerics") {
  const Shape shapes[] = {
      {1, 12, 10, 16, 16, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1},  // 3x3
      {1, 13, 12, 3, 32, {3, 3}, {2, 2}, {1, 1}, {0, 0}, {1, 1}, 1},   // a first layer
      {1, 15, 14, 3, 16, {7, 7}, {2, 2}, {1, 1}, {3, 2}, {2, 3}, 1},   // 7x7
      {1, 49, 10, 1, 64, {10, 4}, {2, 2}, {1, 1}, {4, 1}, {5, 1}, 1},  // speech
      {2, 7, 6, 24, 144, {1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, 1},   // expansion
      {2, 7, 6, 72, 40, {1, 1}, {2, 2}, {1, 1}, {0, 0}, {0, 0}, 1},    // a strided shortcut
      {1, 9, 9, 32, 24, {3, 3}, {1, 1}, {2, 2}, {2, 2}, {2, 2}, 1},    // dilated
      {2, 6, 5, 12, 9, {3, 2}, {1, 2}, {1, 3}, {1, 0}, {0, 2}, 3},     // groups
      {1, 4, 7, 6, 18, {4, 7}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, 1},     // the window is the image
      {1, 1, 1, 300, 203, {1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, 1},  // fully connected, one row
      {1, 1, 5, 131, 77, {1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, 1},   // five rows
      {3, 8, 8, 8, 70, {1, 5}, {1, 1}, {1, 1}, {0, 2}, {0, 2}, 1},     // one row of taps
  };
  Random random(1);
  ForEachKernel([&](const GemmKernel& kernel) {
    for (const Shape& shape : shapes) {
      for (const Numerics numerics : kNumerics) {
        for (const bool has_weight_zero_points : {false, true}) {
          Options o;
          o.numerics = numerics;
          o.has_weight_zero_points = has_weight_zero_points;
          o.x_signed = o.w_signed = o.y_signed = !has_weight_zero_points;
          Check(kernel, shape, o, random);
        }
      }
    }
  });
}

TEST_CASE("random windows, paddings, strides, dilations, groups and batches") {
  Random random(2);
  const auto upTo = [&](int limit) { return RandomInt(random, 1, limit); };
  ForEachKernel([&](const GemmKernel& kernel) {
    for (int i = 0; i < 300; ++i) {
      Shape s;
      s.batches = upTo(3), s.groups = random() % 4 == 0 ? upTo(3) : 1;
      s.height = upTo(9), s.width = upTo(9);
      s.depth = s.groups * upTo(random() % 2 ? 5 : 40), s.channels = s.groups * upTo(random() % 2 ? 20 : 150);
      for (int axis = 0; axis < 2; ++axis) {
        s.kernel[axis] = upTo(5), s.strides[axis] = upTo(3), s.dilations[axis] = upTo(3);
        s.before[axis] = RandomInt(random, 0, 4), s.after[axis] = RandomInt(random, 0, 4);
        const int reach = (s.kernel[axis] - 1) * s.dilations[axis] + 1, size = axis == 0 ? s.height : s.width;
        s.after[axis] = std::max(s.after[axis], reach - size - s.before[axis]);
      }
      Check(kernel, s, RandomOptions(random), random);
    }
  });
}

TEST_CASE("one to three threads, with the pool, give the same bits") {
  Random random(3);
  ThreadPool::Acquire();
  ForEachKernel([&](const GemmKernel& kernel) {
    for (const size_t threads : {1, 2, 3}) {
      for (const Shape& shape : {Shape{1, 20, 20, 32, 48, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1},
                                 Shape{1, 1, 1, 1280, 1001, {1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, 1},
                                 Shape{1, 40, 30, 64, 80, {1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, 1}}) {
        Options o = RandomOptions(random);
        o.threads = threads;
        Check(kernel, shape, o, random);
      }
    }
  });
  ThreadPool::Release();
}

TEST_CASE("what does not fit its memory, or asks for more than there can be, is refused") {
  Random random(4);
  const Shape shape = {1, 6, 5, 4, 8, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 2};
  const ConvProblem p = MakeProblem(shape, {}, random);
  const size_t bytes = p.x.size() + p.outputs();
  const auto make = [&](const char* name, double value) {
    Description description = Describe(p, 0, p.x.size());
    description.Replace(name, value);
    std::unique_ptr<Step> step;
    return description.Make({Isa::kScalar, 1, bytes, 0}, &step);
  };
  CHECK(make("x", 0) == StatusCode::kOk);
  CHECK(make("x", static_cast<double>(p.outputs()) + 1) == StatusCode::kShape);
  CHECK(make("y", static_cast<double>(p.x.size()) + 1) == StatusCode::kShape);
  CHECK(make("y", -1) == StatusCode::kShape);
  for (const char* name : {"batches", "height", "width", "depth", "outHeight", "outWidth", "channels", "kernelHeight"}) {
    for (const double value : {0.0, -1.0, 1.5, 4096.0, 2147483647.0, 2147483648.0, 1e300}) {
      CAPTURE(name);
      CAPTURE(value);
      CHECK(make(name, value) == StatusCode::kShape);
    }
  }
  for (const char* name : {"strideY", "dilationX", "padTop", "padLeft"}) {
    CAPTURE(name);
    CHECK(make(name, -1) == StatusCode::kShape);
    CHECK(make(name, 2147483648.0) == StatusCode::kShape);
  }
  CHECK(make("padTop", 2147483647) == StatusCode::kOk);  // what is copied depends on the windows only
  CHECK(make("groups", 3) == StatusCode::kShape);
  CHECK(make("xZeroPoint", 128) == StatusCode::kShape);
  CHECK(make("yZeroPoint", 200) == StatusCode::kQuantization);
  CHECK(make("yMax", -200) == StatusCode::kShape);
}

TEST_CASE("a residual is added as the step \"binary\" would add it") {
  Random random(6);
  const Shape shapes[] = {{2, 7, 6, 9, 24, {1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, 1},
                          {1, 9, 8, 16, 70, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1},
                          {1, 5, 5, 6, 10, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 2},
                          {1, 40, 30, 8, 160, {1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, 1}};
  const std::vector<int32_t> bounds = {-120, 127};
  ForEachKernel([&](const GemmKernel& kernel) {
    for (const Shape& shape : shapes) {
      for (const Numerics numerics : kNumerics) {
        Options o;
        o.numerics = numerics;
        o.threads = 1 + random() % 2;
        INFO(Describe(kernel, shape, o));
        const ConvProblem p = MakeProblem(shape, o, random);
        const size_t y_offset = RoundUp(p.x.size(), kAlignment), residual_offset = y_offset + RoundUp(p.outputs(), kAlignment);
        const StepEnvironment environment = {kernel.isa, o.threads, residual_offset + p.outputs(), 0};
        Description plain = Describe(p, 0, y_offset);
        Description fused = plain;
        const std::vector<int32_t> is_signed = {1, 1, 1}, zero_points = {p.y_zero_point, -3, 7};
        const bool is_onnx = numerics == Numerics::kOnnx;
        const std::vector<double> scales =
            is_onnx ? std::vector<double>{0.05, 0.03, 0.07} : std::vector<double>{0.5, 0.3, 1e-6};
        fused.Number("residual", static_cast<double>(residual_offset));
        fused.Number("addNumerics", static_cast<int>(numerics));
        fused.Number("addSubtract", 0);
        fused.Array("addSigned", FieldType::kInt32, is_signed);
        fused.Array("addZeroPoints", FieldType::kInt32, zero_points);
        fused.Array("addBounds", FieldType::kInt32, bounds);
        fused.Array("addScales", FieldType::kFloat64, scales);
        std::vector<uint8_t> results[2];
        for (const bool is_fused : {false, true}) {
          std::unique_ptr<Step> step;
          REQUIRE((is_fused ? fused : plain).Make(environment, &step) == StatusCode::kOk);
          AlignedBuffer values, scratch;
          REQUIRE(values.Reserve(environment.value_bytes));
          REQUIRE(scratch.Reserve(step->scratch_bytes() + 1));
          auto* bytes = static_cast<uint8_t*>(values.data());
          std::memcpy(bytes, p.x.data(), p.x.size());
          for (size_t i = 0; i < p.outputs(); ++i) bytes[residual_offset + i] = static_cast<uint8_t>(37 * i);
          step->Run({bytes, nullptr, static_cast<uint8_t*>(scratch.data()), o.threads});
          if (!is_fused) {
            StepFields fields = fused.Fields(environment);
            AddRun(ReadAdd(&fields), bytes + y_offset, bytes + residual_offset, bytes + y_offset, p.outputs());
          }
          results[is_fused].assign(bytes + y_offset, bytes + y_offset + p.outputs());
        }
        CHECK(results[0] == results[1]);
      }
    }
  });
}

TEST_CASE("a window that lies wholly outside the image sees zeros") {
  Random random(5);
  ForEachKernel([&](const GemmKernel& kernel) {
    Check(kernel, {1, 1, 2, 3, 5, {1, 1}, {1, 1}, {1, 1}, {4, 5}, {3, 6}, 1}, RandomOptions(random), random);
  });
}

}  // namespace
}  // namespace octensor
