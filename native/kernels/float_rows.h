// Functions along a row: what softmax, normalizations and dynamic quantization are made of. For the vectors V of
// float_elementwise.h. Sums have chains of additions of their own for each lane of four vectors.
#ifndef OCTENSOR_KERNELS_FLOAT_ROWS_H_
#define OCTENSOR_KERNELS_FLOAT_ROWS_H_

#include "kernels/float_functions.h"

namespace octensor {
namespace {

// Adds up the lanes of term(i, the vector of elements from i on) that are inside the row.
template <class V, typename Term>
OCTENSOR_INLINE float SumRow(const float* x, size_t n, const Term& term) {
  constexpr int kChains = 4;
  typename V::Type sums[kChains];
  OCTENSOR_UNROLL for (int c = 0; c < kChains; ++c) sums[c] = V::Set(0);
  size_t i = 0;
  for (; i + kChains * V::kLanes <= n; i += kChains * V::kLanes) {
    OCTENSOR_UNROLL for (int c = 0; c < kChains; ++c) {
      const size_t at = i + static_cast<size_t>(c) * V::kLanes;
      sums[c] = V::Add(sums[c], term(at, V::Load(x + at)));
    }
  }
  for (; i + V::kLanes <= n; i += V::kLanes) sums[0] = V::Add(sums[0], term(i, V::Load(x + i)));
  float lanes[V::kLanes], sum = 0;
  if (i < n) {
    V::Store(lanes, term(i, V::LoadPart(x + i, n - i)));
    for (size_t lane = 0; lane < n - i; ++lane) sum += lanes[lane];
  }
  V::Store(lanes, V::Add(V::Add(sums[0], sums[1]), V::Add(sums[2], sums[3])));
  OCTENSOR_UNROLL for (int lane = 0; lane < V::kLanes; ++lane) sum += lanes[lane];
  return sum;
}

template <class V>
float Sum(const float* x, size_t n) {
  return SumRow<V>(x, n, [](size_t, typename V::Type v) { return v; });
}

template <class V>
float Squares(const float* x, size_t n, float mean) {
  const typename V::Type means = V::Set(mean);
  return SumRow<V>(x, n, [means](size_t, typename V::Type v) {
    const typename V::Type d = V::Subtract(v, means);
    return V::Multiply(d, d);
  });
}

template <class V>
float ExpSum(const float* x, size_t n, float max, float beta, float* y) {
  const typename V::Type maxima = V::Set(max), factor = V::Set(beta);
  return SumRow<V>(x, n, [=](size_t i, typename V::Type v) {
    const typename V::Type e = Exp<V>(V::Multiply(V::Subtract(v, maxima), factor));
    if (i + V::kLanes <= n) {
      V::Store(y + i, e);
    } else {
      V::StorePart(y + i, n - i, e);
    }
    return e;
  });
}

template <class V>
void Range(const float* x, size_t n, float* lo, float* hi) {
  constexpr int kChains = 4;
  typename V::Type low[kChains], high[kChains];
  OCTENSOR_UNROLL for (int c = 0; c < kChains; ++c) {
    low[c] = V::Set(*lo);
    high[c] = V::Set(*hi);
  }
  size_t i = 0;
  for (; i + kChains * V::kLanes <= n; i += kChains * V::kLanes) {
    OCTENSOR_UNROLL for (int c = 0; c < kChains; ++c) {
      const typename V::Type v = V::Load(x + i + static_cast<size_t>(c) * V::kLanes);
      low[c] = V::Min(v, low[c]);  // of a NaN and a number: the second operand
      high[c] = V::Max(v, high[c]);
    }
  }
  for (; i + V::kLanes <= n; i += V::kLanes) {
    low[0] = V::Min(V::Load(x + i), low[0]);
    high[0] = V::Max(V::Load(x + i), high[0]);
  }
  float lows[V::kLanes], highs[V::kLanes];
  V::Store(lows, V::Min(V::Min(low[0], low[1]), V::Min(low[2], low[3])));
  V::Store(highs, V::Max(V::Max(high[0], high[1]), V::Max(high[2], high[3])));
  for (int lane = 0; lane < V::kLanes; ++lane) {
    *lo = lows[lane] < *lo ? lows[lane] : *lo;
    *hi = highs[lane] > *hi ? highs[lane] : *hi;
  }
  for (; i < n; ++i) {
    *lo = x[i] < *lo ? x[i] : *lo;
    *hi = x[i] > *hi ? x[i] : *hi;
  }
}

template <class V>
void Normalize(const float* x, size_t n, float mean, float inverse, const float* scale, const float* bias, float* y) {
  const typename V::Type means = V::Set(mean), factor = V::Set(inverse);
  const auto finish = [=](typename V::Type v, typename V::Type s, typename V::Type b) {
    return V::MultiplyAdd(V::Multiply(V::Subtract(v, means), factor), s, b);
  };
  size_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) V::Store(y + i, finish(V::Load(x + i), V::Load(scale + i), V::Load(bias + i)));
  if (i == n) return;
  const size_t left = n - i;
  V::StorePart(y + i, left, finish(V::LoadPart(x + i, left), V::LoadPart(scale + i, left), V::LoadPart(bias + i, left)));
}

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_FLOAT_ROWS_H_
