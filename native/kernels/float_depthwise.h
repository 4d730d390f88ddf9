// Depthwise convolution, for the vectors V of float_gemm.h: channels are lanes, and P neighbouring pixels are computed at once
// so that a vector of weights is loaded once for all of them. And the gradient of its weights.
#ifndef OCTENSOR_KERNELS_FLOAT_DEPTHWISE_H_
#define OCTENSOR_KERNELS_FLOAT_DEPTHWISE_H_

#include "kernels/float_gemm.h"

namespace octensor {
namespace {

template <class V, bool kPart>
OCTENSOR_INLINE typename V::Type LoadLanes(const float* p, size_t n) {
  if constexpr (kPart) return V::LoadPart(p, n);
  return V::Load(p);
}

// Windows three wide without gaps: a pixel of the input that several windows see is loaded once. Each sum takes its taps in
// the order ky, kx, as below.
template <class V, int P, int S, bool kPart>
OCTENSOR_INLINE void AddRow3(typename V::Type (&sum)[P], const float* const* x, const float* w, size_t padded, size_t c,
                             size_t n) {
  typename V::Type weight[3];
  OCTENSOR_UNROLL for (int kx = 0; kx < 3; ++kx) weight[kx] = V::Load(w + kx * padded + c);
  OCTENSOR_UNROLL for (int column = 0; column < (P - 1) * S + 3; ++column) {
    const typename V::Type value = LoadLanes<V, kPart>(x[column] + c, n);
    OCTENSOR_UNROLL for (int p = 0; p < P; ++p) {
      const int kx = column - p * S;
      if (kx >= 0 && kx < 3) sum[p] = V::MultiplyAdd(value, weight[kx], sum[p]);
    }
  }
}

template <class V, int P, bool kPart>
OCTENSOR_INLINE void AddRow(typename V::Type (&sum)[P], const FloatDepthwiseRow& row, const float* const* x, const float* w,
                            size_t padded, size_t c, size_t n) {
  for (size_t kx = 0; kx < row.kernel_width; ++kx, x += row.dilation, w += padded) {
    const typename V::Type weight = V::Load(w + c);
    OCTENSOR_UNROLL for (int p = 0; p < P; ++p) {
      sum[p] = V::MultiplyAdd(LoadLanes<V, kPart>(x[p * row.stride] + c, n), weight, sum[p]);
    }
  }
}

// One vector of channels of P pixels. S is the stride of a window three wide without gaps, or 0.
template <class V, int P, int S, bool kPart>
OCTENSOR_INLINE void Channels(const FloatDepthwiseRow& row, const Bounds<V>& bounds, size_t padded, size_t first, size_t c,
                              size_t n) {
  typename V::Type sum[P];
  const typename V::Type bias = V::Load(row.bias + c);
  OCTENSOR_UNROLL for (int p = 0; p < P; ++p) sum[p] = bias;
  const float* const* x = row.x + first * row.stride;
  const float* w = row.w;
  for (size_t ky = 0; ky < row.kernel_height; ++ky, x += row.pitch, w += row.kernel_width * padded) {
    if constexpr (S == 0) {
      AddRow<V, P, kPart>(sum, row, x, w, padded, c, n);
    } else {
      AddRow3<V, P, S, kPart>(sum, x, w, padded, c, n);
    }
  }
  float* y = row.y + first * row.y_step + c;
  OCTENSOR_UNROLL for (int p = 0; p < P; ++p) {
    if constexpr (kPart) {
      V::StorePart(y + p * row.y_step, n, bounds.Clamp(sum[p]));
    } else {
      V::Store(y + p * row.y_step, bounds.Clamp(sum[p]));
    }
  }
}

template <class V, int P, int S>
OCTENSOR_INLINE void Pixels(const FloatDepthwiseRow& row, const Bounds<V>& bounds, size_t first) {
  const size_t whole = row.channels / V::kLanes * V::kLanes, rest = row.channels - whole;
  const size_t padded = rest == 0 ? whole : whole + V::kLanes;
  for (size_t c = 0; c < whole; c += V::kLanes) Channels<V, P, S, false>(row, bounds, padded, first, c, V::kLanes);
  if (rest > 0) Channels<V, P, S, true>(row, bounds, padded, first, whole, rest);
}

template <class V, int S>
void AllPixels(const FloatDepthwiseRow& row) {
  constexpr int kPixels = V::kDepthwisePixels;
  const Bounds<V> bounds(row.bounds);
  size_t p = 0;
  for (; p + kPixels <= row.pixels; p += kPixels) Pixels<V, kPixels, S>(row, bounds, p);
  if constexpr (kPixels > 4) {
    for (; p + 4 <= row.pixels; p += 4) Pixels<V, 4, S>(row, bounds, p);
  }
  for (; p + 2 <= row.pixels; p += 2) Pixels<V, 2, S>(row, bounds, p);
  if (p < row.pixels) Pixels<V, 1, S>(row, bounds, p);
}

template <class V>
void Depthwise(const FloatDepthwiseRow& row) {
  const bool is_three_wide = row.kernel_width == 3 && row.dilation == 1;
  if (is_three_wide && row.stride == 1) return AllPixels<V, 1>(row);
  if (is_three_wide && row.stride == 2) return AllPixels<V, 2>(row);
  return AllPixels<V, 0>(row);
}

// T taps of one vector of channels, each a chain of its own. Columns are where the taps see the first pixel.
template <class V, int T, bool kPart>
OCTENSOR_INLINE void AddTaps(const FloatDepthwiseGradientRow& row, size_t first_tap, size_t c, size_t n) {
  typename V::Type sum[T];
  const float* const* column[T];
  OCTENSOR_UNROLL for (int t = 0; t < T; ++t) {
    const size_t tap = first_tap + static_cast<size_t>(t);
    sum[t] = V::Set(0);
    column[t] = row.x + tap / row.kernel_width * row.pitch + tap % row.kernel_width * row.dilation;
  }
  for (size_t p = 0, at = 0; p < row.pixels; ++p, at += row.stride) {
    const typename V::Type dy = LoadLanes<V, kPart>(row.dy + p * row.channels + c, n);
    OCTENSOR_UNROLL for (int t = 0; t < T; ++t) {
      sum[t] = V::MultiplyAdd(LoadLanes<V, kPart>(column[t][at] + c, n), dy, sum[t]);
    }
  }
  float* dw = row.dw + first_tap * row.channels + c;
  OCTENSOR_UNROLL for (int t = 0; t < T; ++t, dw += row.channels) {
    const typename V::Type y = V::Add(sum[t], LoadLanes<V, kPart>(dw, n));
    if constexpr (kPart) {
      V::StorePart(dw, n, y);
    } else {
      V::Store(dw, y);
    }
  }
}

template <class V, int T>
void AddAllChannels(const FloatDepthwiseGradientRow& row, size_t first_tap) {
  const size_t whole = row.channels / V::kLanes * V::kLanes;
  for (size_t c = 0; c < whole; c += V::kLanes) AddTaps<V, T, false>(row, first_tap, c, V::kLanes);
  if (whole < row.channels) AddTaps<V, T, true>(row, first_tap, whole, row.channels - whole);
}

// A window of three by three with stride 1 and no gaps: each pixel of x is loaded once for the three outputs that see it. The
// dy of output p is in dy[p % 3]. Each sum takes its products in the order of p, as above.
template <class V, bool kPart>
struct Taps3x3 {
  const FloatDepthwiseGradientRow& row;
  size_t c, n;
  typename V::Type sum[9], dy[3];

