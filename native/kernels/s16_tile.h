// GEMM tiles on vpmaddwd, for any width of register: exact 8-bit multiplication without VNNI.
//
// Both operands are 8-bit values widened to 16 bits, |a| and |b| <= 255, so vpmaddwd's sum of two products is exact (the 8-bit
// vpmaddubsw would saturate at 16 bits). V describes the registers:
//   V::Sum                          a register of int32
//   V::kLanes                       how many of them
//   V::Load(const int16_t*)         kLanes columns, two k's each
//   V::Broadcast(int32_t pair)      two k's of a row, in every lane
//   V::Multiply(a, b), V::Add(x, y), V::Init(const int32_t*), V::Zero()
//   V::Store(acc[MR][NV], tile, j)  the epilogue
#ifndef OCTENSOR_KERNELS_S16_TILE_H_
#define OCTENSOR_KERNELS_S16_TILE_H_

#include <string.h>

#include "kernels/inline.h"
#include "kernels/kernel.h"

namespace octensor {
namespace {

OCTENSOR_INLINE int32_t PairAt(const int16_t* a) {
  int32_t pair;
  memcpy(&pair, a, sizeof(pair));
  return pair;
}

// The last value of a row of odd K: nothing past it is read, its partner is 0.
OCTENSOR_INLINE int32_t LastAt(const int16_t* a) { return static_cast<uint16_t>(*a); }

template <class V, bool kLast, int MR, int NV>
OCTENSOR_INLINE void AddStep(typename V::Sum (&acc)[MR][NV], const int16_t* const (&a)[MR], ptrdiff_t k, const int16_t* b) {
  typename V::Sum column[NV];
  OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) column[v] = V::Load(b + 2 * V::kLanes * v);
  OCTENSOR_UNROLL for (int i = 0; i < MR; ++i) {
    const typename V::Sum pair = V::Broadcast(kLast ? LastAt(a[i] + k) : PairAt(a[i] + k));
    // Products first, then sums: on cores whose adders share the multipliers' ports this order is the faster one.
    typename V::Sum product[NV];
    OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) product[v] = V::Multiply(pair, column[v]);
    OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) acc[i][v] = V::Add(acc[i][v], product[v]);
  }
}

// One panel of kLanes * NV columns. A tile of few rows spreads consecutive steps of k over accumulators of their own, for else
// the chains of additions, not the multiplier, would set the pace. (A larger tile gains nothing from unrolling, and the
// compiler, which may reassociate the sums, then keeps more products alive than there are registers.)
//
// kS16 carries no zero points, so tile.row_term is always null.
template <class V, int MR, int NV>
OCTENSOR_INLINE void Panel(const GemmTile& tile, const int16_t* b, size_t j) {
  constexpr int kChains = MR <= 2 ? V::kLanes / (MR * NV) : 1;
  constexpr int kStep = 2 * V::kLanes * NV;  // of b, for two k's
  const int16_t* a[MR];
  typename V::Sum acc[kChains][MR][NV];
  OCTENSOR_UNROLL for (int i = 0; i < MR; ++i) {
    a[i] = static_cast<const int16_t*>(tile.a[i]);
    OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) {
      acc[0][i][v] = V::Init(tile.init + j + V::kLanes * v);
      OCTENSOR_UNROLL for (int u = 1; u < kChains; ++u) acc[u][i][v] = V::Zero();
    }
  }
  for (size_t t = 0; t < tile.taps; ++t) {
    ptrdiff_t k = tile.tap_offsets[t];
    const ptrdiff_t pairs_end = k + static_cast<ptrdiff_t>((tile.k + tile.may_read_past) & ~size_t{1});
    if constexpr (kChains > 1) {
      for (; k + 2 * kChains <= pairs_end; k += 2 * kChains, b += kStep * kChains) {
        OCTENSOR_UNROLL for (int u = 0; u < kChains; ++u) AddStep<V, false>(acc[u], a, k + 2 * u, b + kStep * u);
      }
    }
    for (; k < pairs_end; k += 2, b += kStep) AddStep<V, false>(acc[0], a, k, b);
    if (tile.k % 2 != 0 && !tile.may_read_past) {
      AddStep<V, true>(acc[0], a, k, b);
      b += kStep;
    }
  }
  OCTENSOR_UNROLL for (int u = 1; u < kChains; ++u) {
    OCTENSOR_UNROLL for (int i = 0; i < MR; ++i) {
      OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) acc[0][i][v] = V::Add(acc[0][i][v], acc[u][i][v]);
    }
  }
  V::Store(acc[0], tile, j);
}

// All panels of a tile of MR rows; a panel is two registers wide, the last one may be one.
template <class V, int MR>
void Rows(const GemmTile& tile) {
  const char* b = static_cast<const char*>(tile.b);
  for (size_t j = 0; j < tile.n; j += 2 * V::kLanes, b += tile.b_panel_bytes) {
    const int16_t* panel = reinterpret_cast<const int16_t*>(b);
    if (tile.n - j > V::kLanes) {
      Panel<V, MR, 2>(tile, panel, j);
    } else {
      Panel<V, MR, 1>(tile, panel, j);
    }
  }
}

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_S16_TILE_H_
