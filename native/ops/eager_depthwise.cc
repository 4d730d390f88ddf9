// Depthwise convolution of images in NHWC order with a filter of [kernelHeight, kernelWidth, depth, multiplier], and its
// gradients.
#include <math.h>

#include <algorithm>
#include <cstring>

#include "ops/eager_memory.h"
#include "ops/eager_window.h"
#include "ops/float_depthwise_rows.h"
#include "ops/float_parts.h"

namespace octensor {
namespace {

struct Problem {
  FloatWindow w;
  size_t multiplier, channels, taps;
  size_t padded;  // channels, to whole vectors
};

Problem ReadProblem(const EagerCall& call, EagerFields* fields) {
  Problem p;
  p.w = ReadEagerWindow(fields);
  p.multiplier = fields->Size(1);
  p.channels = EagerProduct(fields, {p.w.depth, p.multiplier});
  p.taps = EagerProduct(fields, {p.w.kernel_height, p.w.kernel_width});
  p.padded = RoundUp(p.channels, call.kernels->nr_step);
  EagerProduct(fields, {p.taps, p.padded});
  EagerProduct(fields, {p.w.batches, p.w.height, p.w.width, p.channels});
  EagerProduct(fields, {p.w.kernel_height, p.w.reach_width(), sizeof(const float*), call.threads});
  return p;
}

size_t XCount(const Problem& p, EagerFields* fields) {
  return EagerProduct(fields, {p.w.batches, p.w.height, p.w.width, p.w.depth});
}
size_t YCount(const Problem& p, EagerFields* fields) {
  return EagerProduct(fields, {p.w.batches, p.w.out_height, p.w.out_width, p.channels});
}

// The input with its channels repeated, or itself.
const float* Repeat(const EagerCall& call, const Problem& p, const float* x, float* repeated) {
  if (p.multiplier == 1) return x;
  RepeatChannels(x, InputCount(p.w), p.multiplier, call.threads, repeated);
  return repeated;
}
size_t RepeatedCount(const Problem& p) { return p.multiplier == 1 ? 0 : InputCount(p.w) * p.multiplier; }

void CopyPadded(const float* x, const Problem& p, float* y) {
  std::copy_n(x, p.channels, y);
  std::fill(y + p.channels, y + p.padded, 0.0f);
}

}  // namespace

// Numbers: a window, multiplier, hasBias, lo, hi. Operands: x of [batches, height, width, depth], filter of [kernelHeight,
// kernelWidth, depth, multiplier], perhaps bias of [depth * multiplier], y of [batches, outHeight, outWidth, depth *
// multiplier].
Status EagerDepthwiseCall(const EagerCall& call) {
  EagerFields fields(call);
  const Problem p = ReadProblem(call, &fields);
  const FloatWindow& w = p.w;
  const bool has_bias = fields.Flag();
  const FloatBounds bounds = ReadEagerBounds(&fields);
  const float* x = fields.In(XCount(p, &fields));
  const float* filter = fields.In(p.taps * p.channels);
  const float* bias = has_bias ? fields.In(p.channels) : nullptr;
  float* y = fields.Out(YCount(p, &fields));
  Status status = fields.Finish();
  if (!status.ok()) return status;

  EagerMemory memory(call);
  const size_t weights = memory.AddFloats(p.taps * p.padded), padded_bias = memory.AddFloats(p.padded),
               zeros = memory.AddFloats(p.padded), repeated = memory.AddFloats(RepeatedCount(p)),
               pixels = memory.Add(call.threads * PixelTableBytes(w.kernel_height, w.reach_width()));
  status = memory.Reserve();
  if (!status.ok()) return status;
  for (size_t tap = 0; tap < p.taps; ++tap) CopyPadded(filter + tap * p.channels, p, memory.At(weights) + tap * p.padded);
  std::fill_n(memory.At(zeros), p.padded, 0.0f);
  CopyPadded(has_bias ? bias : memory.At(zeros), p, memory.At(padded_bias));

  FloatDepthwiseArgs args = {};
  args.kernels = call.kernels;
  args.images = {Repeat(call, p, x, memory.At(repeated)), w.batches, w.height, w.width, p.channels};
  args.window = w;
  args.region = w.reach();
  args.w = memory.At(weights);
  args.bias = memory.At(padded_bias);
  args.zeros = memory.At(zeros);
  args.bounds = bounds;
  args.pixels = memory.At<const float*>(pixels);
  args.y = y;
  args.y_step = p.channels;
  args.y_row_step = w.out_width * p.channels;
  args.y_image_step = w.out_height * args.y_row_step;
  args.threads = call.threads;
  FloatDepthwise(args);
  return {};
}

namespace {

void RunPhase(const EagerCall& call, const Problem& p, const GradientPhase& phase, const float* filter, float* weights,
              FloatDepthwiseArgs args) {
  const FloatWindow& w = p.w;
  for (size_t j = 0; j < phase.y.taps; ++j) {
    for (size_t i = 0; i < phase.x.taps; ++i) {
      CopyPadded(filter + TapOf(w, phase, j, i) * p.channels, p, weights + (j * phase.x.taps + i) * p.padded);
    }
  }
  FloatWindow window = {};
  window.kernel_height = phase.y.taps;
  window.kernel_width = phase.x.taps;
  window.stride_y = window.stride_x = window.dilation_y = window.dilation_x = 1;
  window.out_height = phase.y.count;
  window.out_width = phase.x.count;
  args.kernels = call.kernels;
  args.window = window;
  args.region = phase.region();
  args.w = weights;
  args.bounds = {-INFINITY, INFINITY};
  args.y += (phase.y.first * w.width + phase.x.first) * p.channels;
  args.y_step = w.stride_x * p.channels;
  args.y_row_step = w.stride_y * w.width * p.channels;
  args.y_image_step = w.height * w.width * p.channels;
  args.threads = call.threads;
  FloatDepthwise(args);
}

// y[i] = the sum of `multiplier` neighbours in x.
void SumNeighbours(const float* x, size_t count, size_t multiplier, size_t threads, float* y) {
  ForParts(threads, count, static_cast<double>(count) * static_cast<double>(multiplier), [&](size_t first, size_t end, size_t) {
    for (size_t i = first; i < end; ++i) {
      float sum = 0;
      for (size_t m = 0; m < multiplier; ++m) sum += x[i * multiplier + m];
      y[i] = sum;
    }
  });
}

}  // namespace

// Numbers: a window, multiplier. Operands: dy, filter, dx, shaped as y, filter, x of EagerDepthwiseCall.
Status EagerDepthwiseInputGradientCall(const EagerCall& call) {
  EagerFields fields(call);
  const Problem p = ReadProblem(call, &fields);
  const FloatWindow& w = p.w;
  if (w.dilation_y != 1 || w.dilation_x != 1) fields.Fail(StatusCode::kShape, "expected windows without gaps");
  const float* dy = fields.In(YCount(p, &fields));
  const float* filter = fields.In(p.taps * p.channels);
  float* dx = fields.Out(XCount(p, &fields));
  EagerProduct(&fields, {w.kernel_height, w.width + w.kernel_width, sizeof(const float*), call.threads});
  Status status = fields.Finish();
  if (!status.ok()) return status;

  const size_t table = PixelTableBytes(w.kernel_height, w.width + w.kernel_width);
  EagerMemory memory(call);
  const size_t weights = memory.AddFloats(p.taps * p.padded), zeros = memory.AddFloats(p.padded),
               repeated = memory.AddFloats(RepeatedCount(p)), pixels = memory.Add(call.threads * table);
  status = memory.Reserve();
  if (!status.ok()) return status;
  std::fill_n(memory.At(zeros), p.padded, 0.0f);
  FloatDepthwiseArgs args = {};
  args.images = {dy, w.batches, w.out_height, w.out_width, p.channels};
  args.bias = args.zeros = memory.At(zeros);
  args.pixels = memory.At<const float*>(pixels);
  args.y = p.multiplier == 1 ? dx : memory.At(repeated);
  const std::vector<GradientPhase> phases = FindGradientPhases(w);
  // Strides wider than windows leave places that no tap meets.
  if (w.stride_y > w.kernel_height || w.stride_x > w.kernel_width) {
    std::memset(args.y, 0, InputCount(w) * p.multiplier * sizeof(float));
  }
  for (const GradientPhase& phase : phases) {
    if (!phase.is_empty() && phase.taps() > 0) RunPhase(call, p, phase, filter, memory.At(weights), args);
  }
  if (p.multiplier > 1) SumNeighbours(args.y, InputCount(w), p.multiplier, call.threads, dx);
  return {};
}

// Numbers: a window, multiplier. Operands: x, dy, dfilter, shaped as x, y, filter of EagerDepthwiseCall.
Status EagerDepthwiseFilterGradientCall(const EagerCall& call) {
  EagerFields fields(call);
  const Problem p = ReadProblem(call, &fields);
  const FloatWindow& w = p.w;
  const float* x = fields.In(XCount(p, &fields));
  const float* dy = fields.In(YCount(p, &fields));
  float* filter = fields.Out(p.taps * p.channels);
  EagerProduct(&fields, {kDepthwiseGroups, p.taps, p.channels});
  Status status = fields.Finish();
  if (!status.ok()) return status;

  EagerMemory memory(call);
  const size_t zeros = memory.AddFloats(p.padded), repeated = memory.AddFloats(RepeatedCount(p)),
               partials = memory.AddFloats(DepthwisePartials(w, p.channels)),
               pixels = memory.Add(call.threads * PixelTableBytes(w.kernel_height, w.reach_width()));
  status = memory.Reserve();
  if (!status.ok()) return status;
  std::fill_n(memory.At(zeros), p.padded, 0.0f);
  FloatDepthwiseGradientArgs args = {};
  args.kernels = call.kernels;
  args.images = {Repeat(call, p, x, memory.At(repeated)), w.batches, w.height, w.width, p.channels};
  args.window = w;
  args.dy = dy;
  args.zeros = memory.At(zeros);
  args.pixels = memory.At<const float*>(pixels);
  args.dw = filter;
  args.partials = memory.At(partials);
  args.threads = call.threads;
  FloatDepthwiseGradient(args);
  return {};
}

}  // namespace octensor
