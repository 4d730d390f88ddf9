// Convolutions of a float32 image with 8-bit weights: x is quantized to uint8 by its own range, into a copy with zero points
// around it, multiplied as integers, and the sums become floats as they leave the kernel:
//
//     y = clamp(f32(f32(sum) * f32(scale of x * scale of channel)) + bias)
//
// to the bit as DynamicQuantizeLinear, ConvInteger, Cast, Mul and Add compute it one after the other. And the quantization
// alone.
#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "ops/conv_geometry.h"
#include "ops/dynamic_range.h"
#include "ops/float_fields.h"
#include "ops/float_parts.h"
#include "ops/gemm_driver.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kMaxGroups = 4096;
constexpr double kCopyNanoseconds = 0.4;  // per element

struct DynamicConvParams {
  ConvGeometry geometry;
  Place x, y;
  FloatBounds bounds;
};

class DynamicConvStep : public Step {
 public:
  DynamicConvStep(const DynamicConvParams& params, ConvTaps taps, std::vector<PackedMatrix> groups, std::vector<float> scales,
                  AlignedBuffer bias, const StepEnvironment& environment)
      : p_(params),
        taps_(std::move(taps)),
        groups_(std::move(groups)),
        scales_(std::move(scales)),
        bias_(std::move(bias)),
        elementwise_(FindElementwiseKernels(environment.isa)),
        float_(*FindFloatKernels(environment.isa)) {
    const ConvGeometry& g = p_.geometry;
    is_wide_ = groups_[0].kernel->a_domain == ADomain::kS16;
    has_bounds_ = p_.bounds.lo > -HUGE_VALF || p_.bounds.hi < HUGE_VALF;
    row_bytes_ = RoundUp(g.width * g.depth, kAlignment);
    scale_at_ = RangeScratchBytes(environment.threads);
    column_at_ = scale_at_ + RoundUp(g.group_channels() * sizeof(float), kAlignment);
    row_at_ = column_at_ + RoundUp(GemmColumnBytes(groups_[0]), kAlignment);
    image_at_ = row_at_ + (is_wide_ ? environment.threads * row_bytes_ : 0);
  }

  void Run(const RunMemory& memory) const override {
    const ConvGeometry& g = p_.geometry;
    const float* x = memory.In<float>(p_.x);
    const DynamicRange range = MeasureRange(float_, x, g.x_elements(), memory.threads, memory.scratch);
    const size_t rows = g.batches * g.covered(0);
    ForParts(memory.threads, rows, kCopyNanoseconds * static_cast<double>(rows * g.covered(1) * g.depth),
             [&](size_t first, size_t end, size_t worker) {
               for (size_t row = first; row < end; ++row) QuantizeRow(memory, range, row, worker);
             });
    for (size_t group = 0; group < groups_.size(); ++group) Multiply(memory, range, group);
  }

  const char* kernel() const override { return groups_[0].kernel->name; }
  size_t scratch_bytes() const override {
    const ConvGeometry& g = p_.geometry;
    return image_at_ + (g.batches * g.covered(0) * g.covered(1) * g.depth + kMaxReadPast) * (is_wide_ ? 2 : 1);
  }
  size_t size_bytes() const override {
    size_t bytes = bias_.size_bytes() + scales_.size() * sizeof(float);
    for (const PackedMatrix& group : groups_) bytes += group.size_bytes();
    return bytes;
  }

 private:
  // One row of the padded images.
  void QuantizeRow(const RunMemory& memory, const DynamicRange& range, size_t row, size_t worker) const {
    const ConvGeometry& g = p_.geometry;
    const size_t y = row % g.covered(0) - g.pads[0], image = row / g.covered(0);  // y may wrap below 0
    const size_t length = g.covered(1) * g.depth, left = std::min(g.pads[1] * g.depth, length);
    const size_t inside = y < g.height ? std::min(g.width * g.depth, length - left) : 0;
    const float* x = memory.In<float>(p_.x) + (y < g.height ? (image * g.height + y) * g.width * g.depth : 0);
    if (is_wide_) {
      uint8_t* narrow = memory.scratch + row_at_ + worker * row_bytes_;
      int16_t* target = reinterpret_cast<int16_t*>(memory.scratch + image_at_) + row * length;
      QuantizeRange(elementwise_, range, x, inside, 1, narrow);
      std::fill_n(target, left, int16_t{range.zero_point});
      groups_[0].kernel->widen_row(narrow, inside, false, target + left);
      std::fill(target + left + inside, target + length, int16_t{range.zero_point});
    } else {
      uint8_t* target = memory.scratch + image_at_ + row * length;
      std::memset(target, range.zero_point, left);
      QuantizeRange(elementwise_, range, x, inside, 1, target + left);
      std::memset(target + left + inside, range.zero_point, length - left - inside);
    }
  }

