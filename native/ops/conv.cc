// Convolution of 8-bit tensors as a product of matrices whose left one is never built: the rows are windows on the input, read
// where they stand (kernels/kernel.h: taps). Where windows reach outside, a copy of the input with its zero point around it is
// made first. Fully connected layers are convolutions of one pixel a row.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "core/thread_pool.h"
#include "ops/add.h"
#include "ops/conv_geometry.h"
#include "ops/gemm_driver.h"
#include "ops/quantized_fields.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kMinCopyPart = size_t{1} << 16;  // bytes that are worth a hand-over to another thread
constexpr size_t kMinDirectK = 64;                // from here on a ragged end of each row is cheaper than a copy of all
constexpr size_t kMaxGroups = 4096;               // each costs some kilobytes

// One for each group of channels.
struct ConvGroup {
  PackedMatrix weights;
  AlignedBuffer column_storage;
  GemmColumns columns;
};

struct ConvParams {
  ConvGeometry geometry;
  Place x, y;
  bool x_signed;
  int32_t x_zero_point;
  size_t element_bytes;  // of y
  bool adds_residual;
  Place residual;
  Add add;
};

class ConvStep : public Step {
 public:
  ConvStep(const ConvParams& params, ConvTaps taps, bool copies, size_t threads, std::vector<ConvGroup> groups)
      : p_(params), taps_(std::move(taps)), copies_(copies), groups_(std::move(groups)) {
    const ConvGeometry& g = p_.geometry;
    kernel_ = groups_[0].weights.kernel;
    is_wide_ = copies_ && kernel_->a_domain == ADomain::kS16;
    const size_t image = g.batches * g.covered(0) * g.covered(1) * g.depth;
    scratch_bytes_ = copies_ ? (image + kMaxReadPast) * (is_wide_ ? 2 : 1) : GemmRowBytes(groups_[0].weights, threads);
    macs_ = static_cast<double>(g.pixels()) * static_cast<double>(g.w_elements() / g.groups);
  }

  void Run(const RunMemory& memory) const override {
    const ConvGeometry& g = p_.geometry;
    const size_t threads = GemmThreads(macs_, memory.threads);
    if (copies_) CopyInput(memory, threads);
    for (size_t i = 0; i < groups_.size(); ++i) {
      const size_t x_offset = i * g.group_depth(), channel = i * g.group_channels();
      const Finish finish = {this, &memory, channel};
      GemmJob job = {};
      job.b = &groups_[i].weights;
      job.columns = &groups_[i].columns;
      job.m = g.pixels();
      job.a_signed = p_.x_signed;
      job.a_is_wide = is_wide_;
      job.a = copies_ ? memory.scratch + x_offset * (is_wide_ ? 2 : 1) : memory.In<uint8_t>(p_.x) + x_offset;
      job.grid = taps_.grid;
      job.tap_offsets = taps_.offsets.data();
      job.may_read_past = copies_;
      job.wide_rows = reinterpret_cast<int16_t*>(memory.scratch);
      job.c = memory.Out<uint8_t>(p_.y) + channel * p_.element_bytes;
      job.element_bytes = p_.element_bytes;
      job.c_stride_bytes = g.channels * p_.element_bytes;
      job.finish = p_.adds_residual ? AddResidual : nullptr;
      job.finish_context = &finish;
      RunGemm(job, threads);
    }
  }

  const char* kernel() const override { return kernel_->name; }
  size_t scratch_bytes() const override { return scratch_bytes_; }
  size_t size_bytes() const override {
    size_t sum = 0;
    for (const ConvGroup& group : groups_) sum += group.weights.size_bytes() + group.column_storage.size_bytes();
    return sum;
  }

 private:
  struct Finish {
    const ConvStep* step;
    const RunMemory* memory;
    size_t channel;
  };

  static void AddResidual(const void* context, uint8_t* c, size_t row, size_t rows, size_t column, size_t columns) {
    const Finish& finish = *static_cast<const Finish*>(context);
    const ConvParams& p = finish.step->p_;
    const size_t channels = p.geometry.channels;
    const uint8_t* residual = finish.memory->In<uint8_t>(p.residual) + row * channels + finish.channel + column;
    if (columns == channels) return AddRun(p.add, c, residual, c, rows * channels);
    for (size_t i = 0; i < rows; ++i, c += channels, residual += channels) AddRun(p.add, c, residual, c, columns);
  }

