#include "ops/packed_matrix.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace octensor {
namespace {

constexpr uint8_t kFlip = 0x80;

// Writes the panels of `b` and its column sums. Element is what the kernel's BDomain stores; `value(byte, column)` makes it.
// The panels are zero already: so is the padding.
template <typename Element, typename Value>
void WritePanels(const MatrixView& b, PackedMatrix* packed, Value value) {
  const GemmKernel& kernel = *packed->kernel;
  const size_t kr = kernel.kr, k_padded = RoundUp(b.k, kr);
  const size_t column_stride = b.transposed ? b.taps * b.k : 1, k_stride = b.transposed ? 1 : b.n;
  auto* sums = static_cast<int32_t*>(packed->column_sums.data());
  const auto* zero_points = static_cast<const int32_t*>(packed->zero_points.data());
  auto* panel = static_cast<Element*>(packed->panels.data());
  for (size_t n0 = 0; n0 < b.n; n0 += packed->shape.nr) {
    const size_t columns = std::min<size_t>(packed->shape.nr, b.n - n0), width = RoundUp(columns, kernel.nr_step);
    const uint8_t* row = b.data + n0 * column_stride;
    uint32_t sum[kMaxNr] = {};
    uint64_t magnitude[kMaxNr] = {};
    for (size_t t = 0; t < b.taps; ++t, panel += k_padded * width) {
      for (size_t k = 0; k < b.k; ++k, row += k_stride) {
        Element* group = panel + k / kr * width * kr + k % kr;
        for (size_t j = 0; j < columns; ++j) {
          const Element element = value(row[j * column_stride], n0 + j);
          group[j * kr] = element;
          sum[j] += static_cast<uint32_t>(int32_t{element});
          magnitude[j] += static_cast<uint32_t>(std::abs(element - zero_points[n0 + j]));
        }
      }
    }
    for (size_t j = 0; j < columns; ++j) sums[n0 + j] = static_cast<int32_t>(sum[j]);
    packed->max_magnitude = std::max(packed->max_magnitude, *std::max_element(magnitude, magnitude + columns));
  }
}

// Panels of 64 columns suit no matrix of 96 or 16; the shape that takes the fewest panels, counted for each row of a full tile,
// has the least to do besides multiplying. Equals go to the widest, which reads A least often.
TileShape ChooseShape(const GemmKernel& kernel, size_t n) {
  TileShape best = {kernel.mr, kernel.nr};
  const auto panels = [n](const TileShape& shape) { return RoundUp(n, shape.nr) / shape.nr; };
  for (const TileShape& shape : kernel.narrow) {
    if (shape.nr != 0 && panels(shape) * best.mr < panels(best) * shape.mr) best = shape;
  }
  return best;
}

}  // namespace

Status PackMatrix(const GemmKernel& kernel, const MatrixView& b, PackedMatrix* packed) {
  if (b.k == 0 || b.n == 0 || b.taps == 0 || b.k >= kMaxDimension || b.n >= kMaxDimension || b.taps > kMaxDimension / b.k) {
    return {StatusCode::kShape, "expected k and n from 1 to 2^31 - 1"};
  }
  const size_t element_bytes = kernel.b_domain == BDomain::kS16 ? 2 : 1;
  const size_t k_padded = b.taps * RoundUp(b.k, kernel.kr), n_padded = RoundUp(b.n, kMaxNr);
  const size_t panels_bytes = k_padded * RoundUp(b.n, kernel.nr_step) * element_bytes;
  const size_t column_bytes = n_padded * sizeof(int32_t);
  if (!packed->panels.Reserve(panels_bytes) || !packed->column_sums.Reserve(column_bytes) ||
      !packed->zero_points.Reserve(column_bytes)) {
    return {StatusCode::kOutOfMemory, "not enough memory for the packed matrix"};
  }
  packed->kernel = &kernel;
  packed->shape = ChooseShape(kernel, b.n);
  packed->taps = b.taps;
  packed->k = b.k;
  packed->n = b.n;
  packed->panel_bytes = k_padded * packed->shape.nr * element_bytes;
  packed->has_zero_point = false;
  packed->max_magnitude = 0;
  std::memset(packed->panels.data(), 0, panels_bytes);
  std::memset(packed->column_sums.data(), 0, column_bytes);
  auto* zero_points = static_cast<int32_t*>(packed->zero_points.data());
  std::memset(zero_points, 0, column_bytes);
  const auto zero_point = [&b](size_t n) { return b.zero_point[b.zero_point_per_column ? n : 0]; };

  if (kernel.b_domain == BDomain::kS16) {
    WritePanels<int16_t>(b, packed, [&](uint8_t byte, size_t n) {
      const int32_t plain = b.is_signed ? int32_t{static_cast<int8_t>(byte)} : int32_t{byte};
      return static_cast<int16_t>(plain - zero_point(n));  // within [-255, 255]
    });
    return {};
  }
  const uint8_t flip = b.is_signed ? 0 : kFlip;
  for (size_t n = 0; n < b.n; ++n) {
    zero_points[n] = zero_point(n) - flip;
    packed->has_zero_point |= zero_points[n] != 0;
  }
  WritePanels<int8_t>(b, packed, [&](uint8_t byte, size_t) { return static_cast<int8_t>(byte ^ flip); });
  return {};
}

}  // namespace octensor