  void Multiply(const RunMemory& memory, const DynamicRange& range, size_t group) const {
    const ConvGeometry& g = p_.geometry;
    const PackedMatrix& b = groups_[group];
    const size_t channel = group * g.group_channels(), depth = group * g.group_depth();
    auto* scales = reinterpret_cast<float*>(memory.scratch + scale_at_);
    for (size_t n = 0; n < b.n; ++n) scales[n] = range.scale * scales_[channel + n];
    OutputStage output = {};
    output.kind = OutputKind::kFloat32;
    output.scales.per_channel = scales;
    GemmColumns columns;
    PrepareColumns(b, {false, range.zero_point, nullptr}, output, memory.scratch + column_at_, &columns);
    if (bias_.size_bytes() > 0) columns.epilogue.bias = static_cast<const float*>(bias_.data()) + group * PaddedChannels();
    GemmJob job = {};
    job.b = &b;
    job.columns = &columns;
    job.m = g.pixels();
    job.a_is_wide = is_wide_;
    job.a = memory.scratch + image_at_ + depth * (is_wide_ ? 2 : 1);
    job.grid = taps_.grid;
    job.tap_offsets = taps_.offsets.data();
    job.may_read_past = true;
    job.c = reinterpret_cast<uint8_t*>(memory.Out<float>(p_.y) + channel);
    job.element_bytes = sizeof(float);
    job.c_stride_bytes = g.channels * sizeof(float);
    job.finish = has_bounds_ ? Clamp : nullptr;
    job.finish_context = this;
    const double macs = static_cast<double>(g.pixels()) * static_cast<double>(g.w_elements() / g.groups);
    RunGemm(job, GemmThreads(macs, memory.threads));
  }

  size_t PaddedChannels() const { return RoundUp(p_.geometry.group_channels(), kMaxNr); }

  static void Clamp(const void* context, uint8_t* c, size_t, size_t rows, size_t, size_t columns) {
    const DynamicConvStep& step = *static_cast<const DynamicConvStep*>(context);
    for (size_t row = 0; row < rows; ++row, c += step.p_.geometry.channels * sizeof(float)) {
      auto* y = reinterpret_cast<float*>(c);
      step.float_.unary(FloatUnary::kClamp, y, columns, step.p_.bounds, y);
    }
  }

  DynamicConvParams p_;
  ConvTaps taps_;
  std::vector<PackedMatrix> groups_;
  std::vector<float> scales_;
  AlignedBuffer bias_;  // group by group, padded as epilogues read it; empty where there is none
  const ElementwiseKernels& elementwise_;
  const FloatKernels& float_;
  bool is_wide_, has_bounds_;
  size_t row_bytes_, scale_at_, column_at_, row_at_, image_at_;
};

class DynamicQuantizeStep : public Step {
 public:
  DynamicQuantizeStep(size_t count, Place x, Place y, Place scale, Place zero_point, const StepEnvironment& environment)
      : count_(count),
        x_(x),
        y_(y),
        scale_(scale),
        zero_point_(zero_point),
        scratch_bytes_(RangeScratchBytes(environment.threads)),
        elementwise_(FindElementwiseKernels(environment.isa)),
        float_(*FindFloatKernels(environment.isa)) {}

  void Run(const RunMemory& memory) const override {
    const float* x = memory.In<float>(x_);
    const DynamicRange range = MeasureRange(float_, x, count_, memory.threads, memory.scratch);
    QuantizeRange(elementwise_, range, x, count_, memory.threads, memory.Out<uint8_t>(y_));
    *memory.Out<float>(scale_) = range.scale;
    *memory.Out<uint8_t>(zero_point_) = range.zero_point;
  }

