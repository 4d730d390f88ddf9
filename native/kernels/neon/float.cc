// float32 on NEON. The GEMM tile is 8 rows by 8 columns: 16 sums, 2 vectors of B and 8 of A, of which each holds four k's of a
// row, so that multiply-adds take their factor from a lane and nothing is broadcast.
#include "kernels/float.h"

#include "kernels/float_depthwise.h"
#include "kernels/float_elementwise.h"
#include "kernels/float_gemm.h"
#include "kernels/float_outer.h"
#include "kernels/float_pool.h"
#include "kernels/float_rows.h"
#include "kernels/float_statistics.h"
#include "kernels/neon/float_vector.h"

namespace octensor {
namespace {

constexpr int kMr = 8;

void Gemm(const FloatTile& tile) {
  static void (*const kRows[kMr])(const FloatTile&) = {Rows<Neon, 1>, Rows<Neon, 2>, Rows<Neon, 3>, Rows<Neon, 4>,
                                                       Rows<Neon, 5>, Rows<Neon, 6>, Rows<Neon, 7>, Rows<Neon, 8>};
  kRows[tile.rows - 1](tile);
}

void Outer(const FloatOuterTile& tile) {
  static void (*const kRows[kMr])(const FloatOuterTile&) = {OuterRows<Neon, 1>, OuterRows<Neon, 2>, OuterRows<Neon, 3>,
                                                            OuterRows<Neon, 4>, OuterRows<Neon, 5>, OuterRows<Neon, 6>,
                                                            OuterRows<Neon, 7>, OuterRows<Neon, 8>};
  kRows[tile.rows - 1](tile);
}

}  // namespace

extern const FloatKernels kFloat_8x8_neon;
const FloatKernels kFloat_8x8_neon = {"octensor_f32_8x8__neon",
                                      Isa::kNeon,
                                      kMr,
                                      8,
                                      4,
                                      Gemm,
                                      Outer,
                                      Depthwise<Neon>,
                                      DepthwiseGradient<Neon>,
                                      PoolWindow<Neon, false>,
                                      PoolWindow<Neon, true>,
                                      MaxGradient<Neon>,
                                      Unary<Neon>,
                                      Binary<Neon>,
                                      Range<Neon>,
                                      Extent<Neon>,
                                      Bins<Neon>,
                                      Sum<Neon>,
                                      Squares<Neon>,
                                      ExpSum<Neon>,
                                      Normalize<Neon>};

}  // namespace octensor
