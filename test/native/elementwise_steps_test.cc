// Steps on 8-bit tensors and movements: descriptions that lie are refused, and those that pass stay inside their memory.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest.h>

#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/cpu.h"
#include "guarded_buffer.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kValueBytes = 4096, kConstantBytes = 2048;

// A description that owns its arrays.
class Description {
 public:
  explicit Description(const char* kind) : kind_(kind) {}
  Description(Description&&) = default;

  Description& Number(const char* name, double value) {
    fields_.push_back({name, FieldType::kNumber, value, nullptr, 0});
    return *this;
  }
  Description& Ints(const char* name, std::vector<int32_t> values) {
    ints_.push_back(std::move(values));
    fields_.push_back({name, FieldType::kInt32, 0, ints_.back().data(), ints_.back().size()});
    return *this;
  }
  Description& Doubles(const char* name, std::vector<double> values) {
    doubles_.push_back(std::move(values));
    fields_.push_back({name, FieldType::kFloat64, 0, doubles_.back().data(), doubles_.back().size()});
    return *this;
  }
  Description& Bytes(const char* name, std::vector<uint8_t> values) {
    bytes_.push_back(std::move(values));
    fields_.push_back({name, FieldType::kUint8, 0, bytes_.back().data(), bytes_.back().size()});
    return *this;
  }

  // One number or element becomes something else, or one array another length.
  void Mutate(std::mt19937& random) {
    static const double kNumbers[] = {-1,   0,   1,     2, 3, 7, 255, 256, 4095, 4096, 65536, 2147483647, -2147483648.0,
                                      1e18, 0.5, 1e-320};
    Field& field = fields_[random() % fields_.size()];
    const double number = kNumbers[random() % 16];
    if (field.type == FieldType::kNumber) {
      field.number = random() % 3 == 0 ? number : field.number + static_cast<int>(random() % 5) - 2;
    } else if (random() % 8 == 0 && field.length > 0) {
      --field.length;
    } else if (field.length > 0 && field.type == FieldType::kInt32) {
      const auto value = static_cast<int32_t>(number > 2147483647 || number < -2147483648.0 ? 5 : number);
      const_cast<int32_t*>(static_cast<const int32_t*>(field.data))[random() % field.length] = value;
    } else if (field.length > 0 && field.type == FieldType::kFloat64) {
      const_cast<double*>(static_cast<const double*>(field.data))[random() % field.length] = number;
    }
  }

  Status Make(Isa isa, std::unique_ptr<Step>* step) const {
    StepFields fields(fields_.data(), fields_.size(), {isa, 2, kValueBytes, kConstantBytes});
    FindStepKind(kind_)->make(&fields, step);
    return fields.status();
  }

 private:
  const char* kind_;
  std::vector<Field> fields_;
  std::deque<std::vector<int32_t>> ints_;
  std::deque<std::vector<double>> doubles_;
  std::deque<std::vector<uint8_t>> bytes_;
};

void Quantization(Description& d, const std::string& prefix) {
  static const char* const kNames[][3] = {{"signed", "zeroPoints", "bounds"},
                                          {"addSigned", "addZeroPoints", "addBounds"},
                                          {"mulSigned", "mulZeroPoints", "mulBounds"}};
  const char* const* names = kNames[prefix == "add" ? 1 : prefix == "mul" ? 2 : 0];
  d.Ints(names[0], {1, 1, 1}).Ints(names[1], {3, -7, 11}).Ints(names[2], {-128, 127});
}

