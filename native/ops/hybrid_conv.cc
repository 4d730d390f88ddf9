// Convolutions and matrix products of float32 with int8 weights: each batch of x is quantized as it comes, into a copy with
// zero points around it where windows reach outside, multiplied as integers, and the sums become floats where they stand:
//
//     y = clamp(f32(f32(sum) * f32(sx * sw)) + bias), or f32(f32(sum) * sw) * sx where `weightScaleFirst` says so
//
// All in float32 and in the reference's order of operations, so that the bits are equal.
#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "ops/conv_geometry.h"
#include "ops/float_fields.h"
#include "ops/float_parts.h"
#include "ops/gemm_driver.h"
#include "ops/hybrid_rows.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr double kMeasureNanoseconds = 0.5, kQuantizeNanoseconds = 1;  // per element

struct HybridParams {
  ConvGeometry geometry;
  Place x, y;
  bool is_asymmetric, weight_scale_first;
  FloatBounds bounds;
};

struct HybridConstants {
  PackedMatrix weights;
  AlignedBuffer column_storage;
  GemmColumns columns;
  std::vector<float> scales, bias;
  std::vector<uint32_t> column_sums;  // of the weights: what a zero point of 1 adds to each sum
};

class HybridConvStep : public Step {
 public:
  HybridConvStep(const HybridParams& params, ConvTaps taps, HybridConstants constants)
      : p_(params), taps_(std::move(taps)), c_(std::move(constants)) {
    is_wide_ = c_.weights.kernel->a_domain == ADomain::kS16;
    batch_bytes_ = RoundUp(p_.geometry.batches * sizeof(HybridBatch), kAlignment);
  }

  void Run(const RunMemory& memory) const override {
    const ConvGeometry& g = p_.geometry;
    const float* x = memory.In<float>(p_.x);
    auto* batches = reinterpret_cast<HybridBatch*>(memory.scratch);
    const size_t image = g.height * g.width * g.depth, rows = g.batches * g.covered(0);
    ForParts(memory.threads, g.batches, kMeasureNanoseconds * static_cast<double>(g.batches * image),
             [&](size_t first, size_t end, size_t) {
               for (size_t i = first; i < end; ++i) batches[i] = MeasureHybridBatch(x + i * image, image, p_.is_asymmetric);
             });
    ForParts(memory.threads, rows, kQuantizeNanoseconds * static_cast<double>(g.x_elements()),
             [&](size_t first, size_t end, size_t) {
               for (size_t row = first; row < end; ++row) {
                 if (is_wide_) {
                   QuantizeRow<int16_t>(memory, row);
                 } else {
                   QuantizeRow<int8_t>(memory, row);
                 }
               }
             });
    Multiply(memory, batches);
  }

  const char* kernel() const override { return c_.weights.kernel->name; }
  size_t scratch_bytes() const override {
    const ConvGeometry& g = p_.geometry;
    return batch_bytes_ + (g.batches * g.covered(0) * g.covered(1) * g.depth + kMaxReadPast) * (is_wide_ ? 2 : 1);
  }
  size_t size_bytes() const override { return c_.weights.size_bytes() + c_.column_storage.size_bytes(); }

 private:
  struct FinishCall {
    const HybridConvStep* step;
    const HybridBatch* batches;
    size_t pixels;  // of a batch
  };

  // One row of the padded images.
  template <typename T>
  void QuantizeRow(const RunMemory& memory, size_t row) const {
    const ConvGeometry& g = p_.geometry;
    const size_t image_row = row % g.covered(0), image = row / g.covered(0), y = image_row - g.pads[0];  // y may wrap below 0
    const size_t length = g.covered(1) * g.depth, left = std::min(g.pads[1] * g.depth, length);
    const size_t inside = y < g.height ? std::min(g.width * g.depth, length - left) : 0;
    const HybridBatch& batch = reinterpret_cast<const HybridBatch*>(memory.scratch)[image];
    T* target = reinterpret_cast<T*>(memory.scratch + batch_bytes_) + row * length;
    const auto zero = static_cast<T>(batch.zero_point);
    std::fill_n(target, left, zero);
    if (inside > 0) {
      const float* x = memory.In<float>(p_.x) + (image * g.height + y) * g.width * g.depth;
      QuantizeHybridRow(batch, x, inside, target + left);
    }
    std::fill(target + left + inside, target + length, zero);
  }

  void Multiply(const RunMemory& memory, const HybridBatch* batches) const {
    const ConvGeometry& g = p_.geometry;
    const FinishCall call = {this, batches, g.out_height * g.out_width};
    GemmJob job = {};
    job.b = &c_.weights;
    job.columns = &c_.columns;
    job.m = g.pixels();
    job.a = memory.scratch + batch_bytes_;
    job.a_is_wide = is_wide_;
    job.a_signed = true;
    job.grid = taps_.grid;
    job.tap_offsets = taps_.offsets.data();
    job.may_read_past = true;
    job.c = memory.Out<uint8_t>(p_.y);
    job.element_bytes = sizeof(int32_t);
    job.c_stride_bytes = g.channels * sizeof(int32_t);
    job.finish = [](const void* context, uint8_t* c, size_t row, size_t rows, size_t column, size_t columns) {
      const FinishCall& finish = *static_cast<const FinishCall*>(context);
      const size_t row_bytes = finish.step->p_.geometry.channels * sizeof(int32_t);
      for (const size_t end = row + rows; row < end; ++row, c += row_bytes) {
        finish.step->Finish(finish.batches[row / finish.pixels], c, column, columns);
      }
    };
    job.finish_context = &call;
    RunGemm(job, GemmThreads(static_cast<double>(g.pixels()) * static_cast<double>(g.w_elements()), memory.threads));
  }

