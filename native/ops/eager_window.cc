#include "ops/eager_window.h"

#include <algorithm>

namespace octensor {
namespace {

constexpr size_t kMaxProduct = size_t{1} << 38;
constexpr size_t kMaxReach = size_t{1} << 16;
// What windows see may be so many elements more than so many times the image: what is copied is not much larger than what came.
constexpr size_t kSpareElements = size_t{1} << 22, kMaxGrowth = 16;

// With its gaps.
size_t Reach(size_t kernel, size_t dilation) { return (kernel - 1) * dilation + 1; }

bool AllOverlap(size_t size, size_t kernel, size_t stride, size_t dilation, size_t before, size_t out) {
  return Reach(kernel, dilation) <= kMaxReach && before < Reach(kernel, dilation) && (out - 1) * stride < before + size;
}

AxisPhase FindAxisPhase(size_t phase, size_t size, size_t kernel, size_t stride, size_t before) {
  AxisPhase p = {};
  p.phase = phase;
  p.taps = phase < kernel ? (kernel - 1 - phase) / stride + 1 : 0;
  // Place i of the input is i + before from the padded edge: `first` is the first that is at phase + stride * windows.
  const size_t windows = before > phase ? (before - phase + stride - 1) / stride : 0;
  p.first = phase + stride * windows - before;
  p.count = p.first < size ? (size - 1 - p.first) / stride + 1 : 0;
  p.begin = static_cast<ptrdiff_t>(windows) - static_cast<ptrdiff_t>(p.taps) + 1;
  return p;
}

}  // namespace

size_t EagerProduct(EagerFields* fields, std::initializer_list<size_t> factors) {
  size_t product = 1;
  for (const size_t factor : factors) {
    if (factor != 0 && product > kMaxProduct / factor) {
      fields->Fail(StatusCode::kShape, "expected dimensions whose product fits into memory");
      return 0;
    }
    product *= factor;
  }
  return product;
}

FloatWindow ReadEagerWindow(EagerFields* fields) {
  FloatWindow w;
  w.batches = fields->Size(1);
  w.height = fields->Size(1);
  w.width = fields->Size(1);
  w.depth = fields->Size(1);
  w.kernel_height = fields->Size(1);
  w.kernel_width = fields->Size(1);
  w.stride_y = fields->Size(1);
  w.stride_x = fields->Size(1);
  w.dilation_y = fields->Size(1);
  w.dilation_x = fields->Size(1);
  w.top = fields->Size();
  w.left = fields->Size();
  w.out_height = fields->Size(1);
  w.out_width = fields->Size(1);
  if (!AllOverlap(w.height, w.kernel_height, w.stride_y, w.dilation_y, w.top, w.out_height) ||
      !AllOverlap(w.width, w.kernel_width, w.stride_x, w.dilation_x, w.left, w.out_width)) {
    fields->Fail(StatusCode::kShape, "expected windows that all overlap the image");
  }
  if (!fields->ok()) return w;
  const size_t image = EagerProduct(fields, {w.batches, w.height, w.width, w.depth});
  if (EagerProduct(fields, {w.batches, w.reach_height(), w.reach_width(), w.depth}) > kSpareElements + kMaxGrowth * image) {
    fields->Fail(StatusCode::kShape, "expected windows that do not reach far outside the image");
  }
  EagerProduct(fields, {w.batches, w.out_height, w.out_width});
  EagerProduct(fields, {w.kernel_height, w.kernel_width, w.depth});
  return w;
}

FloatBounds ReadEagerBounds(EagerFields* fields) {
  const auto lo = static_cast<float>(fields->Number()), hi = static_cast<float>(fields->Number());
  if (fields->ok() && !(lo <= hi)) fields->Fail(StatusCode::kShape, "expected two bounds in ascending order");
  return {lo, hi};
}

std::vector<GradientPhase> FindGradientPhases(const FloatWindow& w) {
  std::vector<GradientPhase> phases;
  const size_t rows = std::min(w.stride_y, w.height), columns = std::min(w.stride_x, w.width);
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j) {
      phases.push_back({FindAxisPhase((i + w.top) % w.stride_y, w.height, w.kernel_height, w.stride_y, w.top),
                        FindAxisPhase((j + w.left) % w.stride_x, w.width, w.kernel_width, w.stride_x, w.left)});
    }
  }
  return phases;
}

size_t TapOf(const FloatWindow& w, const GradientPhase& phase, size_t j, size_t i) {
  const size_t ky = phase.y.phase + (phase.y.taps - 1 - j) * w.stride_y;
  const size_t kx = phase.x.phase + (phase.x.taps - 1 - i) * w.stride_x;
  return ky * w.kernel_width + kx;
}

}  // namespace octensor
