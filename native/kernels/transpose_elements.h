// Transposition one element after the other: the definition, and what is too small for vectors.
#ifndef OCTENSOR_KERNELS_TRANSPOSE_ELEMENTS_H_
#define OCTENSOR_KERNELS_TRANSPOSE_ELEMENTS_H_

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels/inline.h"

namespace octensor {
namespace {

template <size_t kBytes>
OCTENSOR_INLINE void TransposeElements(const uint8_t* x, ptrdiff_t x_stride, uint8_t* y, ptrdiff_t y_stride, size_t rows,
                                       size_t columns) {
  for (size_t j = 0; j < columns; ++j) {
    const uint8_t* from = x + j * kBytes;
    uint8_t* to = y + static_cast<ptrdiff_t>(j) * y_stride;
    for (size_t i = 0; i < rows; ++i, from += x_stride, to += kBytes) {
      uint8_t element[kBytes];
      memcpy(element, from, kBytes);
      memcpy(to, element, kBytes);
    }
  }
}

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_TRANSPOSE_ELEMENTS_H_