  void Finish(const HybridBatch& batch, uint8_t* c, size_t first, size_t count) const {
    if (p_.weight_scale_first) {
      ToFloats(batch, c, first, count, [&](float sum, float scale) { return sum * scale * batch.scale; });
    } else {
      ToFloats(batch, c, first, count, [&](float sum, float scale) { return sum * (batch.scale * scale); });
    }
  }

  // From int32 sums to floats, in place. std::memcpy is how bytes may change their type.
  template <typename Scale>
  void ToFloats(const HybridBatch& batch, uint8_t* c, size_t first, size_t count, const Scale& scale_sum) const {
    const auto zero_point = static_cast<uint32_t>(batch.zero_point);
    const uint32_t* column_sums = c_.column_sums.data() + first;
    const float *scales = c_.scales.data() + first, *bias = c_.bias.data() + first;
    const FloatBounds bounds = p_.bounds;
    for (size_t i = 0; i < count; ++i) {
      uint32_t sum;
      std::memcpy(&sum, c + i * sizeof(sum), sizeof(sum));
      float y = scale_sum(static_cast<float>(static_cast<int32_t>(sum - zero_point * column_sums[i])), scales[i]) + bias[i];
      y = y < bounds.lo ? bounds.lo : y;  // NaN stays
      y = y > bounds.hi ? bounds.hi : y;
      std::memcpy(c + i * sizeof(y), &y, sizeof(y));
    }
  }

  HybridParams p_;
  ConvTaps taps_;
  HybridConstants c_;
  bool is_wide_;  // the copy is int16
  size_t batch_bytes_;
};

}  // namespace

// Besides those of ReadConvGeometry, with one group: x, y: float32; weights: int8[channels, kernelHeight, kernelWidth, depth];
// scales, bias: float32[channels]; asymmetric, weightScaleFirst: flags; bounds
void MakeHybridConvStep(StepFields* fields, std::unique_ptr<Step>* step) {
  HybridParams p = {};
  p.geometry = ReadConvGeometry(fields);
  if (!fields->ok()) return;
  const ConvGeometry& g = p.geometry;
  if (g.groups != 1) fields->Fail("groups", StatusCode::kShape, "expected 1");
  p.x = fields->In("x", g.x_elements(), sizeof(float));
  p.y = fields->Out("y", g.y_elements(), sizeof(float));
  p.is_asymmetric = fields->Flag("asymmetric");
  p.weight_scale_first = fields->Flag("weightScaleFirst");
  p.bounds = ReadFloatBounds(fields);
  const size_t window = g.kernel[0] * g.kernel[1] * g.depth;
  constexpr int32_t kNoZeroPoint = 0;
  MatrixView view = {};
  view.data = fields->Bytes("weights", g.w_elements(), &view.is_signed);
  view.transposed = true;
  view.zero_point = &kNoZeroPoint;
  const float* scales = fields->Floats("scales", g.channels);
  const float* bias = fields->Floats("bias", g.channels);
  if (fields->ok() && !view.is_signed) fields->Fail("weights", StatusCode::kQuantization, "expected an Int8Array");
  if (!fields->ok()) return;

  ConvTaps taps = MakeConvTaps(g, g.covered(0), g.covered(1));
  view.n = g.channels;
  view.taps = taps.offsets.size();
  view.k = taps.k;
  HybridConstants c;
  const Status status = PackMatrix(*FindGemmKernel(fields->environment().isa), view, &c.weights);
  if (!status.ok()) return fields->Fail("weights", status.code, status.message);
  if (!c.column_storage.Reserve(GemmColumnBytes(c.weights))) {
    return fields->Fail("weights", StatusCode::kOutOfMemory, "not enough memory for a convolution's channels");
  }
  OutputStage output = {};
  output.kind = OutputKind::kInt32;
  PrepareColumns(c.weights, {true, 0, nullptr}, output, c.column_storage.data(), &c.columns);
  c.scales.assign(scales, scales + g.channels);
  c.bias.assign(bias, bias + g.channels);
  for (size_t i = 0; i < g.channels; ++i) {
    uint32_t sum = 0;
    for (size_t k = 0; k < window; ++k) sum += static_cast<uint32_t>(static_cast<int8_t>(view.data[i * window + k]));
    c.column_sums.push_back(sum);
  }
  *step = std::make_unique<HybridConvStep>(p, std::move(taps), std::move(c));
}

}  // namespace octensor
