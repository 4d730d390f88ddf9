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
// Floats of zeros that MultiplyRows wants for n columns.
size_t ZeroBiasCount(const FloatKernels& kernels, size_t n);

// `panels`: aligned to a cache line.
void PackColumns(const FloatKernels& kernels, const FloatMatrix& b, size_t k, size_t n, float* panels);

struct FloatRowsProduct {
  const FloatKernels* kernels;
  size_t k, n;
  const float* panels;  // of [k, n]
  const float* zeros;
  FloatBounds bounds;
};

// C[i][j] = clamp(sum over k of A[i][k] B[k][j]), rows a_stride and c_stride elements apart.
void MultiplyRows(const FloatRowsProduct& product, const float* a, size_t a_stride, size_t rows, float* c, size_t c_stride);

}  // namespace octensor

#endif  // OCTENSOR_OPS_FLOAT_PANELS_H_
