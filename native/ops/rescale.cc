// Quantize and Dequantize of what has more than 8 bits: y = quantize(x) of float32 or integers to integers of up to 32 bits, to
// the bit as lib/ops/quantize.ts, and y = f32(x - zero point) * scale as lib/ops/dequantize.ts.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <type_traits>

#include "core/requant.h"
#include "kernels/kernel.h"
#include "ops/element_type.h"
#include "ops/parallel.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kMinPart = size_t{1} << 14;  // elements

template <typename T>
constexpr bool kIsQuantized = std::is_same<T, int8_t>::value || std::is_same<T, uint8_t>::value ||
                              std::is_same<T, int16_t>::value || std::is_same<T, int32_t>::value;

struct RescaleParams {
  ElementType from, to;
  Numerics numerics;
  size_t count;
  int32_t x_zero_point, y_zero_point;
  float x_scale, y_scale;  // real numbers in between
  FixedPoint multiplier;   // integers alone; a multiplier of -1: through real numbers
  Place x, y;

  bool is_real() const { return multiplier.multiplier < 0; }
};

// Half away from zero, or half to even.
double RoundedAs(Numerics numerics, double x) { return numerics == Numerics::kOnnx ? std::nearbyint(x) : std::round(x); }

class RescaleStep : public Step {
 public:
  explicit RescaleStep(const RescaleParams& params) : p_(params) {}

  void Run(const RunMemory& memory) const override {
    WithElementType(p_.from, [&](auto source) {
      using X = decltype(source);
      WithElementType(p_.to, [&](auto target) {
        using Y = decltype(target);
        if constexpr ((kIsQuantized<X> || std::is_same<X, float>::value) && kIsQuantized<Y>) {
          Convert<X, Y>(memory, [&](X x) { return Quantized<X, Y>(x); });
        } else if constexpr (kIsQuantized<X> && std::is_same<Y, float>::value) {
          if constexpr (sizeof(X) <= 2) return ToReal<X>(memory);
          Convert<X, Y>(memory, [&](X x) { return Real(x); });
        }
      });
    });
  }

 private:
  template <typename X, typename Y, typename F>
  void Convert(const RunMemory& memory, const F& f) const {
    const X* x = memory.In<X>(p_.x);
    Y* y = memory.Out<Y>(p_.y);
    RunParts(memory, p_.count, kMinPart, [&](size_t first, size_t end) {
      for (size_t i = first; i < end; ++i) y[i] = f(x[i]);
    });
  }

  // Integers of which the difference to a zero point fits int32: a loop for vectors.
  template <typename X>
  void ToReal(const RunMemory& memory) const {
    const X* __restrict x = memory.In<X>(p_.x);
    float* __restrict y = memory.Out<float>(p_.y);
    const auto zero_point = static_cast<uint32_t>(p_.x_zero_point);
    const float scale = p_.x_scale;
    RunParts(memory, p_.count, kMinPart, [=](size_t first, size_t end) {
      for (size_t i = first; i < end; ++i) {
        const uint32_t difference = static_cast<uint32_t>(static_cast<int32_t>(x[i])) - zero_point;
        y[i] = static_cast<float>(static_cast<int32_t>(difference)) * scale;
      }
    });
  }

  template <typename X>
  float Real(X x) const {
    if constexpr (std::is_same<X, float>::value) return x;
    return static_cast<float>(int64_t{static_cast<int32_t>(x)} - p_.x_zero_point) * p_.x_scale;
  }

