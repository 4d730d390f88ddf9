// Products of a float32 matrix with 8-bit ones: x is quantized to uint8 by its own range, multiplied as integers, and the sums
// become floats as they leave the kernel:
//
//     y = f(f32(f32(sum) * f32(scale of x * scale of column)) + bias)
//
// to the bit as DynamicQuantizeLinear, MatMulInteger, Cast, Mul and Add compute it one after the other. One x may have several
// products, for it is quantized once.
#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "ops/dynamic_range.h"
#include "ops/float_fields.h"
#include "ops/gemm_driver.h"
#include "ops/step.h"

namespace octensor {
namespace {

// Names of fields live as long as the program.
struct ProductNames {
  const char *y, *channels, *weights, *zero_points, *scales, *bias;
};
constexpr ProductNames kProductNames[] = {
    {"y0", "channels0", "weights0", "zeroPoints0", "scales0", "bias0"},
    {"y1", "channels1", "weights1", "zeroPoints1", "scales1", "bias1"},
    {"y2", "channels2", "weights2", "zeroPoints2", "scales2", "bias2"},
    {"y3", "channels3", "weights3", "zeroPoints3", "scales3", "bias3"},
};

struct Product {
  Place y;
  PackedMatrix weights;
  std::vector<float> scales;
  AlignedBuffer bias;  // padded as epilogues read it; empty where there is none
};

struct DynamicMatMulParams {
  size_t rows, depth;
  Place x;
  bool has_gelu;
};

class DynamicMatMulStep : public Step {
 public:
  DynamicMatMulStep(const DynamicMatMulParams& params, const StepEnvironment& environment, std::vector<Product> products)
      : p_(params),
        products_(std::move(products)),
        elementwise_(FindElementwiseKernels(environment.isa)),
        float_(*FindFloatKernels(environment.isa)) {
    column_at_ = RangeScratchBytes(environment.threads);
    size_t column_bytes = 0, row_bytes = 0;
    for (const Product& product : products_) {
      column_bytes = std::max(column_bytes, GemmColumnBytes(product.weights));
      scale_bytes_ = std::max(scale_bytes_, RoundUp(product.weights.n * sizeof(float), kAlignment));
      row_bytes = std::max(row_bytes, GemmRowBytes(product.weights, environment.threads));
    }
    scale_at_ = column_at_ + RoundUp(column_bytes, kAlignment);
    row_at_ = scale_at_ + scale_bytes_;
    quantized_at_ = row_at_ + RoundUp(row_bytes, kAlignment);
  }

  void Run(const RunMemory& memory) const override {
    const float* x = memory.In<float>(p_.x);
    const size_t count = p_.rows * p_.depth;
    const DynamicRange range = MeasureRange(float_, x, count, memory.threads, memory.scratch);
    QuantizeRange(elementwise_, range, x, count, memory.threads, memory.scratch + quantized_at_);
    for (const Product& product : products_) Multiply(memory, product, range);
  }

  const char* kernel() const override { return products_[0].weights.kernel->name; }
  size_t scratch_bytes() const override { return quantized_at_ + p_.rows * p_.depth + kMaxReadPast; }
  size_t size_bytes() const override {
    size_t bytes = 0;
    for (const Product& product : products_) {
      bytes += product.weights.size_bytes() + product.bias.size_bytes() + product.scales.size() * sizeof(float);
    }
    return bytes;
  }

 private:
  void Multiply(const RunMemory& memory, const Product& product, const DynamicRange& range) const {
    constexpr ptrdiff_t kOneTap = 0;
    const PackedMatrix& b = product.weights;
    auto* scales = reinterpret_cast<float*>(memory.scratch + scale_at_);
    for (size_t n = 0; n < b.n; ++n) scales[n] = range.scale * product.scales[n];
    OutputStage output = {};
    output.kind = OutputKind::kFloat32;
    output.scales.per_channel = scales;
    GemmColumns columns;
    PrepareColumns(b, {false, range.zero_point, nullptr}, output, memory.scratch + column_at_, &columns);
    if (product.bias.size_bytes() > 0) columns.epilogue.bias = static_cast<const float*>(product.bias.data());
    GemmJob job = {};
    job.b = &b;
    job.columns = &columns;
    job.m = p_.rows;
    job.a = memory.scratch + quantized_at_;
    job.grid = {p_.rows, 1, p_.depth, 0, 0};
    job.tap_offsets = &kOneTap;
    job.may_read_past = true;
    job.wide_rows = reinterpret_cast<int16_t*>(memory.scratch + row_at_);
    job.c = memory.Out<uint8_t>(product.y);
    job.element_bytes = sizeof(float);
    job.c_stride_bytes = b.n * sizeof(float);
    const FinishCall call = {&float_, job.c_stride_bytes};
    if (p_.has_gelu) {
      job.finish = ApplyGelu;
      job.finish_context = &call;
    }
    const double macs = static_cast<double>(p_.rows) * static_cast<double>(p_.depth) * static_cast<double>(b.n);
    RunGemm(job, GemmThreads(macs, memory.threads));
  }

