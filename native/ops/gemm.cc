#include "ops/gemm.h"

#include "core/thread_pool.h"
#include "ops/gemm_driver.h"

namespace octensor {
namespace {

Status Check(const GemmArgs& args) {
  const bool has_dimensions = args.m > 0 && args.m < kMaxDimension && args.b->taps == 1;
  if (!has_dimensions || args.a_stride < args.b->k || args.c_stride < args.b->n) {
    return {StatusCode::kShape, "expected m from 1 to 2^31 - 1 and strides of at least a row"};
  }
  if (args.a_stride >= kMaxDimension || args.c_stride >= kMaxDimension) {
    return {StatusCode::kShape, "expected strides below 2^31"};
  }
  if (args.threads == 0 || args.threads > kMaxThreads) return {StatusCode::kShape, "expected threads from 1 to 64"};
  return {};
}

}  // namespace

Status Gemm(const GemmArgs& args, GemmWorkspace* workspace) {
  const Status status = Check(args);
  if (!status.ok()) return status;
  const PackedMatrix& b = *args.b;
  const double macs = static_cast<double>(args.m) * static_cast<double>(b.k) * static_cast<double>(b.n);
  const size_t threads = GemmThreads(macs, args.threads);
  const size_t row_bytes = GemmRowBytes(b, threads);
  if (!workspace->columns.Reserve(GemmColumnBytes(b)) || (row_bytes > 0 && !workspace->rows.Reserve(row_bytes))) {
    return {StatusCode::kOutOfMemory, "not enough memory for the workspace"};
  }
  const OutputStage output = {args.kind,  args.numerics, {args.scale, args.scale_per_column}, args.c_signed, args.c_zero_point,
                              args.c_min, args.c_max};
  GemmColumns columns;
  PrepareColumns(b, {args.a_signed, args.a_zero_point, args.bias}, output, workspace->columns.data(), &columns);

  constexpr ptrdiff_t kOneTap = 0;
  GemmJob job = {};
  job.b = &b;
  job.columns = &columns;
  job.m = args.m;
  job.a = args.a;
  job.a_signed = args.a_signed;
  job.grid = {args.m, 1, args.a_stride, 0, 0};
  job.tap_offsets = &kOneTap;
  job.wide_rows = static_cast<int16_t*>(workspace->rows.data());
  job.c = static_cast<uint8_t*>(args.c);
  job.element_bytes = output.element_bytes();
  job.c_stride_bytes = args.c_stride * job.element_bytes;
  RunGemm(job, threads);
  return {};
}

}  // namespace octensor