  const char* kernel() const override { return elementwise_.name; }
  size_t scratch_bytes() const override { return scratch_bytes_; }

 private:
  size_t count_;
  Place x_, y_, scale_, zero_point_;
  size_t scratch_bytes_;
  const ElementwiseKernels& elementwise_;
  const FloatKernels& float_;
};

// Each group's part stands at a multiple of what epilogues read at a time. False where there is no memory.
bool PadBias(const ConvGeometry& g, const float* bias, AlignedBuffer* padded) {
  const size_t each = g.group_channels(), stride = RoundUp(each, kMaxNr);
  if (!padded->Reserve(g.groups * stride * sizeof(float))) return false;
  auto* values = static_cast<float*>(padded->data());
  std::fill_n(values, g.groups * stride, 0.0f);
  for (size_t group = 0; group < g.groups; ++group) std::copy_n(bias + group * each, each, values + group * stride);
  return true;
}

}  // namespace

// Besides those of ReadConvGeometry: x, y: float32; weights: int8 or uint8[channels, kernelHeight, kernelWidth, depth /
// groups]; zeroPoints: int32[channels], of the weights; scales: float32[channels]; bias: float32[channels], optional; bounds
void MakeDynamicConvStep(StepFields* fields, std::unique_ptr<Step>* step) {
  DynamicConvParams p = {};
  p.geometry = ReadConvGeometry(fields);
  if (!fields->ok()) return;
  const ConvGeometry& g = p.geometry;
  p.x = fields->In("x", g.x_elements(), sizeof(float));
  p.y = fields->Out("y", g.y_elements(), sizeof(float));
  p.bounds = ReadFloatBounds(fields);
  MatrixView view = {};
  view.data = fields->Bytes("weights", g.w_elements(), &view.is_signed);
  view.transposed = true;
  view.zero_point = fields->Int32s("zeroPoints", g.channels);
  view.zero_point_per_column = true;
  const float* scales = fields->Floats("scales", g.channels);
  const float* bias = fields->Has("bias") ? fields->Floats("bias", g.channels) : nullptr;
  if (g.groups > kMaxGroups) fields->Fail("groups", StatusCode::kShape, "expected at most 4096 groups");
  if (!fields->ok()) return;
  const int32_t lowest = view.is_signed ? -128 : 0;
  for (size_t i = 0; i < g.channels; ++i) {
    if (view.zero_point[i] >= lowest && view.zero_point[i] <= lowest + 255) continue;
    return fields->Fail("zeroPoints", StatusCode::kQuantization, "expected zero points of the weights' type");
  }
  ConvTaps taps = MakeConvTaps(g, g.covered(0), g.covered(1));
  view.n = g.group_channels(), view.taps = taps.offsets.size(), view.k = taps.k;
  std::vector<PackedMatrix> groups(g.groups);
  for (PackedMatrix& group : groups) {
    const Status status = PackMatrix(*FindGemmKernel(fields->environment().isa), view, &group);
    if (!status.ok()) return fields->Fail("weights", status.code, status.message);
    view.data += view.n * view.taps * view.k;
    view.zero_point += view.n;
  }
  AlignedBuffer padded;
  if (bias != nullptr && !PadBias(g, bias, &padded)) {
    return fields->Fail("bias", StatusCode::kOutOfMemory, "not enough memory for a bias");
  }
  std::vector<float> own(scales, scales + g.channels);
  *step = std::make_unique<DynamicConvStep>(p, std::move(taps), std::move(groups), std::move(own), std::move(padded),
                                            fields->environment());
}

// x: float32[count]; y: uint8[count]; scale: float32, zeroPoint: uint8, of one element
void MakeDynamicQuantizeStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const size_t count = fields->Size("count");
  const Place x = fields->In("x", count, sizeof(float)), y = fields->Out("y", count, 1);
  const Place scale = fields->Out("scale", 1, sizeof(float)), zero_point = fields->Out("zeroPoint", 1, 1);
  if (fields->ok()) *step = std::make_unique<DynamicQuantizeStep>(count, x, y, scale, zero_point, fields->environment());
}

}  // namespace octensor
