// Windows of an image, for the vectors V of float_elementwise.h: channels are lanes.
#ifndef OCTENSOR_KERNELS_FLOAT_POOL_H_
#define OCTENSOR_KERNELS_FLOAT_POOL_H_

#include "kernels/float_depthwise.h"

namespace octensor {
namespace {

template <class V, bool kPart>
OCTENSOR_INLINE void StoreLanes(float* p, size_t n, typename V::Type x) {
  if constexpr (kPart) {
    V::StorePart(p, n, x);
  } else {
    V::Store(p, x);
  }
}

template <class V, bool kAverage, bool kPart>
OCTENSOR_INLINE void PoolChannels(const FloatPoolWindow& w, size_t c, size_t n) {
  typename V::Type y = V::Set(kAverage ? 0 : -INFINITY);
  const float* row = w.x + c;
  for (size_t i = 0; i < w.rows; ++i, row += w.row_step) {
    const float* x = row;
    for (size_t j = 0; j < w.columns; ++j, x += w.depth) {
      const typename V::Type v = LoadLanes<V, kPart>(x, n);
      y = kAverage ? V::Add(y, v) : V::Max(v, y);
    }
  }
  if constexpr (kAverage) y = V::Divide(y, V::Set(static_cast<float>(w.rows * w.columns)));
  StoreLanes<V, kPart>(w.y + c, n, y);
}

template <class V, bool kAverage>
void PoolWindow(const FloatPoolWindow& w) {
  size_t c = 0;
  for (; c + V::kLanes <= w.channels; c += V::kLanes) PoolChannels<V, kAverage, false>(w, c, V::kLanes);
  if (c < w.channels) PoolChannels<V, kAverage, true>(w, c, w.channels - c);
}

// Which tap is the first of the largest is a number in a lane; then each tap takes dy where its own number stands. Taps are at
// most 2^24, exact in a float.
template <class V, bool kPart>
OCTENSOR_INLINE void MaxGradientChannels(const FloatPoolWindow& w, size_t c, size_t n) {
  typename V::Type largest = V::Set(-INFINITY), place = V::Set(-1), tap = V::Set(0);
  const typename V::Type one = V::Set(1), none = V::Set(0), dy = LoadLanes<V, kPart>(w.dy + c, n);
  const float* row = w.x + c;
  for (size_t i = 0; i < w.rows; ++i, row += w.row_step) {
    const float* x = row;
    for (size_t j = 0; j < w.columns; ++j, x += w.depth, tap = V::Add(tap, one)) {
      const typename V::Type v = LoadLanes<V, kPart>(x, n);
      place = V::Select(v, largest, tap, place);
      largest = V::Max(v, largest);
    }
  }
  tap = none;
  float* to_row = w.y + c;
  for (size_t i = 0; i < w.rows; ++i, to_row += w.row_step) {
    float* to = to_row;
    for (size_t j = 0; j < w.columns; ++j, to += w.depth, tap = V::Add(tap, one)) {
      const typename V::Type share = V::SelectAtLeast(place, tap, V::SelectAtLeast(tap, place, dy, none), none);
      StoreLanes<V, kPart>(to, n, V::Add(LoadLanes<V, kPart>(to, n), share));
    }
  }
}

template <class V>
void MaxGradient(const FloatPoolWindow& w) {
  size_t c = 0;
  for (; c + V::kLanes <= w.channels; c += V::kLanes) MaxGradientChannels<V, false>(w, c, V::kLanes);
  if (c < w.channels) MaxGradientChannels<V, true>(w, c, w.channels - c);
}

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_FLOAT_POOL_H_
