#include "ops/float_region.h"

#include <algorithm>
#include <cstring>

#include "ops/float_parts.h"

namespace octensor {
namespace {

constexpr double kCopyNanoseconds = 0.1;  // per element

// What part of `count` places from `first` on lies in [0, size): places before it, and in it.
struct Overlap {
  size_t before, inside;
};

Overlap FindOverlap(ptrdiff_t first, size_t count, size_t size) {
  const ptrdiff_t end = std::min(first + static_cast<ptrdiff_t>(count), static_cast<ptrdiff_t>(size));
  const ptrdiff_t begin = std::max<ptrdiff_t>(first, 0);
  if (begin >= end) return {count, 0};
  return {static_cast<size_t>(begin - first), static_cast<size_t>(end - begin)};
}

void CopyRow(const FloatImages& images, const FloatRegion& region, size_t image, size_t row, float* out) {
  const size_t depth = images.depth, all = region.columns * depth;
  const ptrdiff_t y = region.top + static_cast<ptrdiff_t>(row);
  if (y < 0 || y >= static_cast<ptrdiff_t>(images.height)) {
    std::memset(out, 0, all * sizeof(float));
    return;
  }
  const Overlap columns = FindOverlap(region.left, region.columns, images.width);
  const size_t before = columns.before * depth, inside = columns.inside * depth;
  std::memset(out, 0, before * sizeof(float));
  if (inside > 0) {
    const size_t first = static_cast<size_t>(std::max<ptrdiff_t>(region.left, 0));
    const float* from = images.x + ((image * images.height + static_cast<size_t>(y)) * images.width + first) * depth;
    std::memcpy(out + before, from, inside * sizeof(float));
  }
  std::memset(out + before + inside, 0, (all - before - inside) * sizeof(float));
}

}  // namespace

bool IsInside(const FloatImages& images, const FloatRegion& region) {
  return region.top >= 0 && region.left >= 0 && static_cast<size_t>(region.top) + region.rows <= images.height &&
         static_cast<size_t>(region.left) + region.columns <= images.width;
}

size_t RegionBytes(const FloatImages& images, const FloatRegion& region) {
  return IsInside(images, region) ? 0 : images.batches * region.rows * region.columns * images.depth * sizeof(float);
}

FloatView ViewRegion(const FloatImages& images, const FloatRegion& region, size_t threads, float* copy) {
  if (IsInside(images, region)) {
    const size_t row = images.width * images.depth;
    const size_t corner = static_cast<size_t>(region.top) * row + static_cast<size_t>(region.left) * images.depth;
    return {images.x + corner, row, images.height * row};
  }
  const size_t row = region.columns * images.depth, count = images.batches * region.rows;
  ForParts(threads, count, kCopyNanoseconds * static_cast<double>(count) * static_cast<double>(row),
           [&](size_t first, size_t end, size_t) {
             for (size_t i = first; i < end; ++i) CopyRow(images, region, i / region.rows, i % region.rows, copy + i * row);
           });
  return {copy, row, region.rows * row};
}

void PointToRow(const FloatImages& images, const FloatRegion& region, size_t image, size_t row, const float* zeros,
                const float** pixels) {
  const ptrdiff_t y = region.top + static_cast<ptrdiff_t>(row);
  if (y < 0 || y >= static_cast<ptrdiff_t>(images.height)) {
    std::fill_n(pixels, region.columns, zeros);
    return;
  }
  const Overlap columns = FindOverlap(region.left, region.columns, images.width);
  std::fill_n(pixels, columns.before, zeros);
  const size_t first = static_cast<size_t>(std::max<ptrdiff_t>(region.left, 0));
  const float* pixel = images.x + ((image * images.height + static_cast<size_t>(y)) * images.width + first) * images.depth;
  for (size_t i = 0; i < columns.inside; ++i) pixels[columns.before + i] = pixel + i * images.depth;
  const size_t end = columns.before + columns.inside;
  std::fill_n(pixels + end, region.columns - end, zeros);
}

}  // namespace octensor
