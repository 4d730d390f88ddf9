// The interface of kernels that transpose matrices: moves of elements of 1, 2, 4 or 8 bytes, whatever they mean.
#ifndef OCTENSOR_KERNELS_TRANSPOSE_H_
#define OCTENSOR_KERNELS_TRANSPOSE_H_

#include <stddef.h>
#include <stdint.h>

#include "core/isa.h"

namespace octensor {

// y[j, i] = x[i, j] for i < rows, j < columns. Rows of x are x_stride bytes apart and rows of y y_stride, of either sign;
// elements of a row stand side by side. Nothing else is read or written; x and y do not overlap.
using TransposeFunction = void (*)(const uint8_t* x, ptrdiff_t x_stride, uint8_t* y, ptrdiff_t y_stride, size_t rows,
                                   size_t columns);

struct TransposeKernels {
  const char* name;
  Isa isa;
  TransposeFunction transpose[4];  // of elements of 1 << i bytes
};

// The best that an ISA can run.
const TransposeKernels& FindTransposeKernels(Isa isa);

// Best first.
const TransposeKernels* const* TransposeKernelList(size_t* count);

}  // namespace octensor

#endif  // OCTENSOR_KERNELS_TRANSPOSE_H_
