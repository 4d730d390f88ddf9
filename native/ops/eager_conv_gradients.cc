// Gradients of a convolution (eager_conv.cc) by its filter and by its input, from dy, the gradient of its output.
#include <math.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "ops/eager_memory.h"
#include "ops/eager_window.h"
#include "ops/float_gemm.h"
#include "ops/float_outer.h"
#include "ops/float_panels.h"
#include "ops/float_parts.h"

namespace octensor {
namespace {

constexpr double kCopyNanoseconds = 0.15;  // per element

struct Problem {
  FloatWindow w;
  size_t channels;
};

Problem ReadProblem(EagerFields* fields) {
  Problem p;
  p.w = ReadEagerWindow(fields);
  p.channels = fields->Size(1);
  if (p.w.dilation_y != 1 || p.w.dilation_x != 1) fields->Fail(StatusCode::kShape, "expected windows without gaps");
  return p;
}

// Of the filter, the taps of this phase in reverse order; a tap is [depth, channels] and becomes [channels, depth].
void PackPhase(const FloatKernels& kernels, const Problem& p, const GradientPhase& phase, const float* filter, float* panels) {
  const FloatWindow& w = p.w;
  for (size_t j = 0; j < phase.y.taps; ++j) {
    for (size_t i = 0; i < phase.x.taps; ++i) {
      const float* tap = filter + TapOf(w, phase, j, i) * w.depth * p.channels;
      PackSomeRows(kernels, {tap, 1, p.channels}, (j * phase.x.taps + i) * p.channels, p.channels, phase.taps() * p.channels,
                   w.depth, panels);
    }
  }
}

// Puts a phase's pixels (zeros if null) where they belong.
void Spread(const FloatWindow& w, const GradientPhase& phase, const float* pixels, size_t threads, float* dx) {
  const size_t rows = w.batches * phase.y.count;
  ForParts(threads, rows, kCopyNanoseconds * static_cast<double>(rows * phase.x.count * w.depth),
           [&](size_t first, size_t end, size_t) {
             for (size_t row = first; row < end; ++row) {
               const size_t image = row / phase.y.count, y = phase.y.first + row % phase.y.count * w.stride_y;
               float* to = dx + ((image * w.height + y) * w.width + phase.x.first) * w.depth;
               for (size_t i = 0; i < phase.x.count; ++i, to += w.stride_x * w.depth) {
                 if (pixels == nullptr) {
                   std::memset(to, 0, w.depth * sizeof(float));
                 } else {
                   std::memcpy(to, pixels + (row * phase.x.count + i) * w.depth, w.depth * sizeof(float));
                 }
               }
             }
           });
}

// Scratch memory that is enough for each of the phases.
struct PhaseMemory {
  size_t region, panels, bias, pixels;
};

PhaseMemory PlanPhases(const FloatKernels& kernels, const Problem& p, const FloatImages& dy,
                       const std::vector<GradientPhase>& phases, EagerMemory* memory) {
  size_t region = 0, panels = 0, pixels = 0;
  for (const GradientPhase& phase : phases) {
    if (phase.is_empty() || phase.taps() == 0) continue;
    region = std::max(region, RegionBytes(dy, phase.region()));
    panels = std::max(panels, PackedBytes(kernels, phase.taps() * p.channels, p.w.depth));
    pixels = std::max(pixels, p.w.batches * phase.y.count * phase.x.count * p.w.depth);
  }
  return {memory->Add(region), memory->Add(panels), memory->AddFloats(PaddedBiasCount(kernels, p.w.depth)),
          memory->AddFloats(phases.size() > 1 ? pixels : 0)};
}

void RunPhase(const EagerCall& call, const Problem& p, const FloatImages& dy, const float* filter, const GradientPhase& phase,
              const PhaseMemory& places, const EagerMemory& memory, float* out) {
  const FloatKernels& kernels = *call.kernels;
  PackPhase(kernels, p, phase, filter, memory.At(places.panels));
  const FloatView view = ViewRegion(dy, phase.region(), call.threads, memory.At(places.region));
  FloatWindow window = {};
  window.kernel_height = phase.y.taps;
  window.kernel_width = phase.x.taps;
  window.dilation_y = window.dilation_x = 1;
  window.depth = p.channels;
  const std::vector<ptrdiff_t> taps = WindowTaps(window, view.row_step, true);
  const size_t k = phase.taps() * p.channels;
  FloatGemmArgs args = {};
  args.b = {&kernels, k, p.w.depth, k * kernels.nr, memory.At(places.panels), memory.At(places.bias)};
  args.a = {view.x, phase.x.count, phase.y.count, p.channels, view.row_step, view.image_step};
  args.m = p.w.batches * phase.y.count * phase.x.count;
  args.tap_offsets = &taps;
  args.bounds = {-INFINITY, INFINITY};
  args.c = out;
  args.c_stride = p.w.depth;
  args.threads = call.threads;
  FloatGemm(args);
}

}  // namespace

// Numbers: a window, channels. Operands: dy of [batches, outHeight, outWidth, channels], filter of [kernelHeight, kernelWidth,
// depth, channels], dx of [batches, height, width, depth].
//
// dx[iy][ix] = sum of dy[oy][ox] filter[ky][kx]^T over iy + top = oy strideY + ky and likewise across. For each remainder of
// iy + top by the stride this is a convolution of stride 1 with some of the taps; with stride 1 there is one.
Status EagerConvInputGradientCall(const EagerCall& call) {
  EagerFields fields(call);
  const Problem p = ReadProblem(&fields);
  const FloatWindow& w = p.w;
  const float* dy = fields.In(EagerProduct(&fields, {w.batches, w.out_height, w.out_width, p.channels}));
  const float* filter = fields.In(EagerProduct(&fields, {w.kernel_height, w.kernel_width, w.depth, p.channels}));
  float* dx = fields.Out(EagerProduct(&fields, {w.batches, w.height, w.width, w.depth}));
  // Regions of dy: of each axis, at most a place for each place of the input and each tap.
  EagerProduct(&fields, {w.batches, w.height + w.kernel_height, w.width + w.kernel_width, p.channels});
  EagerProduct(&fields, {w.kernel_height, w.kernel_width, p.channels, RoundUp(w.depth, kMaxFloatNr)});
  Status status = fields.Finish();
  if (!status.ok()) return status;

  const FloatImages images = {dy, w.batches, w.out_height, w.out_width, p.channels};
  const std::vector<GradientPhase> phases = FindGradientPhases(w);
  EagerMemory memory(call);
  const PhaseMemory places = PlanPhases(*call.kernels, p, images, phases, &memory);
  status = memory.Reserve();
  if (!status.ok()) return status;
  std::fill_n(memory.At(places.bias), PaddedBiasCount(*call.kernels, w.depth), 0.0f);
  for (const GradientPhase& phase : phases) {
    if (phase.is_empty()) continue;
    const bool is_zero = phase.taps() == 0, is_whole = phases.size() == 1 && !is_zero;
    float* pixels = is_whole ? dx : memory.At(places.pixels);
    if (!is_zero) RunPhase(call, p, images, filter, phase, places, memory, pixels);
    if (!is_whole) Spread(w, phase, is_zero ? nullptr : pixels, call.threads, dx);
  }
  return {};
}

// Numbers: a window, channels. Operands: x of [batches, height, width, depth], dy of [batches, outHeight, outWidth, channels],
// dfilter of [kernelHeight, kernelWidth, depth, channels].
//
// dfilter[ky][kx] = sum over all pixels of x[oy strideY + ky - top][ox strideX + kx - left]^T dy[oy][ox]: an outer product
// whose k's are pixels. A row of the window is a run of x, a row of dy a segment.
Status EagerConvFilterGradientCall(const EagerCall& call) {
  EagerFields fields(call);
  const Problem p = ReadProblem(&fields);
  const FloatWindow& w = p.w;
  const float* x = fields.In(EagerProduct(&fields, {w.batches, w.height, w.width, w.depth}));
  const float* dy = fields.In(EagerProduct(&fields, {w.batches, w.out_height, w.out_width, p.channels}));
  const size_t m = EagerProduct(&fields, {w.kernel_height, w.kernel_width, w.depth});
  float* filter = fields.Out(EagerProduct(&fields, {m, p.channels}));
  EagerProduct(&fields, {kMaxFloatMr, m, p.channels});
  Status status = fields.Finish();
  if (!status.ok()) return status;

  const size_t pixels = OutputPixels(w);
  const FloatImages images = InputImages(w, x);
  EagerMemory memory(call);
  const size_t region = memory.Add(RegionBytes(images, w.reach()));
  const size_t partials = memory.AddFloats(OuterPartials(m, pixels, p.channels));
  status = memory.Reserve();
  if (!status.ok()) return status;
  if (IsPlainMatrix(w)) {
    FloatOuterProduct({call.kernels, x, dy, m, pixels, p.channels, filter, memory.At(partials), call.threads});
    return {};
  }
  const FloatView view = ViewRegion(images, w.reach(), call.threads, memory.At(region));
  const std::vector<ptrdiff_t> runs = WindowTaps(w, view.row_step, true);
  std::vector<ptrdiff_t> segments(w.batches * w.out_height);
  for (size_t i = 0; i < segments.size(); ++i) {
    const size_t image = i / w.out_height, row = i % w.out_height;
    segments[i] = static_cast<ptrdiff_t>(image * view.image_step + row * w.stride_y * view.row_step);
  }
  FloatOuter({call.kernels, view.x, m / runs.size(), &runs, pixels, kOuterSlice, w.out_width, &segments, w.stride_x * w.depth,
              dy, p.channels, filter, memory.At(partials), call.threads});
  return {};
}

}  // namespace octensor
