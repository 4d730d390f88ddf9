// float32 on AVX2 with FMA. A GEMM step of 6 rows is 2 loads of B, 6 broadcasts of A and 12 fused multiply-adds: 12 sums, 2
// vectors of B and 1 of A are 15 of the 16 registers; 6 cycles where two multiply-adds start per cycle.
#include "kernels/float.h"

#include "kernels/avx2/float_vector.h"
#include "kernels/float_depthwise.h"
#include "kernels/float_elementwise.h"
#include "kernels/float_gemm.h"
#include "kernels/float_outer.h"
#include "kernels/float_pool.h"
#include "kernels/float_rows.h"
#include "kernels/float_statistics.h"

namespace octensor {
namespace {

constexpr int kMr = 6;

void Gemm(const FloatTile& tile) {
  static void (*const kRows[kMr])(const FloatTile&) = {Rows<Avx2, 1>, Rows<Avx2, 2>, Rows<Avx2, 3>,
                                                       Rows<Avx2, 4>, Rows<Avx2, 5>, Rows<Avx2, 6>};
  kRows[tile.rows - 1](tile);
}

void Outer(const FloatOuterTile& tile) {
  static void (*const kRows[kMr])(const FloatOuterTile&) = {OuterRows<Avx2, 1>, OuterRows<Avx2, 2>, OuterRows<Avx2, 3>,
                                                            OuterRows<Avx2, 4>, OuterRows<Avx2, 5>, OuterRows<Avx2, 6>};
  kRows[tile.rows - 1](tile);
}

}  // namespace

extern const FloatKernels kFloat_6x16_avx2;
const FloatKernels kFloat_6x16_avx2 = {"octensor_f32_6x16__avx2",
                                       Isa::kAvx2,
                                       kMr,
                                       16,
                                       8,
                                       Gemm,
                                       Outer,
                                       Depthwise<Avx2>,
                                       DepthwiseGradient<Avx2>,
                                       PoolWindow<Avx2, false>,
                                       PoolWindow<Avx2, true>,
                                       MaxGradient<Avx2>,
                                       Unary<Avx2>,
                                       Binary<Avx2>,
                                       Range<Avx2>,
                                       Extent<Avx2>,
                                       Bins<Avx2>,
                                       Sum<Avx2>,
                                       Squares<Avx2>,
                                       ExpSum<Avx2>,
                                       Normalize<Avx2>};

}  // namespace octensor
