// Products whose right matrix is not packed: rows of B as they stand and columns of A side by side are what products of outer
// products want. For A^T B, and where A has so few rows that packing B would take longer than multiplying it.
#ifndef OCTENSOR_OPS_EAGER_OUTER_H_
#define OCTENSOR_OPS_EAGER_OUTER_H_

#include <cstddef>

#include "ops/eager.h"
#include "ops/float_products.h"

namespace octensor {

constexpr size_t kFewRows = 64;

// y[i] = clamp(A[i] B[i] + bias), of [m, k], or [k, m] if transposed, and [k, n]. `bias` is n floats or null.
struct EagerOuter {
  size_t m, k, n;
  const float *a, *b, *bias;
  size_t a_count;
  bool is_a_transposed;
  const FloatPair* pairs;
  size_t count;
  FloatBounds bounds;
  float* y;
};
Status MultiplyOuter(const EagerCall& call, const EagerOuter& p);

// y: each of `count` matrices of [rows, columns] transposed.
void TransposeMatrices(const float* x, size_t count, size_t rows, size_t columns, size_t threads, float* y);

}  // namespace octensor

#endif  // OCTENSOR_OPS_EAGER_OUTER_H_
