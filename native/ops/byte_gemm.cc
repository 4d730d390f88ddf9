// Products of 8-bit matrices that are both computed, on the kernels of products with constants: each b is packed when its turn
// comes, into scratch memory.
#include <algorithm>
#include <memory>
#include <utility>

#include "kernels/registry.h"
#include "ops/byte_matmul.h"
#include "ops/float_parts.h"

namespace octensor {
namespace {

// Fewer rows of a than this are multiplied in less time than packing takes.
constexpr size_t kMinRows = 8;
constexpr size_t kMinMacs = 4096;
constexpr double kNanosecondsPerMac = 0.006, kNanosecondsPerByte = 1;  // of b, for packing
constexpr size_t kMaxPackedBytes = size_t{1} << 30;

class ByteGemmStep : public Step {
 public:
  ByteGemmStep(ByteMatMulParams params, const StepEnvironment& environment)
      : p_(std::move(params)), kernel_(*FindGemmKernel(environment.isa)) {
    PackedMatrix sizes;
    sizes.kernel = &kernel_;
    sizes.shape = {static_cast<uint8_t>(kMaxMr), static_cast<uint8_t>(kMaxNr)};  // at least as large as any
    sizes.k = p_.k;
    sizes.n = p_.n;
    zeros_at_ = RoundUp(ComputedMatrixBytes(kernel_, p_.k, p_.n), kAlignment);
    columns_at_ = zeros_at_ + RoundUp(p_.n * sizeof(int32_t), kAlignment);
    rows_at_ = columns_at_ + GemmColumnBytes(sizes);
    // One matrix on all threads, or a matrix on each
    worker_bytes_ = RoundUp(rows_at_ + GemmRowBytes(sizes, 1), kAlignment);
    scratch_bytes_ = std::max(rows_at_ + GemmRowBytes(sizes, environment.threads), environment.threads * worker_bytes_);
  }

  void Run(const RunMemory& memory) const override {
    const size_t batches = p_.batches.size;
    const double macs = static_cast<double>(p_.m) * static_cast<double>(p_.k) * static_cast<double>(p_.n);
    if (batches < memory.threads) {
      for (size_t batch = 0; batch < batches; ++batch) Multiply(memory, batch, GemmThreads(macs, memory.threads), 0);
      return;
    }
    const double each = kNanosecondsPerMac * macs + kNanosecondsPerByte * static_cast<double>(p_.k * p_.n);
    ForParts(memory.threads, batches, static_cast<double>(batches) * each, [&](size_t first, size_t end, size_t worker) {
      for (size_t batch = first; batch < end; ++batch) Multiply(memory, batch, 1, worker);
    });
  }

  const char* kernel() const override { return kernel_.name; }
  size_t scratch_bytes() const override { return scratch_bytes_; }
  size_t size_bytes() const override { return p_.multipliers.size() * sizeof(double); }

 private:
  void Multiply(const RunMemory& memory, size_t batch, size_t threads, size_t worker) const {
    constexpr ptrdiff_t kOneTap = 0;
    uint8_t* own = memory.scratch + worker * worker_bytes_;
    const size_t a_start = p_.StartOf(p_.a, batch), b_start = p_.StartOf(p_.b, batch);
    const PackedMatrix b = Pack(memory, b_start, own);
    OutputStage output = {};
    output.kind = p_.kind;
    output.numerics = p_.numerics;
    if (p_.kind == OutputKind::kFloat32) output.scales.per_channel = p_.scales.data();
    if (p_.kind == OutputKind::kQuantized) output.scales.per_channel_double = p_.multipliers.data();
    output.is_signed = p_.is_signed;
    output.zero_point = p_.zero_point, output.min = p_.lo, output.max = p_.hi;
    GemmColumns columns = {};
    const int32_t a_zero = p_.a.ZeroPoint(memory, a_start, p_.k, p_.m, 0);
    const int32_t* bias = p_.has_bias ? memory.In<int32_t>(p_.bias) : nullptr;
    PrepareColumns(b, {p_.a.is_signed, a_zero, bias}, output, own + columns_at_, &columns);
    GemmJob job = {};
    job.b = &b;
    job.columns = &columns;
    job.m = p_.m;
    job.a = memory.In<uint8_t>(p_.a.matrices.place) + a_start;
    job.a_signed = p_.a.is_signed;
    job.grid = {p_.m, 1, p_.k, 0, 0};
    job.tap_offsets = &kOneTap;
    job.wide_rows = reinterpret_cast<int16_t*>(own + rows_at_);
    job.element_bytes = output.element_bytes();
    job.c_stride_bytes = p_.n * job.element_bytes;
    job.c = memory.Out<uint8_t>(p_.y) + batch * p_.m * job.c_stride_bytes;
    RunGemm(job, threads);
  }

  // The matrix that begins at `start`, in the memory of a thread.
  PackedMatrix Pack(const RunMemory& memory, size_t start, uint8_t* own) const {
    auto* zeros = reinterpret_cast<int32_t*>(own + zeros_at_);
    const size_t count = p_.b.zero_count > 1 ? p_.n : 1;
    for (size_t i = 0; i < count; ++i) zeros[i] = p_.b.ZeroPoint(memory, start, p_.k, p_.n, i);
    MatrixView view = {};
    view.data = memory.In<uint8_t>(p_.b.matrices.place) + start;
    view.is_signed = p_.b.is_signed;
    view.transposed = p_.b.is_transposed;
    view.k = p_.k;
    view.n = p_.n;
    view.zero_point = zeros;
    view.zero_point_per_column = count > 1;
    PackedMatrix packed;
    PackComputedMatrix(kernel_, view, own, &packed);
    return packed;
  }

  ByteMatMulParams p_;
  const GemmKernel& kernel_;
  // Of scratch memory each thread has a packed matrix, its zero points, terms of its columns, rows of a.
  size_t zeros_at_, columns_at_, rows_at_, worker_bytes_, scratch_bytes_;
};

}  // namespace

bool SuitsGemm(const ByteMatMulParams& p, const StepEnvironment& environment) {
  const bool is_large = p.m >= kMinRows && static_cast<double>(p.m * p.k) * static_cast<double>(p.n) >= kMinMacs;
  const size_t bytes = 2 * RoundUp(p.k, kAlignment) * RoundUp(p.n, kMaxNr);
  return is_large && !p.a.is_transposed && p.a.zero_count <= 1 && std::max({p.m, p.k, p.n}) < kMaxDimension &&
         bytes <= kMaxPackedBytes / environment.threads;
}

std::unique_ptr<Step> MakeByteGemm(ByteMatMulParams params, const StepEnvironment& environment) {
  return std::make_unique<ByteGemmStep>(std::move(params), environment);
}

}  // namespace octensor
