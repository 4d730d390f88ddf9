#include "kernels/transpose.h"

#include "kernels/transpose_elements.h"

namespace octensor {
namespace {

constexpr size_t kTile = 32;  // lines of both sides stay in the level-1 cache

template <size_t kBytes>
void Transpose(const uint8_t* x, ptrdiff_t x_stride, uint8_t* y, ptrdiff_t y_stride, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; i += kTile) {
    const size_t height = rows - i < kTile ? rows - i : kTile;
    for (size_t j = 0; j < columns; j += kTile) {
      const size_t width = columns - j < kTile ? columns - j : kTile;
      TransposeElements<kBytes>(x + static_cast<ptrdiff_t>(i) * x_stride + j * kBytes, x_stride,
                                y + static_cast<ptrdiff_t>(j) * y_stride + i * kBytes, y_stride, height, width);
    }
  }
}

}  // namespace

extern const TransposeKernels kTranspose_scalar;
const TransposeKernels kTranspose_scalar = {
    "octensor_transpose__scalar", Isa::kScalar, {Transpose<1>, Transpose<2>, Transpose<4>, Transpose<8>}};

}  // namespace octensor
