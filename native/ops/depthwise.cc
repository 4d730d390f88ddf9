// Depthwise convolution of 8-bit tensors. Kernels compute one row of outputs of a block of channels; padding is never copied:
// rows and columns outside the image are read from a row of zero points.
#include <algorithm>
#include <cstring>
#include <memory>

#include "core/thread_pool.h"
#include "kernels/registry.h"
#include "ops/conv_geometry.h"
#include "ops/depthwise_lines.h"
#include "ops/quantized_fields.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kItemsPerThread = 4;

class DepthwiseStep : public Step {
 public:
  DepthwiseStep(Depthwise depthwise, size_t threads) : d_(std::move(depthwise)), g_(d_.geometry) {
    row_count_ = d_.row_count();
    group_rows_ = d_.group_rows();
    pointer_bytes_ = RoundUp(group_rows_ * row_count_ * sizeof(uint8_t*), kAlignment);
    unread_bytes_ = group_rows_ == 1 ? 0 : RoundUp(g_.out_width * g_.channels, kAlignment);
    expanded_bytes_ = d_.multiplier() == 1 ? 0 : g_.kernel[0] * g_.width * g_.channels;
    thread_bytes_ = pointer_bytes_ + unread_bytes_ + RoundUp(group_rows_ * expanded_bytes_, kAlignment);
    is_threaded_ = d_.macs() >= kMinThreadedDepthwiseMacs;
    scratch_bytes_ = thread_bytes_ * (is_threaded_ ? threads : 1);
  }

  void Run(const RunMemory& memory) const override {
    struct Call {
      const DepthwiseStep* step;
      const RunMemory* memory;
      size_t items;
    };
    const size_t threads = is_threaded_ ? memory.threads : 1;
    Call call = {this, &memory, threads == 1 ? 1 : std::min(groups(), threads * kItemsPerThread)};
    const auto body = [](void* context, size_t item, size_t worker) {
      const Call& c = *static_cast<const Call*>(context);
      const size_t count = c.step->groups();
      c.step->RunGroups(*c.memory, count * item / c.items, count * (item + 1) / c.items, worker);
    };
    if (threads == 1) return body(&call, 0, 0);
    ThreadPool::Run(threads, call.items, body, &call);
  }

  const char* kernel() const override { return d_.packed.kernel->name; }
  size_t scratch_bytes() const override { return scratch_bytes_; }
  size_t size_bytes() const override { return d_.size_bytes(); }

 private:
  size_t groups() const { return g_.batches * ((g_.out_height + group_rows_ - 1) / group_rows_); }

  // A run of groups: as many rows of outputs as the narrowest vector has pixels. Rows past the last one of an image are
  // computed too, and go to a row that nobody reads.
  void RunGroups(const RunMemory& memory, size_t first, size_t end, size_t worker) const {
    uint8_t* const scratch = memory.scratch + worker * thread_bytes_;
    const auto** rows = reinterpret_cast<const uint8_t**>(scratch);
    uint8_t* const unread = scratch + pointer_bytes_;
    uint8_t* const expanded = unread + unread_bytes_;
    DepthwiseLine line = d_.Line(g_.channels, g_.channels);
    const size_t image_groups = groups() / g_.batches;
    uint8_t* y[kMaxDepthwisePixels];
    for (size_t group = first; group < end; ++group) {
      const size_t batch = group / image_groups, row = group % image_groups * group_rows_;
      const size_t count = std::min(group_rows_, g_.out_height - row);
      const uint8_t* x = memory.In<uint8_t>(d_.x) + batch * g_.height * g_.width * g_.depth;
      for (size_t i = 0; i < group_rows_; ++i) {
        FindRows(x, row + i, rows + i * row_count_, expanded + i * expanded_bytes_);
        const size_t output = (batch * g_.out_height + row + i) * g_.out_width * g_.channels;
        y[i] = i < count ? memory.Out<uint8_t>(d_.y) + output : unread;
      }
      for (size_t b = 0; b < d_.packed.blocks.size(); ++b) RunBlock(b, rows, y, count, &line);
    }
  }

  void RunBlock(size_t b, const uint8_t** rows, uint8_t* const* y, size_t count, DepthwiseLine* line) const {
    const DepthwiseBlock& block = d_.packed.blocks[b];
    d_.SetBlock(b, block.channel, line);
    for (size_t first = 0; first < count; first += block.pixels) {
      line->rows = rows + first * row_count_;
      for (size_t p = 0; p < block.pixels; ++p) line->y[p] = y[first + p] + block.channel;
      d_.packed.kernel->run(*line);
    }
  }

  // The kernel's rows on an image, for one row of outputs.
  void FindRows(const uint8_t* x, size_t oy, const uint8_t** rows, uint8_t* expanded) const {
    const size_t row_bytes = g_.width * g_.depth, multiplier = d_.multiplier();
    for (size_t ky = 0; ky < row_count_; ++ky) {
      rows[ky] = d_.pad_row();
      const size_t iy = oy * g_.strides[0] + ky * g_.dilations[0] - g_.pads[0];  // wraps below zero
      if (ky >= g_.kernel[0] || iy >= g_.height) continue;
      rows[ky] = x + iy * row_bytes;
      if (multiplier > 1) {
        uint8_t* const copy = expanded + ky * row_bytes * multiplier;
        for (size_t i = 0; i < row_bytes; ++i) std::memset(copy + i * multiplier, rows[ky][i], multiplier);
        rows[ky] = copy;
      }
    }
  }