Description MakeDescription(int which, std::mt19937& random) {
  // Where an input of so many bytes may stand: near the beginning of the constants, or at either end of the values.
  const auto in = [&](double size, uint32_t element_bytes = 1) {
    if (random() % 4 == 0) return -1.0 - element_bytes * (random() % 8);
    return random() % 2 == 0 ? 0.0 : kValueBytes - size;
  };
  switch (which) {
    case 0: {
      Description d("table");
      d.Number("x", in(500))
          .Number("y", 512)
          .Number("count", 300)
          .Number("elementBytes", 1)
          .Bytes("table", std::vector<uint8_t>(256, 5));
      if (random() % 2 == 0) d.Number("rows", 3).Number("xStride", 100).Number("yStride", 400);
      return d;
    }
    case 1: {
      Description d("binary");
      d.Number("op", 0).Number("a", in(140)).Number("b", in(7)).Number("y", 1024).Ints("dims", {4, 5, 7});
      d.Ints("aStrides", {35, 7, 1})
          .Ints("bStrides", {0, 0, 1})
          .Number("addNumerics", random() % 3)
          .Number("addSubtract", random() % 2);
      Quantization(d, "add");
      d.Doubles("addScales", {0.5, 0.31, random() % 2 == 0 ? 0.00001 : 2.0});
      return d;
    }
    case 2: {
      Description d("binary");
      d.Number("op", 1).Number("a", in(900)).Number("b", in(1)).Number("y", 1024).Ints("dims", {900}).Ints("aStrides", {1});
      d.Ints("bStrides", {0}).Number("mulNumerics", random() % 3).Number("mulScale", random() % 2 == 0 ? 0.01 : 3);
      Quantization(d, "mul");
      return d;
    }
    case 3: {
      Description d("binary");
      d.Number("op", 2).Number("a", in(20)).Number("b", in(5)).Number("y", 100).Ints("dims", {4, 5}).Ints("aStrides", {5, 1});
      d.Ints("bStrides", {1, 0}).Bytes("table", std::vector<uint8_t>(65536, 1));
      return d;
    }
    case 4: {
      Description d("quantize");
      d.Number("x", 0).Number("y", 1600).Number("count", 333).Number("type", random() % 3).Number("scale", 0.1);
      d.Number("zeroPoint", 3).Number("numerics", random() % 3);
      return d;
    }
    case 5: {
      Description d("copy");
      const bool backwards = random() % 2 == 0;
      d.Number("x", in(480, 4)).Number("y", 1024).Number("elementBytes", 4).Number("xCount", 120).Number("yCount", 120);
      d.Number("xOffset", backwards ? 119 : 0).Number("yOffset", 0).Ints("dims", {2, 3, 4, 5});
      d.Ints("xStrides", backwards ? std::vector<int32_t>{-60, -20, -5, -1} : std::vector<int32_t>{60, 1, 15, 3});
      d.Ints("yStrides", {60, 20, 5, 1});
      return d;
    }
    case 6: {
      Description d("fill");
      d.Number("y", 40).Number("count", 77).Number("elementBytes", 8).Bytes("value", {1, 2, 3, 4, 5, 6, 7, 8});
      return d;
    }
    case 7: {
      Description d("pool");
      d.Number("x", in(1080))
          .Number("y", 2048)
          .Number("max", random() % 2)
          .Number("numerics", random() % 3)
          .Number("batches", 2);
      d.Number("height", 9).Number("width", 6).Number("depth", 10).Number("outHeight", 5).Number("outWidth", 3);
      d.Number("kernelHeight", 3).Number("kernelWidth", 3).Number("strideY", 2).Number("strideX", 2).Number("padTop", 1);
      d.Number("padLeft", 0).Number("xScale", 0.1).Number("yScale", 0.2);
      Quantization(d, "");
      return d;
    }
    case 8: {
      Description d("reduce");
      d.Number("x", in(600)).Number("y", 3000).Number("max", random() % 2).Number("outer", 3).Number("count", 20);
      d.Number("inner", 10)
          .Number("numerics", random() % 3)
          .Number("multiplier", 1 << 30)
          .Number("exponent", -4)
          .Number("real", 0.1);
      Quantization(d, "");
      return d;
    }
    case 9: {
      Description d("softmax");
      std::vector<int32_t> exponentials(256);
      std::vector<double> real(256);
      for (int i = 0; i < 256; ++i) exponentials[i] = INT32_MAX >> (i / 8), real[i] = 1.0 / (1 + i);
      d.Number("x", in(900)).Number("y", 1024).Number("rows", 3).Number("depth", 300).Number("type", random() % 3);
      d.Number("xSigned", random() % 2);
      if (random() % 2 == 0) {
        d.Ints("exponentials", exponentials);
      } else {
        d.Doubles("real", real).Number("yScale", 0.004).Number("yZeroPoint", 0);
      }
      return d;
    }
    case 10: {
      Description d("resize-nearest");
      d.Number("x", in(96, 2))
          .Number("y", 1024)
          .Number("elementBytes", 2)
          .Number("batches", 2)
          .Number("height", 3)
          .Number("width", 4);
      d.Number("channels", 2)
          .Number("outHeight", 4)
          .Number("outWidth", 3)
          .Ints("rows", {0, 1, 1, 2})
          .Ints("columns", {0, 3, 2});
      return d;
    }
    case 11: {
      Description d("resize-bilinear");
      d.Number("x", in(24)).Number("y", 1024).Number("type", 0).Number("batches", 1).Number("height", 3).Number("width", 4);
      d.Number("channels", 2).Number("outHeight", 2).Number("outWidth", 3);
      d.Ints("rowLower", {0, 1}).Ints("rowUpper", {1, 2}).Ints("rowLowerWeight", {1024, 500}).Ints("rowUpperWeight", {0, 524});
      d.Ints("columnLower", {0, 1, 2}).Ints("columnUpper", {1, 2, 3});
      d.Ints("columnLowerWeight", {1, 2, 2048}).Ints("columnUpperWeight", {1023, 1022, -1024});
      return d;
    }
    default: {
      Description d("arg");
      d.Number("x", in(480, 4))
          .Number("y", 1024)
          .Number("type", random() % 6)
          .Number("max", random() % 2)
          .Number("last", random() % 2)
          .Number("long", random() % 2);
      d.Number("outer", 4).Number("count", 5).Number("inner", 6);
      return d;
    }
  }
}

