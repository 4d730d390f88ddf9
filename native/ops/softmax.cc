// Softmax of 8-bit rows: lib/ops/softmax.ts. The exponential of the difference to a row's largest element is a table of its 256
// values, computed by the reference itself.
#include <algorithm>
#include <cstring>
#include <memory>

#include "core/fixed_point.h"
#include "kernels/kernel.h"
#include "ops/parallel.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kEntries = 256;
constexpr size_t kMinPart = size_t{1} << 13;
constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23: adding it rounds half to even
constexpr int kSumIntegerBits = 12;    // sums of exponentials are Q12.19

struct SoftmaxParams {
  Place x, y;
  size_t rows, depth;
  uint8_t x_flip;
  int32_t min, max;  // of the output's type
  size_t y_bytes;    // 1 or 2
  float y_scale;     // onnx
  int32_t y_zero_point;
};

class SoftmaxStep : public Step {
 public:
  explicit SoftmaxStep(const SoftmaxParams& params) : p_(params) {}

  void Run(const RunMemory& memory) const override {
    const uint8_t* x = memory.In<uint8_t>(p_.x);
    uint8_t* y = memory.Out<uint8_t>(p_.y);
    RunParts(memory, p_.rows, kMinPart / p_.depth, [&](size_t first, size_t end) {
      for (size_t row = first; row < end; ++row) RunRow(x + row * p_.depth, y + row * p_.depth * p_.y_bytes);
    });
  }

 protected:
  // The outputs of all 256 differences, or those of this row's elements when they are fewer.
  virtual void Outputs(const uint8_t* x, uint8_t largest, int16_t* table) const = 0;

  uint8_t DifferenceOf(uint8_t x, uint8_t largest) const {
    return static_cast<uint8_t>(largest - static_cast<uint8_t>(x ^ p_.x_flip));
  }

  // Calls f with each difference that occurs; with all where rows are long.
  template <typename F>
  void ForEachDifference(const uint8_t* x, uint8_t largest, const F& f) const {
    if (p_.depth >= kEntries) {
      for (size_t i = 0; i < kEntries; ++i) f(static_cast<uint8_t>(i));
    } else {
      for (size_t i = 0; i < p_.depth; ++i) f(DifferenceOf(x[i], largest));
    }
  }

  SoftmaxParams p_;

 private:
  void RunRow(const uint8_t* x, uint8_t* y) const {
    uint8_t largest = 0;
    for (size_t i = 0; i < p_.depth; ++i) largest = std::max(largest, static_cast<uint8_t>(x[i] ^ p_.x_flip));
    int16_t table[kEntries];
    Outputs(x, largest, table);
    if (p_.y_bytes == 1) {
      for (size_t i = 0; i < p_.depth; ++i) y[i] = static_cast<uint8_t>(table[DifferenceOf(x[i], largest)]);
    } else {
      auto* wide = reinterpret_cast<int16_t*>(y);
      for (size_t i = 0; i < p_.depth; ++i) wide[i] = table[DifferenceOf(x[i], largest)];
    }
  }
};

class FixedSoftmaxStep : public SoftmaxStep {
 public:
  FixedSoftmaxStep(const SoftmaxParams& params, const int32_t* exponentials) : SoftmaxStep(params) {
    std::copy_n(exponentials, kEntries, exponentials_);
    for (size_t i = 0; i < kEntries; ++i) {
      summands_[i] = static_cast<int32_t>(RoundingDivideByPot(exponentials[i], kSumIntegerBits));
    }
  }

 private:
  void Outputs(const uint8_t* x, uint8_t largest, int16_t* table) const override {
    // Not 0 and below 2^31: at most 4095 summands of up to 2^19, which is the largest element's own.
    uint32_t sum = 0;
    for (size_t i = 0; i < p_.depth; ++i) sum += static_cast<uint32_t>(summands_[DifferenceOf(x[i], largest)]);
    const Reciprocal reciprocal = ReciprocalOf(static_cast<int32_t>(sum), kSumIntegerBits);
    const int shift = std::max(reciprocal.bits_over_unit + 31 - static_cast<int>(8 * p_.y_bytes), 0);
    ForEachDifference(x, largest, [&](uint8_t d) {
      const int64_t q = RoundingDivideByPot(MultiplyHigh(reciprocal.scale, exponentials_[d]), shift) + p_.min;
      table[d] = static_cast<int16_t>(std::clamp<int64_t>(q, p_.min, p_.max));
    });
  }

