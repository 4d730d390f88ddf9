#include "ops/gate_product.h"

#include "kernels/registry.h"

namespace octensor {

Status GateProduct::Pack(Isa isa, const uint8_t* weights, size_t columns, size_t depth, const int32_t* zero_points,
                         int32_t x_zero_point, const int32_t* bias) {
  MatrixView view = {};
  view.data = weights;
  view.is_signed = view.transposed = view.zero_point_per_column = true;
  view.k = depth;
  view.n = columns;
  view.zero_point = zero_points;
  const Status status = PackMatrix(*FindGemmKernel(isa), view, &weights_);
  if (!status.ok()) return status;
  if (!storage_.Reserve(GemmColumnBytes(weights_))) return {StatusCode::kOutOfMemory, "not enough memory for the gates"};
  OutputStage output = {};
  output.kind = OutputKind::kInt32;
  PrepareColumns(weights_, {true, x_zero_point, bias}, output, storage_.data(), &columns_);
  return {};
}

void GateProduct::Run(const int8_t* x, size_t rows, int32_t* sums, void* scratch, size_t threads) const {
  constexpr ptrdiff_t kOneTap = 0;
  GemmJob job = {};
  job.b = &weights_;
  job.columns = &columns_;
  job.m = rows;
  job.a = x;
  job.a_signed = true;
  job.grid = {rows, 1, weights_.k, 0, 0};
  job.tap_offsets = &kOneTap;
  job.wide_rows = static_cast<int16_t*>(scratch);
  job.c = reinterpret_cast<uint8_t*>(sums);
  job.element_bytes = sizeof(int32_t);
  job.c_stride_bytes = weights_.n * sizeof(int32_t);
  const double macs = static_cast<double>(rows) * static_cast<double>(weights_.k) * static_cast<double>(weights_.n);
  RunGemm(job, GemmThreads(macs, threads));
}

}  // namespace octensor
