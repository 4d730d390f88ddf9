// Maximum and average over windows of images in NHWC order, each over the part of the window that lies inside the image, as
// TensorFlow.js has them; and their gradients.
#include <math.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "ops/eager_memory.h"
#include "ops/eager_window.h"
#include "ops/float_parts.h"

namespace octensor {
namespace {

constexpr double kTapNanoseconds = 0.08, kGradientTapNanoseconds = 0.5;  // per tap and element
constexpr size_t kBlock = 64;  // channels that one part of a gradient takes: with few images there are parts enough
constexpr FloatBounds kNone = {-INFINITY, INFINITY};

struct Problem {
  FloatWindow w;
  bool is_average;
};

Problem ReadProblem(EagerFields* fields) {
  Problem p;
  p.w = ReadEagerWindow(fields);
  p.is_average = fields->Flag();
  if (p.w.dilation_y != 1 || p.w.dilation_x != 1) fields->Fail(StatusCode::kShape, "expected windows without gaps");
  // Taps are counted in 32 bits.
  if (p.w.kernel_height * p.w.kernel_width >= UINT32_MAX) fields->Fail(StatusCode::kShape, "expected smaller windows");
  return p;
}

size_t XCount(const Problem& p, EagerFields* fields) {
  return EagerProduct(fields, {p.w.batches, p.w.height, p.w.width, p.w.depth});
}
size_t YCount(const Problem& p, EagerFields* fields) {
  return EagerProduct(fields, {p.w.batches, p.w.out_height, p.w.out_width, p.w.depth});
}

// Of one axis, the places of a window that lie inside the image.
struct Span {
  size_t first, end;
};
Span FindSpan(size_t out, size_t stride, size_t before, size_t kernel, size_t size) {
  const size_t begin = out * stride, end = std::min(begin + kernel, before + size) - before;
  return {std::max(begin, before) - before, end};
}
Span RowSpan(const FloatWindow& w, size_t out) { return FindSpan(out, w.stride_y, w.top, w.kernel_height, w.height); }
Span ColumnSpan(const FloatWindow& w, size_t out) { return FindSpan(out, w.stride_x, w.left, w.kernel_width, w.width); }

double Work(const FloatWindow& w) {
  const double pixels = static_cast<double>(w.batches) * static_cast<double>(w.out_height * w.out_width);
  return pixels * static_cast<double>(w.kernel_height * w.kernel_width) * static_cast<double>(w.depth);
}

// First down the columns of a row of windows, as far as all windows together reach, then along it. A NaN is passed over, as by a
// comparison with the largest so far; the largest of nothing is -Infinity.
void PoolRow(const FloatKernels& kernels, const Problem& p, const float* image, size_t out_row, float* line, float* y) {
  const FloatWindow& w = p.w;
  const FloatBinary op = p.is_average ? FloatBinary::kAdd : FloatBinary::kMax;
  const Span rows = RowSpan(w, out_row);
  const size_t row = w.width * w.depth;
  std::fill_n(line, row, p.is_average ? 0.0f : -INFINITY);
  for (size_t i = rows.first; i < rows.end; ++i) kernels.binary(op, image + i * row, 1, line, 1, row, kNone, line);
  for (size_t out = 0; out < w.out_width; ++out, y += w.depth) {
    const Span columns = ColumnSpan(w, out);
    std::copy_n(line + columns.first * w.depth, w.depth, y);
    for (size_t i = columns.first + 1; i < columns.end; ++i) {
      kernels.binary(op, line + i * w.depth, 1, y, 1, w.depth, kNone, y);
    }
    if (!p.is_average) continue;
    const auto pixels = static_cast<float>((rows.end - rows.first) * (columns.end - columns.first));
    kernels.binary(FloatBinary::kDiv, y, 1, &pixels, 0, w.depth, kNone, y);
  }
}

// `count` channels of one window: dy goes to the first of the largest pixels, to none where all are NaN or -Infinity. Without
// branches, so that channels are lanes.
void SpreadMaximum(const FloatWindow& w, Span rows, Span columns, const float* x, const float* dy, size_t count, float* dx) {
  float largest[kBlock];
  uint32_t tap_of[kBlock];
  std::fill_n(largest, kBlock, -INFINITY);
  std::fill_n(tap_of, kBlock, UINT32_MAX);
  uint32_t tap = 0;
  for (size_t i = rows.first; i < rows.end; ++i) {
    for (size_t j = columns.first; j < columns.end; ++j, ++tap) {
      const float* from = x + (i * w.width + j) * w.depth;
      for (size_t c = 0; c < count; ++c) {
        const bool is_larger = from[c] > largest[c];
        largest[c] = is_larger ? from[c] : largest[c];
        tap_of[c] = is_larger ? tap : tap_of[c];
      }
    }
  }
  tap = 0;
  for (size_t i = rows.first; i < rows.end; ++i) {
    for (size_t j = columns.first; j < columns.end; ++j, ++tap) {
      float* to = dx + (i * w.width + j) * w.depth;
      for (size_t c = 0; c < count; ++c) to[c] += tap_of[c] == tap ? dy[c] : 0.0f;
    }
  }
}

void SpreadAverage(const FloatWindow& w, Span rows, Span columns, const float* dy, size_t count, float* dx) {
  for (size_t i = rows.first; i < rows.end; ++i) {
    for (size_t j = columns.first; j < columns.end; ++j) {
      float* to = dx + (i * w.width + j) * w.depth;
      for (size_t c = 0; c < count; ++c) to[c] += dy[c];
    }
  }
}

}  // namespace

// Numbers: a window, average. Operands: x of [batches, height, width, depth], y of [batches, outHeight, outWidth, depth].
Status EagerPoolCall(const EagerCall& call) {
  EagerFields fields(call);
  const Problem p = ReadProblem(&fields);
  const FloatWindow& w = p.w;
  const float* x = fields.In(XCount(p, &fields));
  float* y = fields.Out(YCount(p, &fields));
  EagerProduct(&fields, {call.threads, w.width, w.depth});
  Status status = fields.Finish();
  if (!status.ok()) return status;
  EagerMemory memory(call);
  const size_t line = RoundUp(w.width * w.depth, kAlignment), lines = memory.AddFloats(call.threads * line);
  status = memory.Reserve();
  if (!status.ok()) return status;
  ForParts(call.threads, w.batches * w.out_height, kTapNanoseconds * Work(w), [&](size_t first, size_t end, size_t worker) {
    for (size_t i = first; i < end; ++i) {
      const float* image = x + i / w.out_height * w.height * w.width * w.depth;
      PoolRow(*call.kernels, p, image, i % w.out_height, memory.At(lines) + worker * line, y + i * w.out_width * w.depth);
    }
  });
  return {};
}

// Numbers: a window, average. Operands: x (not for averages), dy of [batches, outHeight, outWidth, depth], dx of [batches, height,
// width, depth]. An average's gradient is divided by the whole window even where that reaches outside, as TensorFlow.js does.
Status EagerPoolGradientCall(const EagerCall& call) {
  EagerFields fields(call);
  const Problem p = ReadProblem(&fields);
  const FloatWindow& w = p.w;
  const float* x = p.is_average ? nullptr : fields.In(XCount(p, &fields));
  const float* dy = fields.In(YCount(p, &fields));
  float* dx = fields.Out(XCount(p, &fields));
  const Status status = fields.Finish();
  if (!status.ok()) return status;
  const size_t image = w.height * w.width * w.depth, blocks = (w.depth + kBlock - 1) / kBlock;
  const float share = 1.0f / (static_cast<float>(w.kernel_height) * static_cast<float>(w.kernel_width));
  std::memset(dx, 0, w.batches * image * sizeof(float));
  ForParts(call.threads, w.batches * blocks, kGradientTapNanoseconds * Work(w), [&](size_t first, size_t end, size_t) {
    for (size_t item = first; item < end; ++item) {
      const size_t n = item / blocks, c = item % blocks * kBlock, count = std::min(kBlock, w.depth - c);
      float* to = dx + n * image + c;
      for (size_t out = 0; out < w.out_height * w.out_width; ++out) {
        const Span rows = RowSpan(w, out / w.out_width), columns = ColumnSpan(w, out % w.out_width);
        const float* from = dy + (n * w.out_height * w.out_width + out) * w.depth + c;
        if (p.is_average) {
          SpreadAverage(w, rows, columns, from, count, to);
        } else {
          SpreadMaximum(w, rows, columns, x + n * image + c, from, count, to);
        }
      }
      if (!p.is_average) continue;
      for (size_t pixel = 0; pixel < w.height * w.width; ++pixel, to += w.depth) {
        for (size_t i = 0; i < count; ++i) to[i] *= share;
      }
    }
  });
  return {};
}

}  // namespace octensor
