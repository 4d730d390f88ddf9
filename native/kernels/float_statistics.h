// What calibration asks of a value, for the vectors V of float_elementwise.h. Comparisons, powers of two and whole numbers: the
// same on every instruction set.
#ifndef OCTENSOR_KERNELS_FLOAT_STATISTICS_H_
#define OCTENSOR_KERNELS_FLOAT_STATISTICS_H_

#include "kernels/float_functions.h"
#include "kernels/float_rows.h"

namespace octensor {
namespace {

// x - x is 0 for numbers, and NaN for NaN and for infinities, which no sum loses.
template <class V>
bool Extent(const float* x, size_t n, float* lo, float* hi) {
  constexpr int kChains = 4;
  typename V::Type low[kChains], high[kChains], faults[kChains];
  OCTENSOR_UNROLL for (int c = 0; c < kChains; ++c) {
    low[c] = V::Set(*lo);
    high[c] = V::Set(*hi);
    faults[c] = V::Set(0);
  }
  size_t i = 0;
  for (; i + kChains * V::kLanes <= n; i += kChains * V::kLanes) {
    OCTENSOR_UNROLL for (int c = 0; c < kChains; ++c) {
      const typename V::Type v = V::Load(x + i + static_cast<size_t>(c) * V::kLanes);
      low[c] = V::Min(v, low[c]);
      high[c] = V::Max(v, high[c]);
      faults[c] = V::Add(faults[c], V::Subtract(v, v));
    }
  }
  float lows[V::kLanes], highs[V::kLanes], sums[V::kLanes];
  V::Store(lows, V::Min(V::Min(low[0], low[1]), V::Min(low[2], low[3])));
  V::Store(highs, V::Max(V::Max(high[0], high[1]), V::Max(high[2], high[3])));
  V::Store(sums, V::Add(V::Add(faults[0], faults[1]), V::Add(faults[2], faults[3])));
  float fault = 0;
  for (int lane = 0; lane < V::kLanes; ++lane) {
    *lo = lows[lane] < *lo ? lows[lane] : *lo;
    *hi = highs[lane] > *hi ? highs[lane] : *hi;
    fault += sums[lane];
  }
  for (; i < n; ++i) {
    *lo = x[i] < *lo ? x[i] : *lo;
    *hi = x[i] > *hi ? x[i] : *hi;
    fault += x[i] - x[i];
  }
  return fault == 0;
}

// Both products are exact where the result is 1 or more: what falls below the smallest float on the way stays below 1.
template <class V>
OCTENSOR_INLINE typename V::Type BinOf(typename V::Type x, const FloatBins& bins) {
  const typename V::Type size = V::Abs(x), zero = V::Set(0);
  const typename V::Type bin = V::Floor(V::Multiply(V::Multiply(size, V::Set(bins.first)), V::Set(bins.second)));
  const typename V::Type below = V::Subtract(V::Set(bins.base - 1), bin), above = V::Add(bin, V::Set(bins.base));
  return V::Select(size, zero, V::Select(zero, x, below, above), V::Set(bins.zero));
}

template <class V>
void Bins(const float* x, size_t n, FloatBins bins, float* y) {
  size_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) V::Store(y + i, BinOf<V>(V::Load(x + i), bins));
  if (i < n) V::StorePart(y + i, n - i, BinOf<V>(V::LoadPart(x + i, n - i), bins));
}

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_FLOAT_STATISTICS_H_