  void CopyInput(const RunMemory& memory, size_t threads) const {
    struct Call {
      const ConvStep* step;
      const RunMemory* memory;
      size_t rows, parts;
    };
    const ConvGeometry& g = p_.geometry;
    const size_t rows = g.batches * g.covered(0), bytes = rows * g.covered(1) * g.depth;
    Call call = {this, &memory, rows, threads == 1 ? 1 : std::clamp<size_t>(bytes / kMinCopyPart, 1, std::min(rows, threads))};
    const auto body = [](void* context, size_t part, size_t) {
      const Call& c = *static_cast<const Call*>(context);
      const size_t end = c.rows * (part + 1) / c.parts;
      for (size_t row = c.rows * part / c.parts; row < end; ++row) c.step->CopyRow(*c.memory, row);
    };
    if (call.parts == 1) return body(&call, 0, 0);
    ThreadPool::Run(call.parts, call.parts, body, &call);
  }

  // One row of the padded images.
  void CopyRow(const RunMemory& memory, size_t row) const {
    const ConvGeometry& g = p_.geometry;
    const size_t image_row = row % g.covered(0), y = image_row - g.pads[0], batch = row / g.covered(0);  // y may wrap below 0
    const size_t length = g.covered(1) * g.depth, left = std::min(g.pads[1] * g.depth, length);
    const size_t copied = y < g.height ? std::min(g.width * g.depth, length - left) : 0;
    const uint8_t* source = memory.In<uint8_t>(p_.x) + (y < g.height ? (batch * g.height + y) * g.width * g.depth : 0);
    if (is_wide_) {
      int16_t* target = reinterpret_cast<int16_t*>(memory.scratch) + row * length;
      std::fill_n(target, left, static_cast<int16_t>(p_.x_zero_point));
      kernel_->widen_row(source, copied, p_.x_signed, target + left);
      std::fill(target + left + copied, target + length, static_cast<int16_t>(p_.x_zero_point));
    } else {
      uint8_t* target = memory.scratch + row * length;
      std::memset(target, p_.x_zero_point, left);
      std::memcpy(target + left, source, copied);
      std::memset(target + left + copied, p_.x_zero_point, length - left - copied);
    }
  }

  ConvParams p_;
  ConvTaps taps_;
  bool copies_, is_wide_;  // the copy is int16
  std::vector<ConvGroup> groups_;
  const GemmKernel* kernel_;
  size_t scratch_bytes_;
  double macs_;
};

bool IsByte(int64_t value, bool is_signed) { return is_signed ? value >= -128 && value <= 127 : value >= 0 && value <= 255; }

OutputStage ReadOutput(StepFields* fields, size_t channels) {
  OutputStage output = {};
  output.kind = static_cast<OutputKind>(fields->Integer("outputKind", 0, 2));
  output.numerics = static_cast<Numerics>(fields->Integer("numerics", 0, 2));
  if (output.kind == OutputKind::kInt32) return output;
  const double* multipliers = fields->Doubles("multipliers", channels);
  output.scales.per_channel_double = multipliers;
  for (size_t i = 0; multipliers != nullptr && i < channels; ++i) {
    if (!(multipliers[i] > 0 && multipliers[i] < kFixedPointLimit)) {
      fields->Fail("multipliers", StatusCode::kQuantization, "expected multipliers above 0 and below 2^30");
    }
  }
  if (output.kind == OutputKind::kFloat32) return output;
  output.is_signed = fields->Flag("ySigned");
  output.zero_point = static_cast<int32_t>(fields->Integer("yZeroPoint", -128, 255));
  output.min = static_cast<int32_t>(fields->Integer("yMin", -128, 255));
  output.max = static_cast<int32_t>(fields->Integer("yMax", -128, 255));
  const bool are_bytes = IsByte(output.zero_point, output.is_signed) && IsByte(output.min, output.is_signed) &&
                         IsByte(output.max, output.is_signed);
  if (!are_bytes || output.min > output.max) {
    fields->Fail("yMin", StatusCode::kQuantization, "expected a zero point and bounds within the output's type");
  }
  return output;
}

