// The tile of products whose rows of A lie side by side, for the vectors V of float_gemm.h: a row of B is loaded where it
// stands, elements of A are broadcast from neighbouring addresses, and nothing is packed.
#ifndef OCTENSOR_KERNELS_FLOAT_OUTER_H_
#define OCTENSOR_KERNELS_FLOAT_OUTER_H_

#include "kernels/float.h"
#include "kernels/inline.h"

namespace octensor {
namespace {

// NV vectors of columns, of which the last has `last` lanes.
template <class V, int NV, bool kPart>
OCTENSOR_INLINE void LoadColumns(const float* p, size_t last, typename V::Type (&x)[NV]) {
  OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) {
    if constexpr (kPart) {
      x[v] = v == NV - 1 ? V::LoadPart(p + V::kLanes * v, last) : V::Load(p + V::kLanes * v);
    } else {
      x[v] = V::Load(p + V::kLanes * v);
    }
  }
}

template <class V, int MR, int NV, bool kPart>
OCTENSOR_INLINE void OuterColumns(const FloatOuterTile& tile, size_t j, size_t last) {
  typename V::Type sum[MR][NV], column[NV];
  OCTENSOR_UNROLL for (int i = 0; i < MR; ++i) { OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) sum[i][v] = V::Set(0); }
  const float* b = tile.b + j;
  for (size_t t = 0; t < tile.taps; ++t) {
    const float* a = tile.a + tile.tap_offsets[t];
    for (size_t k = 0; k < tile.k; ++k, a += tile.a_step, b += tile.b_step) {
      // GCC 12 makes vectors of two k's of plain C++, and reads one k too many where their number is odd.
      OCTENSOR_FORGET(a);
      LoadColumns<V, NV, kPart>(b, last, column);
      OCTENSOR_UNROLL for (int i = 0; i < MR; ++i) {
        const typename V::Type x = V::Set(a[i]);
        OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) sum[i][v] = V::MultiplyAdd(x, column[v], sum[i][v]);
      }
    }
  }
  float* c = tile.c + j;
  OCTENSOR_UNROLL for (int i = 0; i < MR; ++i, c += tile.c_stride) {
    if (tile.adds) {
      LoadColumns<V, NV, kPart>(c, last, column);
      OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) sum[i][v] = V::Add(column[v], sum[i][v]);
    }
    OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) {
      if (kPart && v == NV - 1) {
        V::StorePart(c + V::kLanes * v, last, sum[i][v]);
      } else {
        V::Store(c + V::kLanes * v, sum[i][v]);
      }
    }
  }
}

template <class V, int MR>
void OuterRows(const FloatOuterTile& tile) {
  constexpr size_t kLanes = V::kLanes;
  size_t j = 0;
  for (; j + 2 * kLanes <= tile.n; j += 2 * kLanes) OuterColumns<V, MR, 2, false>(tile, j, kLanes);
  const size_t left = tile.n - j;
  if (left == 0) return;
  if (left < kLanes) return OuterColumns<V, MR, 1, true>(tile, j, left);
  if (left == kLanes) return OuterColumns<V, MR, 1, false>(tile, j, kLanes);
  OuterColumns<V, MR, 2, true>(tile, j, left - kLanes);
}

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_FLOAT_OUTER_H_
