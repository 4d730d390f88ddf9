// Products of 8-bit matrices that are both computed: what the plain loops and the kernels' way have in common.
#ifndef OCTENSOR_OPS_BYTE_MATMUL_H_
#define OCTENSOR_OPS_BYTE_MATMUL_H_

#include <memory>
#include <vector>

#include "core/requant.h"
#include "ops/broadcast.h"
#include "ops/gemm_driver.h"
#include "ops/quantized_fields.h"
#include "ops/step.h"

namespace octensor {

// One side of the products: batches of matrices, and a zero point for all, each row of `a` or each column of `b`.
struct ByteOperand {
  bool is_signed, is_transposed;
  BroadcastOperand matrices;
  Place zero_points;
  size_t zero_count;  // 1, as many as the matrix has, or as all matrices have

  int32_t At(const uint8_t* data, size_t i) const { return is_signed ? static_cast<int8_t>(data[i]) : int32_t{data[i]}; }

  // The zero point of row or column `i` of the matrix that begins at `start`, of `each` of them.
  int32_t ZeroPoint(const RunMemory& memory, size_t start, size_t depth, size_t each, size_t i) const {
    if (zero_count == 0) return 0;
    const size_t at = zero_count == 1 ? 0 : zero_count <= each ? i : start / depth + i;
    return At(memory.In<uint8_t>(zero_points), at);
  }
};

struct ByteMatMulParams {
  size_t m, k, n;
  BroadcastShape batches;
  ByteOperand a, b;
  Place bias, y;
  bool has_bias;
  OutputKind kind;
  Numerics numerics;
  bool is_signed;  // of 8-bit results
  int32_t zero_point, lo, hi;
  std::vector<double> multipliers;
  std::vector<float> scales;        // of float32 results and onnx numerics
  std::vector<FixedPoint> factors;  // else

  // Of the matrix of batch `batch`, in elements: what precedes it is whole matrices.
  size_t StartOf(const ByteOperand& operand, size_t batch) const {
    const size_t last = batches.rank - 1, columns = batches.columns();
    return operand.matrices.OffsetOf(batches, batch / columns) + batch % columns * operand.matrices.strides[last];
  }
};

// Whether there is enough to do for packing b in every run, and all rows of a have one zero point.
bool SuitsGemm(const ByteMatMulParams& params, const StepEnvironment& environment);
std::unique_ptr<Step> MakeByteGemm(ByteMatMulParams params, const StepEnvironment& environment);

}  // namespace octensor

#endif  // OCTENSOR_OPS_BYTE_MATMUL_H_
