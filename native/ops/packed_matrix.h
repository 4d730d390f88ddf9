// A weight matrix in the layout of one kernel.
#ifndef OCTENSOR_OPS_PACKED_MATRIX_H_
#define OCTENSOR_OPS_PACKED_MATRIX_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/status.h"
#include "kernels/kernel.h"

namespace octensor {

struct MatrixView {
  const uint8_t* data;  // taps x k x n bytes, row-major [taps, k, n], or [n, taps, k] if transposed
  bool is_signed;
  bool transposed;
  size_t k, n;
  const int32_t* zero_point;  // one, or n of them; each within the range of the element type
  bool zero_point_per_column;
  size_t taps = 1;
};

struct PackedMatrix {
  const GemmKernel* kernel = nullptr;
  TileShape shape = {};
  size_t taps = 0, k = 0, n = 0;
  size_t panel_bytes = 0;  // of every panel but the last
  AlignedBuffer panels;
  AlignedBuffer column_sums;    // int32[n padded]: sum over taps and k of b, in the kernel's BDomain, modulo 2^32
  AlignedBuffer zero_points;    // int32[n padded], in the kernel's BDomain; all 0 for kS16
  bool has_zero_point = false;  // some zero_points[n] is not 0
  std::vector<GemmOutlier> outliers;
  uint64_t max_magnitude = 0;  // the largest sum of |b - zero point| over a column

  size_t size_bytes() const { return panels.size_bytes() + column_sums.size_bytes() + zero_points.size_bytes(); }
};

// The dimensions' limit: keeps every product of two of them, and any byte offset, inside 64 bits.
constexpr size_t kMaxDimension = size_t{1} << 31;

// Expects taps * k below kMaxDimension, too.
Status PackMatrix(const GemmKernel& kernel, const MatrixView& b, PackedMatrix* packed);

// The same for a matrix that is computed, and so packed in every run, in memory of the caller's, 64-byte aligned. Zero points
// stay zero points: nothing is spent on finding out whether there are cheaper forms. b.taps is 1.
size_t ComputedMatrixBytes(const GemmKernel& kernel, size_t k, size_t n);
void PackComputedMatrix(const GemmKernel& kernel, const MatrixView& b, void* memory, PackedMatrix* packed);

}  // namespace octensor

#endif  // OCTENSOR_OPS_PACKED_MATRIX_H_
