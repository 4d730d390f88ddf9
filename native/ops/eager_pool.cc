// Maximum and average over windows of images in NHWC order, each over the part of the window that lies inside the image, as
// TensorFlow.js has them; and their gradients.
#include <algorithm>
#include <cstring>

#include "ops/eager_window.h"
#include "ops/float_parts.h"

namespace octensor {
namespace {

constexpr double kTapNanoseconds = 0.08, kGradientTapNanoseconds = 0.5;  // per tap and element
constexpr size_t kBlock = 64;  // channels that one part of a gradient takes: with few images there are parts enough
constexpr size_t kMaxTaps = size_t{1} << 24;  // kernels/float.h

struct Problem {
  FloatWindow w;
  bool is_average;
};

Problem ReadProblem(EagerFields* fields) {
  Problem p;
  p.w = ReadEagerWindow(fields);
  p.is_average = fields->Flag();
  if (p.w.dilation_y != 1 || p.w.dilation_x != 1) fields->Fail(StatusCode::kShape, "expected windows without gaps");
  if (p.w.kernel_height * p.w.kernel_width > kMaxTaps) fields->Fail(StatusCode::kShape, "expected smaller windows");
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

FloatPoolWindow WindowOf(const FloatWindow& w, Span rows, Span columns, size_t channels) {
  FloatPoolWindow window = {};
  window.rows = rows.end - rows.first;
  window.columns = columns.end - columns.first;
  window.channels = channels;
  window.row_step = w.width * w.depth;
  window.depth = w.depth;
  return window;
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
  const Status status = fields.Finish();
  if (!status.ok()) return status;
  const auto pool = p.is_average ? call.kernels->pool_average : call.kernels->pool_max;
  ForParts(call.threads, w.batches * w.out_height, kTapNanoseconds * Work(w), [&](size_t first, size_t end, size_t) {
    for (size_t i = first; i < end; ++i) {
      const float* image = x + i / w.out_height * w.height * w.width * w.depth;
      const Span rows = RowSpan(w, i % w.out_height);
      for (size_t out = 0; out < w.out_width; ++out) {
        FloatPoolWindow window = WindowOf(w, rows, ColumnSpan(w, out), w.depth);
        window.x = image + (rows.first * w.width + ColumnSpan(w, out).first) * w.depth;
        window.y = y + (i * w.out_width + out) * w.depth;
        pool(window);
      }
    }
  });
  return {};
}

// Numbers: a window, average. Operands: x (not for averages), dy of [batches, outHeight, outWidth, depth], dx of [batches,
// height, width, depth]. An average's gradient is divided by the whole window even where that reaches outside, as TensorFlow.js
// does.
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
          const size_t corner = (rows.first * w.width + columns.first) * w.depth;
          FloatPoolWindow window = WindowOf(w, rows, columns, count);
          window.x = x + n * image + c + corner;
          window.dy = from;
          window.y = to + corner;
          call.kernels->pool_max_gradient(window);
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