  template <typename X, typename Y>
  Y Quantized(X x) const {
    const double lo = std::numeric_limits<Y>::min(), hi = std::numeric_limits<Y>::max();
    if (p_.is_real()) {
      const float quotient = Real(x) / p_.y_scale;
      if (quotient != quotient) return static_cast<Y>(p_.y_zero_point);
      const double bounded = std::min(std::max(double{quotient}, lo - p_.y_zero_point), hi - p_.y_zero_point);
      return static_cast<Y>(RoundedAs(p_.numerics, bounded) + p_.y_zero_point);
    }
    const auto difference = static_cast<uint32_t>(static_cast<int32_t>(x)) - static_cast<uint32_t>(p_.x_zero_point);
    const auto centered = static_cast<int32_t>(difference);
    const int32_t scaled = p_.numerics == Numerics::kTflite ? RequantizeTflite(centered, p_.multiplier)
                                                            : RequantizeSingle(centered, p_.multiplier);
    const double sum = double{static_cast<double>(scaled)} + p_.y_zero_point;
    return static_cast<Y>(std::min(std::max(sum, lo), hi));
  }

  RescaleParams p_;
};

bool IsQuantized(ElementType type) {
  return type == ElementType::kInt8 || type == ElementType::kUint8 || type == ElementType::kInt16 ||
         type == ElementType::kInt32;
}

}  // namespace

// from, to: int8, uint8, int16, int32 or float32, as ElementType, not both float32; numerics; count; xZeroPoint, yZeroPoint:
// int32; xScale, yScale: positive; fixed: int32[2], multiplier and exponent of the factor between integers, absent where
// numbers are real in between
void MakeRescaleStep(StepFields* fields, std::unique_ptr<Step>* step) {
  RescaleParams p = {};
  p.from = ReadElementType(fields, "from"), p.to = ReadElementType(fields, "to");
  const bool from_real = p.from == ElementType::kFloat32, to_real = p.to == ElementType::kFloat32;
  if ((!IsQuantized(p.from) && !from_real) || (!IsQuantized(p.to) && !to_real) || (from_real && to_real)) {
    fields->Fail("from", StatusCode::kShape, "expected types of which one at least is quantized");
  }
  p.numerics = static_cast<Numerics>(fields->Integer("numerics", 0, 2));
  p.count = fields->Size("count");
  p.x_zero_point = static_cast<int32_t>(fields->Integer("xZeroPoint", INT32_MIN, INT32_MAX));
  p.y_zero_point = static_cast<int32_t>(fields->Integer("yZeroPoint", INT32_MIN, INT32_MAX));
  p.x_scale = static_cast<float>(fields->Number("xScale")), p.y_scale = static_cast<float>(fields->Number("yScale"));
  if (!(p.x_scale > 0 && p.y_scale > 0)) fields->Fail("yScale", StatusCode::kQuantization, "expected positive scales");
  const bool zero_point_fits = to_real || p.to == ElementType::kInt32 ||
                               (p.y_zero_point >= (p.to == ElementType::kInt16  ? -32768
                                                   : p.to == ElementType::kInt8 ? -128
                                                                                : 0) &&
                                p.y_zero_point <= (p.to == ElementType::kInt16  ? 32767
                                                   : p.to == ElementType::kInt8 ? 127
                                                                                : 255));
  if (!zero_point_fits) fields->Fail("yZeroPoint", StatusCode::kQuantization, "expected a zero point of the output's type");
  p.multiplier = {-1, 0};
  if (fields->Has("fixed")) {
    const int32_t* fixed = fields->Int32s("fixed", 2);
    if (fixed != nullptr) p.multiplier = {fixed[0], fixed[1]};
    const bool is_integer = !from_real && !to_real && p.numerics != Numerics::kOnnx;
    if (!is_integer || p.multiplier.multiplier < 0 || p.multiplier.exponent < -31 ||
        p.multiplier.exponent > kMaxFixedPointExponent) {
      fields->Fail("fixed", StatusCode::kQuantization, "expected a factor between integers");
    }
  }
  p.x = fields->In("x", p.count, ElementBytes(p.from));
  p.y = fields->Out("y", p.count, ElementBytes(p.to));
  if (fields->ok()) *step = std::make_unique<RescaleStep>(p);
}

}  // namespace octensor