  struct FinishCall {
    const FloatKernels* kernels;
    size_t row_bytes;
  };

  static void ApplyGelu(const void* context, uint8_t* c, size_t, size_t rows, size_t, size_t columns) {
    const FinishCall& call = *static_cast<const FinishCall*>(context);
    for (size_t row = 0; row < rows; ++row, c += call.row_bytes) {
      auto* y = reinterpret_cast<float*>(c);
      call.kernels->unary(FloatUnary::kGelu, y, columns, {0, 0}, y);
    }
  }

  DynamicMatMulParams p_;
  std::vector<Product> products_;
  const ElementwiseKernels& elementwise_;
  const FloatKernels& float_;
  size_t column_at_, scale_at_, scale_bytes_ = 0, row_at_, quantized_at_;
};

// Fails through `fields`.
void ReadProduct(StepFields* fields, const ProductNames& names, const DynamicMatMulParams& p, Product* product) {
  const size_t channels = fields->Size(names.channels);
  const size_t y_count = CheckedProduct(fields, names.channels, {p.rows, channels});
  const size_t w_count = CheckedProduct(fields, names.channels, {p.depth, channels});
  product->y = fields->Out(names.y, y_count, sizeof(float));
  MatrixView view = {};
  view.data = fields->Bytes(names.weights, w_count, &view.is_signed);
  view.k = p.depth;
  view.n = channels;
  view.zero_point = fields->Int32s(names.zero_points, channels);
  view.zero_point_per_column = true;
  const float* scales = fields->Floats(names.scales, channels);
  const float* bias = fields->Has(names.bias) ? fields->Floats(names.bias, channels) : nullptr;
  if (!fields->ok()) return;
  const int32_t lowest = view.is_signed ? -128 : 0;
  for (size_t i = 0; i < channels; ++i) {
    if (view.zero_point[i] >= lowest && view.zero_point[i] <= lowest + 255) continue;
    return fields->Fail(names.zero_points, StatusCode::kQuantization, "expected zero points of the weights' type");
  }
  product->scales.assign(scales, scales + channels);
  const Status status = PackMatrix(*FindGemmKernel(fields->environment().isa), view, &product->weights);
  if (!status.ok()) return fields->Fail(names.weights, status.code, status.message);
  if (bias == nullptr) return;
  const size_t padded = RoundUp(channels, kMaxNr);
  if (!product->bias.Reserve(padded * sizeof(float))) {
    return fields->Fail(names.bias, StatusCode::kOutOfMemory, "not enough memory for a bias");
  }
  auto* values = static_cast<float*>(product->bias.data());
  std::fill(std::copy_n(bias, channels, values), values + padded, 0.0f);
}

}  // namespace

// x: float32 of [rows, depth]; gelu: a flag, whether f is x (1 + erf(x / sqrt(2))) / 2; products: 1 to 4, and for each, i:
// channels<i>; y<i>: float32 of [rows, channels]; weights<i>: int8 or uint8[depth, channels]; zeroPoints<i>: int32[channels];
// scales<i>: float32[channels]; bias<i>: float32[channels], optional
void MakeDynamicMatMulStep(StepFields* fields, std::unique_ptr<Step>* step) {
  DynamicMatMulParams p = {};
  p.rows = fields->Size("rows");
  p.depth = fields->Size("depth");
  p.x = fields->In("x", CheckedProduct(fields, "rows", {p.rows, p.depth}), sizeof(float));
  p.has_gelu = fields->Flag("gelu");
  const auto count = static_cast<size_t>(fields->Integer("products", 1, std::size(kProductNames)));
  std::vector<Product> products(count);
  for (size_t i = 0; i < count && fields->ok(); ++i) ReadProduct(fields, kProductNames[i], p, &products[i]);
  if (fields->ok()) *step = std::make_unique<DynamicMatMulStep>(p, fields->environment(), std::move(products));
}

}  // namespace octensor
