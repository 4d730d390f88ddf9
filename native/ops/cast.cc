// y = x in another type, to the bit as lib/ops/cast.ts: reals to integers are truncated and saturate, integers wrap.
#include <cmath>
#include <limits>
#include <memory>
#include <type_traits>

#include "ops/element_type.h"
#include "ops/parallel.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kMinPart = size_t{1} << 15;  // elements

// Exact.
double FromFloat16(Float16 x) {
  const double sign = x.bits & 0x8000 ? -1 : 1;
  const int exponent = x.bits >> 10 & 0x1f, fraction = x.bits & 0x3ff;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  if (exponent == 0x1f) return fraction == 0 ? sign * HUGE_VAL : std::nan("");
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

// The nearest, ties to even.
Float16 ToFloat16(double x) {
  if (std::isnan(x)) return {0x7e00};
  const int sign = std::signbit(x) ? 0x8000 : 0;
  const double magnitude = std::fabs(x);
  if (magnitude >= 65520) return {static_cast<uint16_t>(sign | 0x7c00)};
  if (magnitude < 0x1p-14) return {static_cast<uint16_t>(sign | static_cast<int>(std::nearbyint(magnitude * 0x1p24)))};
  int exponent;
  std::frexp(magnitude, &exponent);
  --exponent;
  const int significand = static_cast<int>(std::nearbyint(std::ldexp(magnitude, 10 - exponent)));
  return {static_cast<uint16_t>(sign | (((exponent + 15) << 10) + significand - 1024))};
}

template <typename X, typename Y>
Y Converted(X x) {
  if constexpr (std::is_same<X, Float16>::value) {
    return Converted<double, Y>(FromFloat16(x));
  } else if constexpr (std::is_same<X, Bool>::value) {
    return Converted<uint8_t, Y>(x.value);
  } else if constexpr (std::is_same<Y, Bool>::value) {
    return {static_cast<uint8_t>(x != 0)};
  } else if constexpr (std::is_same<Y, Float16>::value) {
    return ToFloat16(static_cast<double>(x));
  } else if constexpr (std::is_floating_point<X>::value && std::is_integral<Y>::value) {
    using Limits = std::numeric_limits<Y>;
    if (x != x) return 0;
    // 2^63 - 1 and 2^64 - 1 become the powers of 2 above them
    const double real = static_cast<double>(x);
    if (real >= static_cast<double>(Limits::max())) return Limits::max();
    return real <= static_cast<double>(Limits::min()) ? Limits::min() : static_cast<Y>(real);
  } else {
    return static_cast<Y>(x);
  }
}

class CastStep : public Step {
 public:
  CastStep(ElementType from, ElementType to, size_t count, Place x, Place y)
      : from_(from), to_(to), count_(count), x_(x), y_(y) {}

  void Run(const RunMemory& memory) const override {
    WithElementType(from_, [&](auto source) {
      using X = decltype(source);
      WithElementType(to_, [&](auto target) {
        using Y = decltype(target);
        const X* x = memory.In<X>(x_);
        Y* y = memory.Out<Y>(y_);
        RunParts(memory, count_, kMinPart, [&](size_t first, size_t end) {
          for (size_t i = first; i < end; ++i) y[i] = Converted<X, Y>(x[i]);
        });
      });
    });
  }

 private:
  ElementType from_, to_;
  size_t count_;
  Place x_, y_;
};

}  // namespace

// x: count elements of the type `from`, as ElementType; y: of `to`
void MakeCastStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const ElementType from = ReadElementType(fields, "from"), to = ReadElementType(fields, "to");
  const size_t count = fields->Size("count");
  const Place x = fields->In("x", count, ElementBytes(from)), y = fields->Out("y", count, ElementBytes(to));
  if (fields->ok()) *step = std::make_unique<CastStep>(from, to, count, x, y);
}

}  // namespace octensor