  Depthwise d_;
  const ConvGeometry& g_;
  size_t row_count_, group_rows_;
  size_t pointer_bytes_, unread_bytes_, expanded_bytes_, thread_bytes_, scratch_bytes_;
  bool is_threaded_;
};

// A flag and integers of its type, as unsigned ones.
struct ByteReader {
  StepFields* fields;
  int32_t shift;

  ByteReader(StepFields* f, const char* is_signed) : fields(f), shift(f->Flag(is_signed) ? 128 : 0) {}
  uint8_t flip() const { return shift != 0 ? 0x80 : 0; }
  uint8_t Read(const char* name) const { return static_cast<uint8_t>(fields->Integer(name, -shift, 255 - shift) + shift); }
};

// Zero points and multipliers within their limits.
void CheckWeights(const DepthwiseWeights& w, StepFields* fields) {
  const int32_t lowest = w.is_signed ? -128 : 0;
  for (size_t c = 0; c < w.channels; ++c) {
    const int32_t zero_point = w.zero_points[w.zero_point_per_channel ? c : 0];
    if (zero_point < lowest || zero_point > lowest + 255) {
      fields->Fail("weightZeroPoints", StatusCode::kQuantization, "expected values of the weights' type");
    }
    if (!(w.multipliers[c] > 0 && w.multipliers[c] < kFixedPointLimit)) {
      fields->Fail("multipliers", StatusCode::kQuantization, "expected numbers above 0 and below 2^30");
    }
  }
}

}  // namespace

// Besides those of ReadConvGeometry, with as many groups as there are input channels: x, y: places; xSigned, xZeroPoint;
// weights: int8 or uint8[kernelHeight, kernelWidth, channels]; weightZeroPoints: int32[1 or channels]; bias: int32[channels],
// optional; multipliers: float64[channels]; numerics; ySigned, yZeroPoint, yMin, yMax; planar: 1 where channels come before
// rows in x and y, of which there are then as many.
void MakeDepthwiseStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const ConvGeometry g = ReadConvGeometry(fields);
  if (!fields->ok()) return;
  if (g.groups != g.depth) return fields->Fail("groups", StatusCode::kShape, "expected as many as there are input channels");
  if (g.width * g.channels > kMaxStepBytes / g.kernel[0]) {
    return fields->Fail("width", StatusCode::kShape, "expected rows of at most 2^40 bytes");
  }
  const Place x = fields->In("x", g.x_elements(), 1), y = fields->Out("y", g.y_elements(), 1);
  const ByteReader input(fields, "xSigned"), output(fields, "ySigned");
  const bool is_planar = fields->Has("planar") && fields->Flag("planar");
  if (is_planar && g.channels != g.depth) {
    return fields->Fail("channels", StatusCode::kShape, "expected as many as there are input channels");
  }
  const uint8_t x_zero_point = input.Read("xZeroPoint");
  const auto numerics = static_cast<Numerics>(fields->Integer("numerics", 0, 2));

  DepthwiseWeights w = {};
  w.data = fields->Bytes("weights", g.w_elements(), &w.is_signed);
  w.kernel_height = g.kernel[0];
  w.kernel_width = g.kernel[1];
  w.channels = g.channels;
  w.zero_point_per_channel = fields->Length("weightZeroPoints") != 1;
  w.zero_points = fields->Int32s("weightZeroPoints", w.zero_point_per_channel ? w.channels : 1);
  w.bias = fields->Has("bias") ? fields->Int32s("bias", w.channels) : nullptr;
  w.multipliers = fields->Doubles("multipliers", w.channels);
  if (fields->ok()) CheckWeights(w, fields);
  if (!fields->ok()) return;

  const StepEnvironment& environment = fields->environment();
  const DepthwiseKernel& kernel =
      FitsEightBits(w) ? *FindDepthwiseKernel(environment.isa) : *FindWideDepthwiseKernel(environment.isa);
  const bool is_signed = kernel.x_domain == ADomain::kS8;
  PackedDepthwise packed;
  const Status status = PackDepthwise(kernel, w, x_zero_point - (is_signed ? 128 : 0), numerics, &packed);
  if (!status.ok()) return fields->Fail("weights", status.code, status.message);
  AlignedBuffer pad;
  if (!pad.Reserve(g.width * g.channels)) {
    return fields->Fail("width", StatusCode::kOutOfMemory, "not enough memory for a row of padding");
  }
  std::memset(pad.data(), x_zero_point ^ input.flip(), g.width * g.channels);
  packed.epilogue.zero_point = output.Read("yZeroPoint");
  packed.epilogue.lo = output.Read("yMin");
  packed.epilogue.hi = output.Read("yMax");
  packed.epilogue.output_flip = output.flip();
  if (packed.epilogue.lo > packed.epilogue.hi) fields->Fail("yMin", StatusCode::kQuantization, "expected at most yMax");
  if (!fields->ok()) return;
  const uint8_t x_flip = input.flip() ^ (is_signed ? 0x80 : 0);
  Depthwise depthwise = {g, x, y, x_flip, std::move(packed), std::move(pad)};
  if (is_planar) {
    const Status made = MakeDepthwisePlanes(depthwise, w, x_zero_point, environment, step);
    if (!made.ok()) fields->Fail("multipliers", made.code, made.message);
    if (!made.ok() || *step != nullptr) return;
  }
  *step = is_planar ? MakePlanarDepthwise(std::move(depthwise), environment)
                    : std::make_unique<DepthwiseStep>(std::move(depthwise), environment.threads);
}

}  // namespace octensor
