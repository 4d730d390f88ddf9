// s16 x s16 GEMM tile of 12 rows by 32 columns, two k's at a time, on AVX-512. One step is 2 loads of B, 12 broadcasts of A and
// 24 times vpmaddwd and vpaddd into 24 independent accumulators: 28 of the 32 registers. docs/kernels.md has the cycles.
#include <immintrin.h>

#include "kernels/avx512/epilogue.h"
#include "kernels/kernel.h"
#include "kernels/s16_tile.h"
#include "kernels/widen_row.h"

namespace octensor {
namespace {

struct Avx512 {
  using Sum = __m512i;
  static constexpr int kLanes = 16;

  static OCTENSOR_INLINE Sum Load(const int16_t* b) { return _mm512_load_si512(b); }
  static OCTENSOR_INLINE Sum Broadcast(int32_t pair) { return _mm512_set1_epi32(pair); }
  static OCTENSOR_INLINE Sum Multiply(Sum a, Sum b) { return _mm512_madd_epi16(a, b); }
  static OCTENSOR_INLINE Sum Add(Sum x, Sum y) { return _mm512_add_epi32(x, y); }
  static OCTENSOR_INLINE Sum Init(const int32_t* p) { return _mm512_load_si512(p); }
  static OCTENSOR_INLINE Sum Zero() { return _mm512_setzero_si512(); }

  template <int MR, int NV>
  static OCTENSOR_INLINE void Store(Sum (&acc)[MR][NV], const GemmTile& tile, size_t j) {
    StoreTile(acc, tile, static_cast<uint8_t*>(tile.c), j);
  }
};

constexpr int kMr = 12;

void Run(const GemmTile& tile) {
  static void (*const kRows[kMr])(const GemmTile&) = {Rows<Avx512, 1>, Rows<Avx512, 2>,  Rows<Avx512, 3>,  Rows<Avx512, 4>,
                                                      Rows<Avx512, 5>, Rows<Avx512, 6>,  Rows<Avx512, 7>,  Rows<Avx512, 8>,
                                                      Rows<Avx512, 9>, Rows<Avx512, 10>, Rows<Avx512, 11>, Rows<Avx512, 12>};
  kRows[tile.rows - 1](tile);
}

}  // namespace

extern const GemmKernel kGemm_12x32c2_avx512;
const GemmKernel kGemm_12x32c2_avx512 = {"octensor_gemm_s16s16_12x32c2__avx512",
                                         Isa::kAvx512,
                                         kMr,
                                         32,
                                         16,
                                         2,
                                         ADomain::kS16,
                                         BDomain::kS16,
                                         Run,
                                         nullptr,
                                         WidenRow,
                                         nullptr,
                                         {}};

}  // namespace octensor
