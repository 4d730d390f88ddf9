// Products of float32 matrices of which neither is known before the run: the right one is packed as kernels/float.h describes
// it, into scratch memory.
#ifndef OCTENSOR_OPS_FLOAT_PANELS_H_
#define OCTENSOR_OPS_FLOAT_PANELS_H_

#include <cstddef>

#include "kernels/float.h"

namespace octensor {

// A matrix inside a tensor; strides in elements.
struct FloatMatrix {
  const float* data;
  size_t row_stride, column_stride;
};

// Bytes that a packed matrix of k rows and n columns takes, rounded up to a cache line; sizes below 2^31.
size_t PackedBytes(const FloatKernels& kernels, size_t k, size_t n);
// Floats of bias that MultiplyRows reads for n columns.
size_t PaddedBiasCount(const FloatKernels& kernels, size_t n);

// `panels`: aligned to a cache line.
void PackColumns(const FloatKernels& kernels, const FloatMatrix& b, size_t k, size_t n, float* panels);

// Packs k rows of a matrix of `all_k`, those from `first_k` on; `b` begins with the first of them.
void PackSomeRows(const FloatKernels& kernels, const FloatMatrix& b, size_t first_k, size_t k, size_t all_k, size_t n,
                  float* panels);

// PackColumns on several threads.
void PackColumnsInParts(const FloatKernels& kernels, const FloatMatrix& b, size_t k, size_t n, size_t threads, float* panels);

struct FloatRowsProduct {
  const FloatKernels* kernels;
  size_t k, n;
  const float* panels;  // of [k, n]
  const float* bias;
  FloatBounds bounds;
};

// C[i][j] = clamp(bias[j] + sum over k of A[i][k] B[k][j]), rows a_stride and c_stride elements apart.
void MultiplyRows(const FloatRowsProduct& product, const float* a, size_t a_stride, size_t rows, float* c, size_t c_stride);

}  // namespace octensor

#endif  // OCTENSOR_OPS_FLOAT_PANELS_H_
