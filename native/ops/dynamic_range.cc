#include "ops/dynamic_range.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/aligned_buffer.h"
#include "ops/float_parts.h"

namespace octensor {
namespace {

constexpr double kMeasureNanoseconds = 0.1, kQuantizeNanoseconds = 0.3;  // per element

// What one thread has seen; on a cache line of its own.
struct alignas(kAlignment) Extremes {
  float lo, hi;
};

}  // namespace

DynamicRange RangeParameters(float lo, float hi) {
  const float scale = lo == hi ? 1 : (hi - lo) / 255;
  const float zero_point = -lo / scale;
  if (std::isnan(zero_point)) return {scale, 0, false};
  return {scale, static_cast<uint8_t>(std::nearbyint(std::clamp(zero_point, 0.0f, 255.0f))), true};
}

size_t RangeScratchBytes(size_t threads) { return threads * sizeof(Extremes); }

DynamicRange MeasureRange(const FloatKernels& kernels, const float* x, size_t count, size_t threads, uint8_t* scratch) {
  auto* extremes = reinterpret_cast<Extremes*>(scratch);
  std::fill_n(extremes, threads, Extremes{0, 0});
  ForParts(threads, count, kMeasureNanoseconds * static_cast<double>(count), [&](size_t first, size_t end, size_t worker) {
    float lo = extremes[worker].lo, hi = extremes[worker].hi;
    kernels.range(x + first, end - first, &lo, &hi);
    extremes[worker] = {lo, hi};
  });
  float lo = 0, hi = 0;
  for (size_t i = 0; i < threads; ++i) {
    lo = std::min(lo, extremes[i].lo);
    hi = std::max(hi, extremes[i].hi);
  }
  return RangeParameters(lo, hi);
}

void QuantizeRange(const ElementwiseKernels& kernels, const DynamicRange& range, const float* x, size_t count, size_t threads,
                   uint8_t* y) {
  if (!range.is_real) {
    std::memset(y, 0, count);
    return;
  }
  QuantizeParams params = {};
  params.type = IntegerType::kUint8;
  params.half_even = true;
  params.scale = range.scale;
  params.zero_point = range.zero_point;
  params.lo = -static_cast<float>(range.zero_point);
  params.hi = 255 - static_cast<float>(range.zero_point);
  ForParts(threads, count, kQuantizeNanoseconds * static_cast<double>(count),
           [&](size_t first, size_t end, size_t) { kernels.quantize(params, x + first, y + first, end - first); });
}

}  // namespace octensor
