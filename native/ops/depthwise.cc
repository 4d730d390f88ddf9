// Depthwise convolution of 8-bit tensors, [batches, height, width, channels] times [kernelHeight, kernelWidth, channels *
// multiplier]. Kernels compute one row of outputs of a block of channels; padding is never copied: rows and columns outside
// the image are read from a row of zero points.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "core/thread_pool.h"
#include "kernels/registry.h"
#include "ops/packed_depthwise.h"
#include "ops/quantized_fields.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr double kMinThreadedMacs = 1 << 20;
constexpr size_t kItemsPerThread = 4;

struct DepthwiseShape {
  size_t batches, height, width, channels, multiplier;
  size_t out_height, out_width;
  size_t kernel_height, kernel_width;
  size_t stride_y, stride_x, dilation_y, dilation_x, top, left;

  size_t out_channels() const { return channels * multiplier; }
  size_t rows() const { return batches * out_height; }
};

class DepthwiseStep : public Step {
 public:
  DepthwiseStep(const DepthwiseShape& shape, Place x, Place y, uint8_t x_flip, PackedDepthwise packed, AlignedBuffer pad)
      : shape_(shape), x_(x), y_(y), x_flip_(x_flip), packed_(std::move(packed)), pad_(std::move(pad)) {
    const size_t taps = packed_.kernel->taps;
    pointer_count_ = RoundUp(shape.kernel_height, taps);
    const size_t expanded = shape.multiplier == 1 ? 0 : shape.kernel_height * shape.width * shape.out_channels();
    thread_bytes_ = RoundUp(pointer_count_ * sizeof(uint8_t*), kAlignment) + RoundUp(expanded, kAlignment);
  }

  void Run(const RunMemory& memory) const override {
    struct Call {
      const DepthwiseStep* step;
      const RunMemory* memory;
      size_t items;
    };
    const double macs = static_cast<double>(shape_.rows()) * static_cast<double>(shape_.out_width * shape_.out_channels()) *
                        static_cast<double>(shape_.kernel_height * shape_.kernel_width);
    const size_t threads = macs < kMinThreadedMacs ? 1 : memory.threads;
    Call call = {this, &memory, threads == 1 ? 1 : std::min(shape_.rows(), threads * kItemsPerThread)};
    const auto body = [](void* context, size_t item, size_t worker) {
      const Call& c = *static_cast<const Call*>(context);
      const size_t rows = c.step->shape_.rows();
      c.step->RunRows(*c.memory, rows * item / c.items, rows * (item + 1) / c.items, worker);
    };
    if (threads == 1) return body(&call, 0, 0);
    ThreadPool::Run(threads, call.items, body, &call);
  }

  const char* kernel() const override { return packed_.kernel->name; }
  size_t scratch_bytes() const override { return thread_bytes_ * threads_; }
  size_t size_bytes() const override { return packed_.size_bytes() + pad_.size_bytes(); }

  void set_threads(size_t threads) { threads_ = threads; }