  OCTENSOR_INLINE void LoadOutput(size_t p, int phase) {
    dy[phase % 3] = LoadLanes<V, kPart>(row.dy + p * row.channels + c, n);
  }

  // Adds a column of x to the sums of the outputs kx columns before it, kx from `first` to `last`; phase is the column
  // modulo 3.
  OCTENSOR_INLINE void AddColumn(size_t column, int phase, int first, int last) {
    OCTENSOR_UNROLL for (int ky = 0; ky < 3; ++ky) {
      const typename V::Type x = LoadLanes<V, kPart>(row.x[static_cast<size_t>(ky) * row.pitch + column] + c, n);
      OCTENSOR_UNROLL for (int kx = first; kx <= last; ++kx) {
        sum[ky * 3 + kx] = V::MultiplyAdd(x, dy[(phase + 3 - kx) % 3], sum[ky * 3 + kx]);
      }
    }
  }

  // The two columns after the last output.
  OCTENSOR_INLINE void AddEnd(int phase) {
    AddColumn(row.pixels, phase, 1, 2);
    AddColumn(row.pixels + 1, phase + 1, 2, 2);
  }

  // Of two outputs or more.
  OCTENSOR_INLINE void AddRow() {
    OCTENSOR_UNROLL for (int t = 0; t < 9; ++t) sum[t] = V::Set(0);
    LoadOutput(0, 0);
    AddColumn(0, 0, 0, 0);
    LoadOutput(1, 1);
    AddColumn(1, 1, 0, 1);
    size_t p = 2;
    for (; p + 3 <= row.pixels; p += 3) {
      OCTENSOR_UNROLL for (int i = 0; i < 3; ++i) {
        LoadOutput(p + static_cast<size_t>(i), 2 + i);
        AddColumn(p + static_cast<size_t>(i), 2 + i, 0, 2);
      }
    }
    if (p == row.pixels) return AddEnd(2);
    LoadOutput(p, 2);
    AddColumn(p, 2, 0, 2);
    if (++p == row.pixels) return AddEnd(3);
    LoadOutput(p, 3);
    AddColumn(p, 3, 0, 2);
    AddEnd(4);
  }

  OCTENSOR_INLINE void AddToWeights() {
    float* dw = row.dw + c;
    OCTENSOR_UNROLL for (int t = 0; t < 9; ++t, dw += row.channels) {
      const typename V::Type y = V::Add(sum[t], LoadLanes<V, kPart>(dw, n));
      if constexpr (kPart) {
        V::StorePart(dw, n, y);
      } else {
        V::Store(dw, y);
      }
    }
  }
};

template <class V, bool kPart>
OCTENSOR_INLINE void AddTaps3x3(const FloatDepthwiseGradientRow& row, size_t c, size_t n) {
  Taps3x3<V, kPart> taps = {row, c, n, {}, {}};
  taps.AddRow();
  taps.AddToWeights();
}

// Nine taps at once, a window of three by three: more chains than the latency of an addition needs.
template <class V>
void DepthwiseGradient(const FloatDepthwiseGradientRow& row) {
  const size_t taps = row.kernel_height * row.kernel_width;
  if (row.kernel_height == 3 && row.kernel_width == 3 && row.stride == 1 && row.dilation == 1 && row.pixels >= 2) {
    const size_t whole = row.channels / V::kLanes * V::kLanes;
    for (size_t c = 0; c < whole; c += V::kLanes) AddTaps3x3<V, false>(row, c, V::kLanes);
    if (whole < row.channels) AddTaps3x3<V, true>(row, whole, row.channels - whole);
    return;
  }
  size_t tap = 0;
  for (; tap + 9 <= taps; tap += 9) AddAllChannels<V, 9>(row, tap);
  for (; tap + 4 <= taps; tap += 4) AddAllChannels<V, 4>(row, tap);
  for (; tap < taps; ++tap) AddAllChannels<V, 1>(row, tap);
}

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_FLOAT_DEPTHWISE_H_
