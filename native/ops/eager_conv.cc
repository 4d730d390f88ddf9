// Convolution of images in NHWC order with a filter in HWIO order, which is packed at every call.
#include <algorithm>

#include "ops/eager_memory.h"
#include "ops/eager_outer.h"
#include "ops/eager_window.h"
#include "ops/float_gemm.h"
#include "ops/float_panels.h"

namespace octensor {

// Numbers: a window (ReadEagerWindow), channels, hasBias, lo, hi. Operands: x of [batches, height, width, depth], filter of
// [kernelHeight, kernelWidth, depth, channels], perhaps bias of [channels], y of [batches, outHeight, outWidth, channels].
Status EagerConvCall(const EagerCall& call) {
  EagerFields fields(call);
  const FloatWindow w = ReadEagerWindow(&fields);
  const size_t channels = fields.Size(1);
  const bool has_bias = fields.Flag();
  const FloatBounds bounds = ReadEagerBounds(&fields);
  const size_t k = EagerProduct(&fields, {w.kernel_height, w.kernel_width, w.depth});
  const float* x = fields.In(EagerProduct(&fields, {w.batches, w.height, w.width, w.depth}));
  const float* filter = fields.In(EagerProduct(&fields, {k, channels}));
  const float* bias = has_bias ? fields.In(channels) : nullptr;
  float* y = fields.Out(EagerProduct(&fields, {w.batches, w.out_height, w.out_width, channels}));
  EagerProduct(&fields, {k, RoundUp(channels, kMaxFloatNr)});
  Status status = fields.Finish();
  if (!status.ok()) return status;

  if (IsPlainMatrix(w) && OutputPixels(w) <= kFewRows) {
    const FloatPair one = {0, 0};
    return MultiplyOuter(call, {OutputPixels(w), w.depth, channels, x, filter, bias, 1, false, &one, 1, bounds, y});
  }
  const FloatKernels& kernels = *call.kernels;
  const FloatImages images = InputImages(w, x);
  EagerMemory memory(call);
  const size_t region = memory.Add(RegionBytes(images, w.reach())), panels = memory.Add(PackedBytes(kernels, k, channels));
  const size_t bias_count = PaddedBiasCount(kernels, channels), padded_bias = memory.AddFloats(bias_count);
  status = memory.Reserve();
  if (!status.ok()) return status;

  const FloatView view = ViewRegion(images, w.reach(), call.threads, memory.At(region));
  PackColumnsInParts(kernels, {filter, channels, 1}, k, channels, call.threads, memory.At(panels));
  std::fill_n(memory.At(padded_bias), bias_count, 0.0f);
  if (has_bias) std::copy_n(bias, channels, memory.At(padded_bias));
  const std::vector<ptrdiff_t> taps = WindowTaps(w, view.row_step, true);
  FloatGemmArgs args = {};
  args.b = {&kernels, k, channels, k * kernels.nr, memory.At(panels), memory.At(padded_bias)};
  args.a = {view.x, w.out_width, w.out_height, w.stride_x * w.depth, w.stride_y * view.row_step, view.image_step};
  args.m = OutputPixels(w);
  args.tap_offsets = &taps;
  args.bounds = bounds;
  args.c = y;
  args.c_stride = channels;
  args.threads = call.threads;
  FloatGemm(args);
  return {};
}

}  // namespace octensor