constexpr int kKinds = 13;

void Run(const Step& step) {
  // Both end at a guard page, so that whatever leaves them stops the test.
  GuardedBuffer<uint8_t> values(kValueBytes, 64), constants(kConstantBytes, 64);
  std::memset(values.data(), 0x5b, kValueBytes);
  step.Run({values.data(), constants.data(), nullptr, 2});
  CHECK(values.IsSurroundingUntouched());
  CHECK(constants.IsSurroundingUntouched());
}

TEST_CASE("steps: the descriptions that the mutations start from are good") {
  std::mt19937 random(1);
  for (int i = 0; i < 40 * kKinds; ++i) {
    std::unique_ptr<Step> step;
    const Status status = MakeDescription(i % kKinds, random).Make(Isa::kScalar, &step);
    CAPTURE(i % kKinds);
    CAPTURE(std::string(status.message));
    REQUIRE(step != nullptr);
    Run(*step);
  }
}

TEST_CASE("steps: mutated descriptions are refused or stay inside") {
  size_t count;
  const IsaEntry* isas = IsaList(&count);
  std::mt19937 random(2);
  size_t made = 0, refused = 0;
  for (int i = 0; i < 30000; ++i) {
    const Isa isa = isas[random() % count].isa;
    if (!IsSupported(isa)) continue;
    Description description = MakeDescription(i % kKinds, random);
    for (uint32_t k = 0; k < 1 + random() % 3; ++k) description.Mutate(random);
    std::unique_ptr<Step> step;
    const Status status = description.Make(isa, &step);
    CHECK(status.ok() == (step != nullptr));
    if (step != nullptr) Run(*step);
    ++(step != nullptr ? made : refused);
  }
  CHECK(made > 5000);
  CHECK(refused > 5000);
}

}  // namespace
}  // namespace octensor
