#include "ops/packed_matrix.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <numeric>

namespace octensor {
namespace {

constexpr uint8_t kFlip = 0x80;

constexpr size_t kRun = 1024;  // elements of a column that are converted at a time; a multiple of every kr

// `count` groups of kBytes each that stand side by side, to their places in a panel.
template <size_t kBytes>
void ScatterGroups(const char* run, size_t count, size_t stride_bytes, char* panel) {
  for (size_t i = 0; i < count; ++i) std::memcpy(panel + i * stride_bytes, run + i * kBytes, kBytes);
}

void ScatterGroups(const char* run, size_t count, size_t group_bytes, size_t stride_bytes, char* panel) {
  switch (group_bytes) {  // where the size is known each is one move
    case 2:
      return ScatterGroups<2>(run, count, stride_bytes, panel);
    case 4:
      return ScatterGroups<4>(run, count, stride_bytes, panel);
    case 8:
      return ScatterGroups<8>(run, count, stride_bytes, panel);
    default:
      for (size_t i = 0; i < count; ++i) std::memcpy(panel + i * stride_bytes, run + i * group_bytes, group_bytes);
  }
}

// Of the columns of one panel.
struct PanelSums {
  uint32_t sum[kMaxNr] = {};
  uint64_t magnitude[kMaxNr] = {};
};

// The rows of one tap of row-major B, of which each has an element for every column. `stride` is from one group of kr rows to
// the next.
template <typename Element, typename Value>
void WriteRows(const MatrixView& b, const uint8_t* row, size_t kr, size_t stride, size_t n0, size_t columns,
               const int32_t* zero_points, Value value, Element* panel, PanelSums* sums) {
  for (size_t k = 0; k < b.k; ++k, row += b.n) {
    Element* group = panel + k / kr * stride + k % kr;
    for (size_t j = 0; j < columns; ++j) {
      const Element element = value(row[j], n0 + j);
      group[j * kr] = element;
      sums->sum[j] += static_cast<uint32_t>(int32_t{element});
      sums->magnitude[j] += static_cast<uint32_t>(std::abs(element - zero_points[n0 + j]));
    }
  }
}

// One tap of a column of transposed B, whose elements stand side by side: they are converted and added up in whole vectors.
template <typename Element, typename Value>
void WriteColumn(const uint8_t* column, size_t k, size_t kr, size_t stride, size_t n, int32_t zero_point, Value value,
                 Element* panel, uint32_t* sum, uint64_t* magnitude) {
  for (size_t k0 = 0; k0 < k; k0 += kRun) {
    const size_t count = std::min(kRun, k - k0), padded = RoundUp(count, kr);
    Element run[kRun];
    uint32_t run_sum = 0, run_magnitude = 0;
    for (size_t i = 0; i < count; ++i) {
      const Element element = value(column[k0 + i], n);
      run[i] = element;
      run_sum += static_cast<uint32_t>(int32_t{element});
      run_magnitude += static_cast<uint32_t>(std::abs(element - zero_point));
    }
    std::fill(run + count, run + padded, Element{0});
    *sum += run_sum;
    *magnitude += run_magnitude;
    ScatterGroups(reinterpret_cast<const char*>(run), padded / kr, kr * sizeof(Element), stride * sizeof(Element),
                  reinterpret_cast<char*>(panel + k0 / kr * stride));
  }
}

// Writes the panels of `b` and its column sums. Element is what the kernel's BDomain stores; `value(byte, column)` makes it.
// The panels are zero already: so is the padding.
template <typename Element, typename Value>
void WritePanels(const MatrixView& b, PackedMatrix* packed, Value value) {
  const GemmKernel& kernel = *packed->kernel;
  const size_t kr = kernel.kr, k_padded = RoundUp(b.k, kr);
  const auto* zero_points = static_cast<const int32_t*>(packed->zero_points.data());
  auto* panel = static_cast<Element*>(packed->panels.data());
  for (size_t n0 = 0; n0 < b.n; n0 += packed->shape.nr) {
    const size_t columns = std::min<size_t>(packed->shape.nr, b.n - n0), width = RoundUp(columns, kernel.nr_step);
    PanelSums sums;
    for (size_t t = 0; t < b.taps; ++t, panel += k_padded * width) {
      if (!b.transposed) {
        WriteRows(b, b.data + t * b.k * b.n + n0, kr, width * kr, n0, columns, zero_points, value, panel, &sums);
        continue;
      }
      for (size_t j = 0; j < columns; ++j) {
        const size_t n = n0 + j;
        WriteColumn(b.data + (n * b.taps + t) * b.k, b.k, kr, width * kr, n, zero_points[n], value, panel + j * kr,
                    &sums.sum[j], &sums.magnitude[j]);
      }
    }
    std::memcpy(static_cast<int32_t*>(packed->column_sums.data()) + n0, sums.sum, columns * sizeof(int32_t));
    packed->max_magnitude = std::max(packed->max_magnitude, *std::max_element(sums.magnitude, sums.magnitude + columns));
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

// Each costs as much as four k's of 16 columns; more of them cost more than zero points do.
constexpr size_t kMaxOutliers = 4;

// The weights less their zero points as int8. What does not fit is left to outliers: quantization by minimum and maximum often
// puts the zero point so that a single weight does not. False where there are too many, or the kernel takes none.
bool Center(const GemmKernel& kernel, const MatrixView& b, int8_t* centered, std::vector<GemmOutlier>* outliers) {
  constexpr size_t kGroup = 4;
  if (!kernel.takes_outliers || b.k < kGroup) return false;
  const size_t depth = b.taps * b.k;
  const auto center = [&](size_t n, size_t tap_k) {
    const size_t i = b.transposed ? n * depth + tap_k : tap_k * b.n + n;
    const int32_t plain = b.is_signed ? int32_t{static_cast<int8_t>(b.data[i])} : int32_t{b.data[i]};
    const int32_t value = plain - b.zero_point[b.zero_point_per_column ? n : 0];
    const int32_t fitting = std::clamp(value, -128, 127), rest = value - fitting;
    centered[i] = static_cast<int8_t>(fitting);
    if (rest == 0) return true;
    if (rest > 127 || outliers->size() == kMaxOutliers) return false;
    GemmOutlier outlier = {};
    outlier.column = n;
    outlier.tap = tap_k / b.k;
    outlier.k = std::min(tap_k % b.k, b.k - kGroup);
    outlier.b[n % 16 * kGroup + tap_k % b.k - outlier.k] = static_cast<int8_t>(rest);
    outliers->push_back(outlier);
    return true;
  };
  for (size_t outer = 0; outer < (b.transposed ? b.n : depth); ++outer) {
    for (size_t inner = 0; inner < (b.transposed ? depth : b.n); ++inner) {
      if (!(b.transposed ? center(outer, inner) : center(inner, outer))) return false;
    }
  }
  return true;
}

bool HasZeroPoint(const GemmKernel& kernel, const MatrixView& b) {
  const int32_t none = b.is_signed ? 0 : kFlip;
  const size_t count = b.zero_point_per_column ? b.n : 1;
  return kernel.b_domain == BDomain::kS8 &&
         std::count(b.zero_point, b.zero_point + count, none) != static_cast<ptrdiff_t>(count);
}

struct PackedSizes {
  size_t column_of_panels, panels, columns;  // bytes
};

PackedSizes SizesOf(const GemmKernel& kernel, size_t taps, size_t k, size_t n) {
  const size_t element_bytes = kernel.b_domain == BDomain::kS16 ? 2 : 1;
  const size_t column = taps * RoundUp(k, kernel.kr) * element_bytes;
  return {column, column * RoundUp(n, kernel.nr_step), RoundUp(n, kMaxNr) * sizeof(int32_t)};
}

// Sizes everything and sets it to zeros. Reads nothing of B.
Status Prepare(const GemmKernel& kernel, const MatrixView& b, PackedMatrix* packed) {
  const auto [panel_column, panels_bytes, column_bytes] = SizesOf(kernel, b.taps, b.k, b.n);
  if (!packed->panels.Reserve(panels_bytes) || !packed->column_sums.Reserve(column_bytes) ||
      !packed->zero_points.Reserve(column_bytes)) {
    return {StatusCode::kOutOfMemory, "not enough memory for the packed matrix"};
  }
  packed->kernel = &kernel;
  packed->shape = ChooseShape(kernel, b.n);
  packed->taps = b.taps;
  packed->k = b.k;
  packed->n = b.n;
  packed->panel_bytes = panel_column * packed->shape.nr;
  packed->has_zero_point = false;
  packed->outliers.clear();
  packed->max_magnitude = 0;
  std::memset(packed->panels.data(), 0, panels_bytes);
  std::memset(packed->column_sums.data(), 0, column_bytes);
  std::memset(packed->zero_points.data(), 0, column_bytes);
  return {};
}

// Into what Prepare has made.
void Write(const MatrixView& b, PackedMatrix* packed) {
  const auto zero_point = [&b](size_t n) { return b.zero_point[b.zero_point_per_column ? n : 0]; };
  if (packed->kernel->b_domain == BDomain::kS16) {
    return WritePanels<int16_t>(b, packed, [&](uint8_t byte, size_t n) {
      const int32_t plain = b.is_signed ? int32_t{static_cast<int8_t>(byte)} : int32_t{byte};
      return static_cast<int16_t>(plain - zero_point(n));  // within [-255, 255]
    });
  }
  const uint8_t flip = b.is_signed ? 0 : kFlip;
  auto* zero_points = static_cast<int32_t*>(packed->zero_points.data());
  for (size_t n = 0; n < b.n; ++n) {
    zero_points[n] = zero_point(n) - flip;
    packed->has_zero_point |= zero_points[n] != 0;
  }
  WritePanels<int8_t>(b, packed, [&](uint8_t byte, size_t) { return static_cast<int8_t>(byte ^ flip); });
}

}  // namespace

Status PackMatrix(const GemmKernel& kernel, const MatrixView& b, PackedMatrix* packed) {
  if (b.k == 0 || b.n == 0 || b.taps == 0 || b.k >= kMaxDimension || b.n >= kMaxDimension || b.taps > kMaxDimension / b.k) {
    return {StatusCode::kShape, "expected k and n from 1 to 2^31 - 1"};
  }
  const Status status = Prepare(kernel, b, packed);
  if (!status.ok()) return status;
  if (!HasZeroPoint(kernel, b)) {
    Write(b, packed);
    return {};
  }
  AlignedBuffer centered;
  if (!centered.Reserve(b.taps * b.k * b.n)) return {StatusCode::kOutOfMemory, "not enough memory for the packed matrix"};
  auto* values = static_cast<int8_t*>(centered.data());
  if (!Center(kernel, b, values, &packed->outliers)) {
    packed->outliers.clear();
    Write(b, packed);
    return {};
  }
  constexpr int32_t kNoZeroPoint = 0;
  Write({reinterpret_cast<const uint8_t*>(values), true, b.transposed, b.k, b.n, &kNoZeroPoint, false, b.taps}, packed);
  auto* sums = static_cast<int32_t*>(packed->column_sums.data());
  for (const GemmOutlier& outlier : packed->outliers) {
    const int32_t rest = std::accumulate(outlier.b, outlier.b + sizeof(outlier.b), 0);
    sums[outlier.column] = static_cast<int32_t>(static_cast<uint32_t>(sums[outlier.column]) + static_cast<uint32_t>(rest));
    packed->max_magnitude += static_cast<uint64_t>(std::abs(rest));
  }
  return {};
}

size_t ComputedMatrixBytes(const GemmKernel& kernel, size_t k, size_t n) {
  const PackedSizes sizes = SizesOf(kernel, 1, k, n);
  return RoundUp(sizes.panels, kAlignment) + 2 * sizes.columns;
}

void PackComputedMatrix(const GemmKernel& kernel, const MatrixView& b, void* memory, PackedMatrix* packed) {
  const PackedSizes sizes = SizesOf(kernel, 1, b.k, b.n);
  auto* bytes = static_cast<char*>(memory);
  packed->panels.Borrow(bytes, sizes.panels);
  bytes += RoundUp(sizes.panels, kAlignment);
  packed->column_sums.Borrow(bytes, sizes.columns);
  packed->zero_points.Borrow(bytes + sizes.columns, sizes.columns);
  static_cast<void>(Prepare(kernel, b, packed).ok());  // there is memory for everything
  Write(b, packed);
}

}  // namespace octensor
