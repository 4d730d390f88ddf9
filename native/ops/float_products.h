// Batches of products of float32 matrices that are both computed: y[i] = clamp(A[pairs[i].a] B[pairs[i].b] + bias). Either
// operand may be repeated. Each matrix B is packed once, then rows of all products are shared among the threads.
#ifndef OCTENSOR_OPS_FLOAT_PRODUCTS_H_
#define OCTENSOR_OPS_FLOAT_PRODUCTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ops/float_panels.h"

namespace octensor {

// Which matrices a product multiplies.
struct FloatPair {
  size_t a, b;
};

// The dimensions of a batch, and how far apart in a and b its matrices are.
struct FloatBatch {
  size_t rank;
  const int32_t *dims, *a_strides, *b_strides;
};

// `products` is the product of the dimensions. False where a stride leads out of the a_count or b_count matrices.
bool FindPairs(const FloatBatch& batch, size_t products, size_t a_count, size_t b_count, std::vector<FloatPair>* pairs);

struct FloatProducts {
  const FloatKernels* kernels;
  size_t m, k, n;
  const float* a;  // each [m, k]
  const float* b;  // each [k, n], or [n, k] if transposed
  size_t b_count;
  bool is_b_transposed;
  const FloatPair* pairs;
  size_t count;
  float* packed;      // b_count times PackedBytes
  const float* bias;  // PaddedBiasCount floats
  FloatBounds bounds;
  float* y;  // each [m, n]
  size_t threads;
};

void MultiplyPairs(const FloatProducts& products);

}  // namespace octensor

#endif  // OCTENSOR_OPS_FLOAT_PRODUCTS_H_