// Packs the weights [channels][window][depth / groups], which are group by group a transposed matrix each.
Status MakeGroups(const ConvParams& p, const ConvTaps& taps, const GemmKernel& kernel, const MatrixView& weights,
                  const int32_t* bias, const OutputStage& output, std::vector<ConvGroup>* groups) {
  const size_t n = p.geometry.group_channels();
  for (size_t i = 0; i < p.geometry.groups; ++i) {
    MatrixView view = weights;
    view.n = n;
    view.taps = taps.offsets.size();
    view.k = taps.k;
    view.data += i * n * view.taps * view.k;
    if (view.zero_point_per_column) view.zero_point += i * n;
    ConvGroup& group = groups->emplace_back();
    const Status status = PackMatrix(kernel, view, &group.weights);
    if (!status.ok()) return status;
    if (!group.column_storage.Reserve(GemmColumnBytes(group.weights))) {
      return {StatusCode::kOutOfMemory, "not enough memory for a convolution's channels"};
    }
    OutputStage group_output = output;
    if (output.scales.per_channel_double != nullptr) group_output.scales.per_channel_double += i * n;
    const GemmInputs inputs = {p.x_signed, p.x_zero_point, bias != nullptr ? bias + i * n : nullptr};
    PrepareColumns(group.weights, inputs, group_output, group.column_storage.data(), &group.columns);
  }
  return {};
}

}  // namespace

// Besides those of ReadConvGeometry and ReadOutput: x, y: places; xSigned, xZeroPoint; weights: int8 or uint8[channels,
// kernelHeight, kernelWidth, depth / groups]; weightZeroPoints: int32[1 or channels]; bias: int32[channels], optional;
// multipliers: float64[channels]. With a place `residual`, of y's type, and the fields of ReadAdd (a is the convolution's own
// result, b the residual): their sum is the output. The residual does not overlap y.
void MakeConvStep(StepFields* fields, std::unique_ptr<Step>* step) {
  ConvParams p = {};
  p.geometry = ReadConvGeometry(fields);
  if (!fields->ok()) return;
  const ConvGeometry& g = p.geometry;
  const OutputStage output = ReadOutput(fields, g.channels);
  p.element_bytes = output.element_bytes();
  p.x = fields->In("x", g.x_elements(), 1);
  p.y = fields->Out("y", g.y_elements(), p.element_bytes);
  p.x_signed = fields->Flag("xSigned");
  p.x_zero_point = static_cast<int32_t>(fields->Integer("xZeroPoint", p.x_signed ? -128 : 0, p.x_signed ? 127 : 255));
  MatrixView weights = {};
  weights.transposed = true;
  weights.data = fields->Bytes("weights", g.w_elements(), &weights.is_signed);
  weights.zero_point_per_column = fields->Length("weightZeroPoints") != 1;
  const size_t zero_points = weights.zero_point_per_column ? g.channels : 1;
  weights.zero_point = fields->Int32s("weightZeroPoints", zero_points);
  const int32_t* bias = fields->Has("bias") ? fields->Int32s("bias", g.channels) : nullptr;
  for (size_t i = 0; fields->ok() && i < zero_points; ++i) {
    if (IsByte(weights.zero_point[i], weights.is_signed)) continue;
    fields->Fail("weightZeroPoints", StatusCode::kQuantization, "expected zero points within the weights' type");
  }
  p.adds_residual = fields->Has("residual");
  if (p.adds_residual) {
    p.residual = fields->In("residual", g.y_elements(), 1);
    p.add = ReadAdd(fields);
    if (output.kind != OutputKind::kQuantized) fields->Fail("residual", StatusCode::kShape, "expected an 8-bit output");
  }
  if (g.groups > kMaxGroups) fields->Fail("groups", StatusCode::kShape, "expected at most 4096 groups");
  if (!fields->ok()) return;

  const StepEnvironment& environment = fields->environment();
  const GemmKernel& kernel = *FindGemmKernel(environment.isa);
  ConvTaps taps = MakeConvTaps(g, g.height, g.width);
  const bool is_ragged = taps.k % kernel.kr != 0 && (taps.offsets.size() > 1 || taps.k < kMinDirectK);
  const bool needs_wide = kernel.a_domain == ADomain::kS16 && taps.offsets.size() > 1;
  const bool copies = g.reaches_outside() || is_ragged || needs_wide;
  if (copies) taps = MakeConvTaps(g, g.covered(0), g.covered(1));
  std::vector<ConvGroup> groups;
  const Status status = MakeGroups(p, taps, kernel, weights, bias, output, &groups);
  if (!status.ok()) return fields->Fail("weights", status.code, status.message);
  *step = std::make_unique<ConvStep>(p, std::move(taps), copies, environment.threads, std::move(groups));
}

}  // namespace octensor