 private:
  void RunRows(const RunMemory& memory, size_t first, size_t end, size_t worker) const {
    const DepthwiseShape& s = shape_;
    uint8_t* const scratch = memory.scratch + worker * thread_bytes_;
    const auto** rows = reinterpret_cast<const uint8_t**>(scratch);
    uint8_t* const expanded = scratch + RoundUp(pointer_count_ * sizeof(uint8_t*), kAlignment);
    const auto* pad = static_cast<const uint8_t*>(pad_.data());
    const size_t lanes = packed_.kernel->lanes;
    DepthwiseLine line = {};
    line.kernel_height = s.kernel_height;
    line.kernel_width = s.kernel_width;
    line.stride = s.stride_x;
    line.dilation = s.dilation_x;
    line.rows = rows;
    line.pad = pad;
    line.columns = s.width;
    line.left = s.left;
    line.outputs = s.out_width;
    line.x_step = line.y_step = s.out_channels();
    line.x_flip = x_flip_;
    line.epilogue = &packed_.epilogue;
    for (size_t row = first; row < end; ++row) {
      FindRows(memory.In<uint8_t>(x_), row, rows, expanded);
      uint8_t* const y = memory.Out<uint8_t>(y_) + row * s.out_width * line.y_step;
      for (size_t b = 0; b < packed_.blocks.size(); ++b) {
        const DepthwiseBlock& block = packed_.blocks[b];
        line.channel = block.channel;
        line.y = y + block.channel;
        line.pixels = block.pixels;
        line.channels = block.channels;
        line.weights = static_cast<const char*>(packed_.weights.data()) + b * packed_.block_bytes;
        const char* offsets = static_cast<const char*>(packed_.offsets.data()) + b * packed_.group_bytes;
        line.offsets = packed_.has_offsets ? offsets : nullptr;
        line.init = packed_.init + b * lanes;
        line.lane0 = b * lanes;
        packed_.kernel->run(line);
      }
    }
  }

  // The kernel's rows on the input for one row of outputs.
  void FindRows(const uint8_t* x, size_t row, const uint8_t** rows, uint8_t* expanded) const {
    const DepthwiseShape& s = shape_;
    const size_t batch = row / s.out_height, oy = row % s.out_height;
    const size_t row_bytes = s.width * s.channels;
    for (size_t ky = 0; ky < pointer_count_; ++ky) {
      rows[ky] = static_cast<const uint8_t*>(pad_.data());
      const size_t iy = oy * s.stride_y + ky * s.dilation_y - s.top;  // wraps below zero
      if (ky >= s.kernel_height || iy >= s.height) continue;
      rows[ky] = x + (batch * s.height + iy) * row_bytes;
      if (s.multiplier > 1) {
        uint8_t* const copy = expanded + ky * row_bytes * s.multiplier;
        for (size_t i = 0; i < row_bytes; ++i) std::memset(copy + i * s.multiplier, rows[ky][i], s.multiplier);
        rows[ky] = copy;
      }
    }
  }

  DepthwiseShape shape_;
  Place x_, y_;
  uint8_t x_flip_;
  PackedDepthwise packed_;
  AlignedBuffer pad_;  // a row of zero points
  size_t pointer_count_, thread_bytes_, threads_ = 1;
};

// The product, or a failure where it is more than a step accepts.
size_t Product(StepFields* fields, const char* name, std::initializer_list<size_t> factors) {
  double product = 1;
  for (const size_t factor : factors) product *= static_cast<double>(factor);
  if (product > static_cast<double>(kMaxStepBytes)) fields->Fail(name, StatusCode::kShape, "expected fewer elements");
  if (!fields->ok()) return 0;
  size_t exact = 1;
  for (const size_t factor : factors) exact *= factor;
  return exact;
}

DepthwiseShape ReadShape(StepFields* fields) {
  DepthwiseShape s;
  s.batches = fields->Size("batches");
  s.height = fields->Size("height");
  s.width = fields->Size("width");
  s.channels = fields->Size("channels");
  s.multiplier = fields->Size("multiplier");
  s.out_height = fields->Size("outHeight");
  s.out_width = fields->Size("outWidth");
  s.kernel_height = fields->Size("kernelHeight");
  s.kernel_width = fields->Size("kernelWidth");
  s.stride_y = fields->Size("strideY");
  s.stride_x = fields->Size("strideX");
  s.dilation_y = fields->Size("dilationY");
  s.dilation_x = fields->Size("dilationX");
  s.top = fields->Size("padTop", 0);
  s.left = fields->Size("padLeft", 0);
  return s;
}

}  // namespace