  int32_t exponentials_[kEntries], summands_[kEntries];
};

class OnnxSoftmaxStep : public SoftmaxStep {
 public:
  OnnxSoftmaxStep(const SoftmaxParams& params, const double* exponentials) : SoftmaxStep(params) {
    std::copy_n(exponentials, kEntries, exponentials_);
  }

 private:
  void Outputs(const uint8_t* x, uint8_t largest, int16_t* table) const override {
    double sum = 0;
    for (size_t i = 0; i < p_.depth; ++i) sum += exponentials_[DifferenceOf(x[i], largest)];
    const auto lo = static_cast<float>(p_.min - p_.y_zero_point), hi = static_cast<float>(p_.max - p_.y_zero_point);
    ForEachDifference(x, largest, [&](uint8_t d) {
      const float quotient = std::clamp(static_cast<float>(exponentials_[d] / sum) / p_.y_scale, lo, hi);
      table[d] = static_cast<int16_t>(static_cast<int32_t>((quotient + kMagic) - kMagic) + p_.y_zero_point);
    });
  }

  double exponentials_[kEntries];
};

}  // namespace

// x: bytes [rows, depth], xSigned: flag; y: type 0 int8, 1 uint8, 2 int16 [rows, depth]; depth at most 4095. Of e to the power
// of what a difference of 0, 1, ... 255 to the largest element of a row means:
// exponentials: int32[256], Q0.31, at least 0, the first one 2^31 - 1; or real: float64[256], from 0 to 1, the first one 1, and
// yScale and yZeroPoint
void MakeSoftmaxStep(StepFields* fields, std::unique_ptr<Step>* step) {
  SoftmaxParams p = {};
  p.rows = fields->Size("rows"), p.depth = fields->Size("depth");
  if (p.depth > 4095) fields->Fail("depth", StatusCode::kShape, "expected at most 4095");
  const int64_t type = fields->Integer("type", 0, 2);
  p.y_bytes = type == 2 ? 2 : 1;
  p.min = type == 0 ? -128 : type == 1 ? 0 : -32768;
  p.max = type == 0 ? 127 : type == 1 ? 255 : 32767;
  p.x_flip = fields->Flag("xSigned") ? 0x80 : 0;
  p.x = fields->In("x", p.rows * p.depth, 1);
  p.y = fields->Out("y", p.rows * p.depth, p.y_bytes);
  if (fields->Has("exponentials")) {
    const int32_t* exponentials = fields->Int32s("exponentials", kEntries);
    if (!fields->ok()) return;
    if (exponentials[0] != INT32_MAX || *std::min_element(exponentials, exponentials + kEntries) < 0) {
      return fields->Fail("exponentials", StatusCode::kShape, "expected Q0.31 numbers from 0 to 1");
    }
    *step = std::make_unique<FixedSoftmaxStep>(p, exponentials);
    return;
  }
  const double* real = fields->Doubles("real", kEntries);
  p.y_scale = static_cast<float>(fields->Number("yScale"));
  p.y_zero_point = static_cast<int32_t>(fields->Integer("yZeroPoint", p.min, p.max));
  if (!fields->ok()) return;
  const bool is_valid = real[0] == 1 && std::all_of(real, real + kEntries, [](double e) { return e >= 0 && e <= 1; });
  if (!is_valid || !(p.y_scale > 0)) {
    return fields->Fail("real", StatusCode::kShape, "expected numbers from 0 to 1, and a scale above 0");
  }
  *step = std::make_unique<OnnxSoftmaxStep>(p, real);
}

}  // namespace octensor
