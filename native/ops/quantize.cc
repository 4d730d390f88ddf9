// float32 to 8 or 16 bits: round(x / scale) + zero point, saturated; NaN is a real 0. The division is float32.
#include <cstdint>
#include <memory>

#include "kernels/kernel.h"
#include "ops/parallel.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kMinPart = size_t{1} << 14;

enum class IntegerType { kInt8, kUint8, kInt16 };

struct QuantizeParams {
  float scale;
  int32_t zero_point;
  float lo, hi;  // of the quotient: the type's limits less the zero point
};

// Branches would keep the compiler from vectorising; a NaN is not equal to itself.
inline float Quotient(float x, const QuantizeParams& p) {
  float q = x / p.scale;
  q = q < p.lo ? p.lo : q;
  q = q > p.hi ? p.hi : q;
  return q == q ? q : 0.0f;
}

// |q| < 2^17.
struct HalfAway {
  static int32_t Round(float q) {
    const auto whole = static_cast<int32_t>(q);
    const float rest = q - static_cast<float>(whole);  // exact
    return whole + (rest >= 0.5f ? 1 : 0) - (rest <= -0.5f ? 1 : 0);
  }
};

struct HalfEven {
  static int32_t Round(float q) {
    constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23: between 2^23 and 2^24 floats are integers
    return static_cast<int32_t>((q + kMagic) - kMagic);
  }
};

template <typename Rounding, typename T>
void QuantizeAll(const QuantizeParams& p, const float* __restrict x, T* __restrict y, size_t n) {
  for (size_t i = 0; i < n; ++i) y[i] = static_cast<T>(Rounding::Round(Quotient(x[i], p)) + p.zero_point);
}

class QuantizeStep : public Step {
 public:
  QuantizeStep(Place x, Place y, size_t count, IntegerType type, bool half_even, const QuantizeParams& params)
      : x_(x), y_(y), count_(count), type_(type), half_even_(half_even), params_(params) {}

  void Run(const RunMemory& memory) const override {
    switch (type_) {
      case IntegerType::kInt8:
        return RunAs<int8_t>(memory);
      case IntegerType::kUint8:
        return RunAs<uint8_t>(memory);
      case IntegerType::kInt16:
        return RunAs<int16_t>(memory);
    }
  }

 private:
  template <typename T>
  void RunAs(const RunMemory& memory) const {
    const float* x = memory.In<float>(x_);
    T* y = memory.Out<T>(y_);
    RunParts(memory, count_, kMinPart, [&](size_t first, size_t end) {
      if (half_even_) {
        QuantizeAll<HalfEven>(params_, x + first, y + first, end - first);
      } else {
        QuantizeAll<HalfAway>(params_, x + first, y + first, end - first);
      }
    });
  }

  Place x_, y_;
  size_t count_;
  IntegerType type_;
  bool half_even_;
  QuantizeParams params_;
};

}  // namespace

// x: float32[count]; y: type 0 int8, 1 uint8, 2 int16 [count]; scale: a float32 above 0; zeroPoint; numerics
void MakeQuantizeStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const size_t count = fields->Size("count");
  const auto type = static_cast<IntegerType>(fields->Integer("type", 0, 2));
  const bool half_even = static_cast<Numerics>(fields->Integer("numerics", 0, 2)) == Numerics::kOnnx;
  const int32_t min = type == IntegerType::kInt8 ? -128 : type == IntegerType::kUint8 ? 0 : -32768;
  const int32_t max = type == IntegerType::kInt8 ? 127 : type == IntegerType::kUint8 ? 255 : 32767;
  QuantizeParams params;
  params.zero_point = static_cast<int32_t>(fields->Integer("zeroPoint", min, max));
  params.lo = static_cast<float>(min - params.zero_point);
  params.hi = static_cast<float>(max - params.zero_point);
  params.scale = static_cast<float>(fields->Number("scale"));
  if (!(params.scale > 0)) fields->Fail("scale", StatusCode::kQuantization, "expected a scale above 0 as a float32");
  const Place x = fields->In("x", count, sizeof(float)), y = fields->Out("y", count, type == IntegerType::kInt16 ? 2 : 1);
  if (fields->ok()) *step = std::make_unique<QuantizeStep>(x, y, count, type, half_even, params);
}

}  // namespace octensor
