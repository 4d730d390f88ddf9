#include "ops/float_depthwise_rows.h"

#include <math.h>

#include <algorithm>
#include <cstring>

#include "core/aligned_buffer.h"
#include "ops/float_parts.h"

namespace octensor {
namespace {

constexpr double kTapNanoseconds = 0.02, kGradientTapNanoseconds = 0.03;  // per tap and output element
constexpr size_t kMinGroupRows = 8;

size_t GroupCount(const FloatWindow& w) {
  return std::clamp<size_t>(w.batches * w.out_height / kMinGroupRows, 1, kDepthwiseGroups);
}

double TapWork(const FloatWindow& w, const FloatImages& images) {
  const double pixels = static_cast<double>(images.batches) * static_cast<double>(w.out_height * w.out_width);
  return static_cast<double>(w.kernel_height * w.kernel_width) * pixels * static_cast<double>(images.depth);
}

// What the windows of one row of outputs see.
void PointToRows(const FloatImages& images, const FloatRegion& region, const FloatWindow& w, size_t image, size_t out_row,
                 const float* zeros, const float** pixels) {
  for (size_t ky = 0; ky < w.kernel_height; ++ky) {
    PointToRow(images, region, image, out_row * w.stride_y + ky * w.dilation_y, zeros, pixels + ky * region.columns);
  }
}

}  // namespace

size_t PixelTableBytes(size_t kernel_height, size_t columns) {
  return RoundUp(kernel_height * columns * sizeof(const float*), kAlignment);
}

void FloatDepthwise(const FloatDepthwiseArgs& args) {
  const FloatWindow& w = args.window;
  const size_t table = PixelTableBytes(w.kernel_height, args.region.columns) / sizeof(const float*);
  const double work = kTapNanoseconds * TapWork(w, args.images);
  ForParts(args.threads, args.images.batches * w.out_height, work, [&](size_t first, size_t end, size_t worker) {
    const float** pixels = args.pixels + worker * table;
    for (size_t i = first; i < end; ++i) {
      const size_t image = i / w.out_height, out_row = i % w.out_height;
      PointToRows(args.images, args.region, w, image, out_row, args.zeros, pixels);
      FloatDepthwiseRow row;
      row.channels = args.images.depth;
      row.kernel_height = w.kernel_height;
      row.kernel_width = w.kernel_width;
      row.stride = w.stride_x;
      row.dilation = w.dilation_x;
      row.pixels = w.out_width;
      row.x = pixels;
      row.pitch = args.region.columns;
      row.w = args.w;
      row.bias = args.bias;
      row.bounds = args.bounds;
      row.y = args.y + image * args.y_image_step + out_row * args.y_row_step;
      row.y_step = args.y_step;
      args.kernels->depthwise(row);
    }
  });
}

size_t DepthwisePartials(const FloatWindow& w, size_t channels) {
  return (GroupCount(w) - 1) * w.kernel_height * w.kernel_width * channels;
}

void FloatDepthwiseGradient(const FloatDepthwiseGradientArgs& args) {
  const FloatWindow& w = args.window;
  const FloatRegion region = w.reach();
  const size_t channels = args.images.depth, size = w.kernel_height * w.kernel_width * channels;
  const size_t table = PixelTableBytes(w.kernel_height, region.columns) / sizeof(const float*);
  const size_t rows = w.batches * w.out_height, groups = GroupCount(w);
  const double work = kGradientTapNanoseconds * TapWork(w, args.images);
  ForParts(args.threads, groups, work, [&](size_t first, size_t end, size_t worker) {
    const float** pixels = args.pixels + worker * table;
    for (size_t group = first; group < end; ++group) {
      float* dw = group == 0 ? args.dw : args.partials + (group - 1) * size;
      std::memset(dw, 0, size * sizeof(float));
      for (size_t i = rows * group / groups; i < rows * (group + 1) / groups; ++i) {
        PointToRows(args.images, region, w, i / w.out_height, i % w.out_height, args.zeros, pixels);
        args.kernels->depthwise_gradient({channels, w.kernel_height, w.kernel_width, w.stride_x, w.dilation_x, w.out_width,
                                          pixels, region.columns, args.dy + i * w.out_width * channels, dw});
      }
    }
  });
  for (size_t group = 1; group < groups; ++group) {
    args.kernels->binary(FloatBinary::kAdd, args.dw, 1, args.partials + (group - 1) * size, 1, size, {-INFINITY, INFINITY},
                         args.dw);
  }
}

void RepeatChannels(const float* x, size_t count, size_t multiplier, size_t threads, float* y) {
  ForParts(threads, count, static_cast<double>(count) * static_cast<double>(multiplier), [&](size_t first, size_t end, size_t) {
    for (size_t i = first; i < end; ++i) std::fill_n(y + i * multiplier, multiplier, x[i]);
  });
}

}  // namespace octensor
