// float32 in plain C++: vectors of four that compilers map to whatever the baseline has. Products are rounded before they are
// added (the build forbids contraction).
#include "kernels/float.h"

#include "kernels/float_depthwise.h"
#include "kernels/float_elementwise.h"
#include "kernels/float_gemm.h"
#include "kernels/float_outer.h"
#include "kernels/float_pool.h"
#include "kernels/float_rows.h"
#include "kernels/float_statistics.h"
#include "kernels/scalar/float_vector.h"

namespace octensor {
namespace {

constexpr int kMr = 4;

void Gemm(const FloatTile& tile) {
  static void (*const kRows[kMr])(const FloatTile&) = {Rows<Scalar, 1>, Rows<Scalar, 2>, Rows<Scalar, 3>, Rows<Scalar, 4>};
  kRows[tile.rows - 1](tile);
}

void Outer(const FloatOuterTile& tile) {
  static void (*const kRows[kMr])(const FloatOuterTile&) = {OuterRows<Scalar, 1>, OuterRows<Scalar, 2>, OuterRows<Scalar, 3>,
                                                            OuterRows<Scalar, 4>};
  kRows[tile.rows - 1](tile);
}

}  // namespace

extern const FloatKernels kFloat_4x8_scalar;
const FloatKernels kFloat_4x8_scalar = {"octensor_f32_4x8__scalar",
                                        Isa::kScalar,
                                        kMr,
                                        8,
                                        4,
                                        Gemm,
                                        Outer,
                                        Depthwise<Scalar>,
                                        DepthwiseGradient<Scalar>,
                                        PoolWindow<Scalar, false>,
                                        PoolWindow<Scalar, true>,
                                        MaxGradient<Scalar>,
                                        Unary<Scalar>,
                                        Binary<Scalar>,
                                        Range<Scalar>,
                                        Extent<Scalar>,
                                        Bins<Scalar>,
                                        Sum<Scalar>,
                                        Squares<Scalar>,
                                        ExpSum<Scalar>,
                                        Normalize<Scalar>};

}  // namespace octensor
