// The GEMM tile of every ISA's float kernel: MR rows by NV vectors of accumulators a panel. V is that ISA's vectors:
//
//   V::Type, V::kLanes                           a vector of floats, and how many
//   V::Load(p), V::Store(p, x)                   unaligned
//   V::LoadPart(p, n), V::StorePart(p, n, x)     the first n < kLanes lanes; nothing past them is touched, loaded lanes are 0
//   V::Set(float), V::MultiplyAdd(a, b, sum)
//   V::Max(a, b), V::Min(a, b)                   a > b ? a : b and a < b ? a : b, so that a NaN in b stays
//   V::kChains                                   rows whose sums (two vectors each) hide the latency of an addition
//   V::kGroup                                    k's that AddGroup takes at once, or 1
#ifndef OCTENSOR_KERNELS_FLOAT_GEMM_H_
#define OCTENSOR_KERNELS_FLOAT_GEMM_H_

#include <math.h>

#include "kernels/float.h"
#include "kernels/inline.h"

namespace octensor {
namespace {

// FloatBounds as vectors. Adding `zero` makes +0 of -0 where lo is 0, as Math.max does; -0 adds nothing to anything.
template <class V>
struct Bounds {
  typename V::Type lo, hi, zero;

  explicit OCTENSOR_INLINE Bounds(const FloatBounds& bounds)
      : lo(V::Set(bounds.lo)), hi(V::Set(bounds.hi)), zero(V::Set(bounds.lo == 0 ? 0.0f : -0.0f)) {}
  OCTENSOR_INLINE typename V::Type Clamp(typename V::Type x) const { return V::Add(V::Min(hi, V::Max(lo, x)), zero); }
};

// The sums of one k: column vectors stay in registers, elements of A are broadcast.
template <class V, int MR, int NV>
OCTENSOR_INLINE void AddK(typename V::Type (&sum)[MR][NV], const float* const (&a)[MR], size_t k,
                          const typename V::Type (&b)[NV]) {
  OCTENSOR_UNROLL for (int i = 0; i < MR; ++i) {
    const typename V::Type x = V::Set(a[i][k]);
    OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) sum[i][v] = V::MultiplyAdd(x, b[v], sum[i][v]);
  }
}

// NP panels of NV vectors at once.
template <class V, int MR, int NV, int NP>
OCTENSOR_INLINE void Panels(const FloatTile& tile, const float* panel, size_t j) {
  constexpr int kVectors = NV * NP;
  typename V::Type sum[MR][kVectors];
  OCTENSOR_UNROLL for (int v = 0; v < kVectors; ++v) {
    const typename V::Type bias = V::Load(tile.bias + j + V::kLanes * v);
    OCTENSOR_UNROLL for (int i = 0; i < MR; ++i) sum[i][v] = bias;
  }
  const float* b = panel;
  for (size_t t = 0; t < tile.taps; ++t) {
    const float* a[MR];
    OCTENSOR_UNROLL for (int i = 0; i < MR; ++i) a[i] = tile.a[i] + tile.tap_offsets[t];
    size_t k = 0;
    if constexpr (V::kGroup > 1 && NP == 1) {
      for (; k + V::kGroup <= tile.k; k += V::kGroup, b += V::kGroup * V::kLanes * NV)
        V::template AddGroup<MR, NV>(sum, a, k, b);
    }
    for (; k < tile.k; ++k, b += V::kLanes * NV) {
      typename V::Type column[kVectors];
      OCTENSOR_UNROLL for (int v = 0; v < kVectors; ++v) column[v] =
          V::Load(b + (v / NV) * tile.b_panel + V::kLanes * (v % NV));
      AddK<V, MR, kVectors>(sum, a, k, column);
    }
  }
  if (tile.bounds.lo > -INFINITY || tile.bounds.hi < INFINITY) {
    const Bounds<V> bounds(tile.bounds);
    OCTENSOR_UNROLL for (int i = 0; i < MR; ++i) {
      OCTENSOR_UNROLL for (int v = 0; v < kVectors; ++v) sum[i][v] = bounds.Clamp(sum[i][v]);
    }
  }
  OCTENSOR_UNROLL for (int i = 0; i < MR; ++i) {
    float* c = tile.c + i * tile.c_stride + j;
    OCTENSOR_UNROLL for (int v = 0; v < kVectors; ++v) {
      const typename V::Type y = sum[i][v];
      const size_t first = j + V::kLanes * v;
      if (first + V::kLanes <= tile.n) {
        V::Store(c + V::kLanes * v, y);
      } else if (first < tile.n) {
        V::StorePart(c + V::kLanes * v, tile.n - first, y);
      }
    }
  }
}

// All panels of a tile of MR rows; a panel is two vectors wide, the last one may be one. A tile of few rows takes several
// panels at once, for else the chains of additions, not the multiplier, would set the pace.
template <class V, int MR>
void Rows(const FloatTile& tile) {
  constexpr int kAtOnce = MR >= V::kChains ? 1 : MR * 2 >= V::kChains ? 2 : 4;
  constexpr size_t kPanel = 2 * V::kLanes;
  const float* b = tile.b;
  size_t j = 0;
  if constexpr (kAtOnce > 1) {
    for (; j + kAtOnce * kPanel <= tile.n; j += kAtOnce * kPanel, b += kAtOnce * tile.b_panel) {
      Panels<V, MR, 2, kAtOnce>(tile, b, j);
    }
  }
  for (; j < tile.n; j += kPanel, b += tile.b_panel) {
    if (tile.n - j > V::kLanes) {
      Panels<V, MR, 2, 1>(tile, b, j);
    } else {
      Panels<V, MR, 1, 1>(tile, b, j);
    }
  }
}

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_FLOAT_GEMM_H_
