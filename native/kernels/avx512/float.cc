// float32 on AVX-512. A GEMM step of 14 rows is 2 loads of B, 14 broadcasts of A and 28 fused multiply-adds into 28 of the 32
// registers: 28 cycles where one 512-bit multiply-add starts per cycle, and 7 divides the images of most networks.
#include "kernels/float.h"

#include "kernels/avx512/float_vector.h"
#include "kernels/float_depthwise.h"
#include "kernels/float_elementwise.h"
#include "kernels/float_gemm.h"
#include "kernels/float_outer.h"
#include "kernels/float_pool.h"
#include "kernels/float_rows.h"
#include "kernels/float_statistics.h"

namespace octensor {
namespace {

constexpr int kMr = 14;

void Gemm(const FloatTile& tile) {
  static void (*const kRows[kMr])(const FloatTile&) = {Rows<Avx512, 1>,  Rows<Avx512, 2>,  Rows<Avx512, 3>,  Rows<Avx512, 4>,
                                                       Rows<Avx512, 5>,  Rows<Avx512, 6>,  Rows<Avx512, 7>,  Rows<Avx512, 8>,
                                                       Rows<Avx512, 9>,  Rows<Avx512, 10>, Rows<Avx512, 11>, Rows<Avx512, 12>,
                                                       Rows<Avx512, 13>, Rows<Avx512, 14>};
  kRows[tile.rows - 1](tile);
}

void Outer(const FloatOuterTile& tile) {
  static void (*const kRows[kMr])(const FloatOuterTile&) = {
      OuterRows<Avx512, 1>,  OuterRows<Avx512, 2>,  OuterRows<Avx512, 3>,  OuterRows<Avx512, 4>, OuterRows<Avx512, 5>,
      OuterRows<Avx512, 6>,  OuterRows<Avx512, 7>,  OuterRows<Avx512, 8>,  OuterRows<Avx512, 9>, OuterRows<Avx512, 10>,
      OuterRows<Avx512, 11>, OuterRows<Avx512, 12>, OuterRows<Avx512, 13>, OuterRows<Avx512, 14>};
  kRows[tile.rows - 1](tile);
}

}  // namespace

extern const FloatKernels kFloat_14x32_avx512;
const FloatKernels kFloat_14x32_avx512 = {"octensor_f32_14x32__avx512",
                                          Isa::kAvx512,
                                          kMr,
                                          32,
                                          16,
                                          Gemm,
                                          Outer,
                                          Depthwise<Avx512>,
                                          DepthwiseGradient<Avx512>,
                                          PoolWindow<Avx512, false>,
                                          PoolWindow<Avx512, true>,
                                          MaxGradient<Avx512>,
                                          Unary<Avx512>,
                                          Binary<Avx512>,
                                          Range<Avx512>,
                                          Extent<Avx512>,
                                          Bins<Avx512>,
                                          Sum<Avx512>,
                                          Squares<Avx512>,
                                          ExpSum<Avx512>,
                                          Normalize<Avx512>};

}  // namespace octensor