// x: bytes[batches][height][width][channels]; y: bytes[batches][outHeight][outWidth][channels * multiplier], of which output
// channel c * multiplier + m reads channel c. weights: Int8Array or Uint8Array[kernelHeight][kernelWidth][output channels];
// weightZeroPoint: Int32Array of 1 or one for each; bias: Int32Array; multipliers: Float64Array, both one for each output channel.
// isSigned, zeroPoints: of x, x and y (quantized_fields.h); bounds of y. numerics: a code of kernels/kernel.h.
void MakeDepthwiseStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const DepthwiseShape s = ReadShape(fields);
  const size_t x_count = Product(fields, "height", {s.batches, s.height, s.width, s.channels});
  const size_t y_count = Product(fields, "outHeight", {s.batches, s.out_height, s.out_width, s.channels, s.multiplier});
  const size_t w_count = Product(fields, "kernelHeight", {s.kernel_height, s.kernel_width, s.channels, s.multiplier});
  const size_t row_bytes = Product(fields, "width", {s.kernel_height, s.width, s.channels, s.multiplier});
  const Place x = fields->In("x", x_count, 1), y = fields->Out("y", y_count, 1);
  const QuantizedFields q = ReadQuantizedFields(fields, "isSigned", "zeroPoints", "bounds");
  const auto numerics = static_cast<Numerics>(fields->Integer("numerics", 0, 2));

  DepthwiseWeights w = {};
  w.data = fields->Bytes("weights", w_count, &w.is_signed);
  w.kernel_height = s.kernel_height;
  w.kernel_width = s.kernel_width;
  w.channels = fields->ok() ? s.out_channels() : 0;
  w.zero_point_per_channel = fields->Length("weightZeroPoint") != 1;
  w.zero_points = fields->Int32s("weightZeroPoint", w.zero_point_per_channel ? w.channels : 1);
  w.bias = fields->Int32s("bias", w.channels);
  w.multipliers = fields->Doubles("multipliers", w.channels);
  if (!fields->ok()) return;
  const int32_t lowest = w.is_signed ? -128 : 0;
  for (size_t c = 0; c < w.channels; ++c) {
    const int32_t zero_point = w.zero_points[w.zero_point_per_channel ? c : 0];
    if (zero_point < lowest || zero_point > lowest + 255) {
      fields->Fail("weightZeroPoint", StatusCode::kQuantization, "expected values of the weights' type");
    }
    if (!(w.multipliers[c] > 0 && w.multipliers[c] < kFixedPointLimit)) {
      fields->Fail("multipliers", StatusCode::kQuantization, "expected numbers above 0 and below 2^30");
    }
  }
  if (!fields->ok()) return;

  const Isa isa = fields->environment().isa;
  const DepthwiseKernel& kernel = FitsEightBits(w) ? *FindDepthwiseKernel(isa) : *FindWideDepthwiseKernel(isa);
  // The kernel's x, and so its zero point, is q's unsigned one or 128 less.
  const bool is_signed = kernel.x_domain == ADomain::kS8;
  const int32_t zero_point = q.zero_point[0] - (is_signed ? 128 : 0);
  PackedDepthwise packed;
  const Status status = PackDepthwise(kernel, w, zero_point, numerics, &packed);
  AlignedBuffer pad;
  const bool has_pad = pad.Reserve(row_bytes / s.kernel_height);
  if (!status.ok() || !has_pad) {
    return fields->Fail("weights", StatusCode::kOutOfMemory, "not enough memory for the weights");
  }
  std::memset(pad.data(), q.zero_point[0] ^ q.flip[0], row_bytes / s.kernel_height);
  packed.epilogue.zero_point = q.zero_point[2];
  packed.epilogue.lo = q.lo;
  packed.epilogue.hi = q.hi;
  packed.epilogue.output_flip = q.flip[2];
  const uint8_t x_flip = q.flip[0] ^ (is_signed ? 0x80 : 0);
  auto made = std::make_unique<DepthwiseStep>(s, x, y, x_flip, std::move(packed), std::move(pad));
  made->set_threads(fields->environment().threads);
  *step = std::move(made);
}

}  // namespace octensor
