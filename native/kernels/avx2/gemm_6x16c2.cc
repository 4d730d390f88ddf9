// s16 x s16 GEMM tile of 6 rows by 16 columns, two k's at a time, on AVX2. One step is 2 loads of B, 6 broadcasts of A and 12
// times vpmaddwd and vpaddd into 12 independent accumulators: all 16 registers. docs/kernels.md has the cycles.
#include <immintrin.h>

#include "kernels/avx2/epilogue.h"
#include "kernels/kernel.h"
#include "kernels/s16_tile.h"
#include "kernels/widen_row.h"

namespace octensor {
namespace {

struct Avx2 {
  using Sum = __m256i;
  static constexpr int kLanes = 8;

  static OCTENSOR_INLINE Sum Load(const int16_t* b) { return _mm256_load_si256(reinterpret_cast<const __m256i*>(b)); }
  static OCTENSOR_INLINE Sum Broadcast(int32_t pair) { return _mm256_set1_epi32(pair); }
  static OCTENSOR_INLINE Sum Multiply(Sum a, Sum b) { return _mm256_madd_epi16(a, b); }
  static OCTENSOR_INLINE Sum Add(Sum x, Sum y) { return _mm256_add_epi32(x, y); }
  static OCTENSOR_INLINE Sum Init(const int32_t* p) { return _mm256_load_si256(reinterpret_cast<const __m256i*>(p)); }
  static OCTENSOR_INLINE Sum Zero() { return _mm256_setzero_si256(); }

  template <int MR, int NV>
  static OCTENSOR_INLINE void Store(Sum (&acc)[MR][NV], const GemmTile& tile, size_t j) {
    StoreTile(acc, tile, j);
  }
};

constexpr int kMr = 6;

void Run(const GemmTile& tile) {
  static void (*const kRows[kMr])(const GemmTile&) = {Rows<Avx2, 1>, Rows<Avx2, 2>, Rows<Avx2, 3>,
                                                      Rows<Avx2, 4>, Rows<Avx2, 5>, Rows<Avx2, 6>};
  kRows[tile.rows - 1](tile);
}

}  // namespace

extern const GemmKernel kGemm_6x16c2_avx2;
const GemmKernel kGemm_6x16c2_avx2 = {"octensor_gemm_s16s16_6x16c2__avx2",
                                      Isa::kAvx2,
                                      kMr,
                                      16,
                                      8,
                                      2,
                                      ADomain::kS16,
                                      BDomain::kS16,
                                      Run,
                                      nullptr,
                                      WidenRow,
                                      nullptr,
                                      {}};

}  // namespace octensor
