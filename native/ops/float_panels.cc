#include "ops/float_panels.h"

#include <algorithm>
#include <cstring>

#include "core/aligned_buffer.h"
#include "ops/float_parts.h"

namespace octensor {
namespace {

// Of packed columns: they stay in the level-2 cache while all rows go by.
constexpr size_t kBlockBytes = size_t{256} << 10;

// k's of a column that are read before the next column: the lines that they go to stay in the level-1 cache meanwhile.
constexpr size_t kColumnRun = 64;

constexpr double kPackNanoseconds = 0.5;  // per element

}  // namespace

size_t PackedBytes(const FloatKernels& kernels, size_t k, size_t n) {
  return RoundUp(k * RoundUp(n, kernels.nr_step) * sizeof(float), kAlignment);
}

size_t PaddedBiasCount(const FloatKernels& kernels, size_t n) { return RoundUp(n, kernels.nr); }

void PackColumns(const FloatKernels& kernels, const FloatMatrix& b, size_t k, size_t n, float* panels) {
  PackSomeRows(kernels, b, 0, k, k, n, panels);
}

void PackColumnsInParts(const FloatKernels& kernels, const FloatMatrix& b, size_t k, size_t n, size_t threads, float* panels) {
  const size_t count = (n + kernels.nr - 1) / kernels.nr;
  ForParts(threads, count, kPackNanoseconds * static_cast<double>(k) * static_cast<double>(n),
           [&](size_t first, size_t end, size_t) {
             const size_t j = first * kernels.nr, columns = std::min(end * kernels.nr, n) - j;
             PackColumns(kernels, {b.data + j * b.column_stride, b.row_stride, b.column_stride}, k, columns, panels + j * k);
           });
}

void PackSomeRows(const FloatKernels& kernels, const FloatMatrix& b, size_t first_k, size_t k, size_t all_k, size_t n,
                  float* all_panels) {
  for (size_t j = 0; j < n; j += kernels.nr) {
    const size_t columns = std::min<size_t>(kernels.nr, n - j),
                 width = std::min<size_t>(kernels.nr, RoundUp(n - j, kernels.nr_step));
    float* panels = all_panels + j * all_k + first_k * width;
    const float* first = b.data + j * b.column_stride;
    if (b.column_stride == 1) {
      for (size_t i = 0; i < k; ++i) std::memcpy(panels + i * width, first + i * b.row_stride, columns * sizeof(float));
    } else {
      for (size_t start = 0; start < k; start += kColumnRun) {
        const size_t end = std::min(start + kColumnRun, k);
        for (size_t column = 0; column < columns; ++column) {
          const float* from = first + column * b.column_stride;
          for (size_t i = start; i < end; ++i) panels[i * width + column] = from[i * b.row_stride];
        }
      }
    }
    if (columns == width) continue;
    for (size_t i = 0; i < k; ++i) std::fill(panels + i * width + columns, panels + (i + 1) * width, 0.0f);
  }
}

void MultiplyRows(const FloatRowsProduct& product, const float* a, size_t a_stride, size_t rows, float* c, size_t c_stride) {
  const FloatKernels& kernels = *product.kernels;
  constexpr ptrdiff_t kOneTap = 0;
  const size_t panel = product.k * kernels.nr;
  const size_t block = kernels.nr * std::max<size_t>(1, kBlockBytes / (panel * sizeof(float)));
  const size_t tiles = (rows + kernels.mr - 1) / kernels.mr;
  const float* starts[kMaxFloatMr];
  FloatTile tile = {};
  tile.taps = 1;
  tile.k = product.k;
  tile.a = starts;
  tile.tap_offsets = &kOneTap;
  tile.b_panel = panel;
  tile.bounds = product.bounds;
  tile.c_stride = c_stride;
  for (size_t j = 0; j < product.n; j += block) {
    tile.n = std::min(block, product.n - j);
    tile.b = product.panels + j * product.k;
    tile.bias = product.bias + j;
    for (size_t t = 0; t < tiles; ++t) {
      const size_t first = rows * t / tiles;
      tile.rows = rows * (t + 1) / tiles - first;
      for (size_t i = 0; i < tile.rows; ++i) starts[i] = a + (first + i) * a_stride;
      tile.c = c + first * c_stride + j;
      kernels.gemm(tile);
    }
  }
}

}  // namespace octensor
