#include "ops/hybrid_rows.h"

#include <algorithm>
#include <cmath>

namespace octensor {
namespace {

HybridBatch MeasureSymmetric(float min, float max) {
  const float range = std::max(-min, max);
  if (range == 0) return {1, 0, 0, -127};
  return {range / 127, 127 / range, 0, -127};
}

HybridBatch MeasureAsymmetric(double min, double max) {
  if (min == max) return {1, 0, 0, -128};
  const double exact = (max - min) / 255;
  const auto scale = static_cast<float>(exact);
  // The end of the range at which the zero point is more exact decides.
  const bool from_min = 128 + std::fabs(min / exact) < 127 + std::fabs(max / exact);
  const double real = from_min ? -128 - min / exact : 127 - max / exact;
  // Of an infinite range nothing is left: all elements count as 0.
  if (std::isnan(real)) return {scale, 0, 0, -128};
  return {scale, 1 / scale, static_cast<int32_t>(std::clamp(std::round(real), -128.0, 127.0)), -128};
}

}  // namespace

HybridBatch MeasureHybridBatch(const float* x, size_t count, bool is_asymmetric) {
  constexpr size_t kLanes = 16;  // chains of comparisons that do not wait for each other
  float lows[kLanes] = {}, highs[kLanes] = {};
  const auto compare = [&](const float* values, size_t lanes) {
    for (size_t lane = 0; lane < lanes; ++lane) {
      lows[lane] = values[lane] < lows[lane] ? values[lane] : lows[lane];
      highs[lane] = values[lane] > highs[lane] ? values[lane] : highs[lane];
    }
  };
  const size_t whole = count / kLanes * kLanes;
  for (size_t i = 0; i < whole; i += kLanes) compare(x + i, kLanes);
  compare(x + whole, count - whole);
  const float min = *std::min_element(lows, lows + kLanes), max = *std::max_element(highs, highs + kLanes);
  return is_asymmetric ? MeasureAsymmetric(min, max) : MeasureSymmetric(min, max);
}

}  // namespace octensor
