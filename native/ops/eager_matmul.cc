// y[i] = clamp(A[i] B[i] + bias) on tensors that are there only for the call, either operand transposed or repeated.
#include <algorithm>
#include <vector>

#include "core/thread_pool.h"
#include "ops/eager_memory.h"
#include "ops/eager_outer.h"
#include "ops/eager_window.h"
#include "ops/float_products.h"

namespace octensor {
namespace {

struct Problem {
  size_t m, k, n, a_count, b_count;
  bool is_a_transposed, is_b_transposed, has_bias;
  FloatBounds bounds;
  std::vector<FloatPair> pairs;
  const float *a, *b, *bias;
  float* y;
};

Status Multiply(const EagerCall& call, const Problem& p) {
  EagerMemory memory(call);
  const size_t transposed = memory.AddFloats(p.is_a_transposed ? p.a_count * p.m * p.k : 0);
  const size_t packed = memory.Add(p.b_count * PackedBytes(*call.kernels, p.k, p.n));
  const size_t bias_count = PaddedBiasCount(*call.kernels, p.n), bias = memory.AddFloats(bias_count);
  const Status status = memory.Reserve();
  if (!status.ok()) return status;
  if (p.is_a_transposed) TransposeMatrices(p.a, p.a_count, p.k, p.m, call.threads, memory.At(transposed));
  std::fill_n(memory.At(bias), bias_count, 0.0f);
  if (p.has_bias) std::copy_n(p.bias, p.n, memory.At(bias));
  MultiplyPairs({call.kernels, p.m, p.k, p.n, p.is_a_transposed ? memory.At(transposed) : p.a, p.b, p.b_count,
                 p.is_b_transposed, p.pairs.data(), p.pairs.size(), memory.At(packed), memory.At(bias), p.bounds, p.y,
                 call.threads});
  return {};
}

}  // namespace

// Numbers: m, k, n, aCount, bCount, transposeA, transposeB, hasBias, lo, hi, rank of the batch, then for each of its dimensions
// the dimension and the strides in a and b, in matrices. Operands: a of [aCount, m, k] or [aCount, k, m], b of [bCount, k, n]
// or [bCount, n, k], perhaps bias of [n], y of [products, m, n].
Status EagerMatMulCall(const EagerCall& call) {
  EagerFields fields(call);
  Problem p = {};
  p.m = fields.Size(1);
  p.k = fields.Size(1);
  p.n = fields.Size(1);
  p.a_count = fields.Size(1);
  p.b_count = fields.Size(1);
  p.is_a_transposed = fields.Flag();
  p.is_b_transposed = fields.Flag();
  p.has_bias = fields.Flag();
  p.bounds = ReadEagerBounds(&fields);
  int32_t dims[kMaxEagerRank] = {}, a_strides[kMaxEagerRank] = {}, b_strides[kMaxEagerRank] = {};
  const auto rank = static_cast<size_t>(fields.Integer(0, kMaxEagerRank));
  size_t products = 1;
  for (size_t i = 0; i < rank; ++i) {
    dims[i] = static_cast<int32_t>(fields.Integer(1, INT32_MAX));
    a_strides[i] = static_cast<int32_t>(fields.Integer(0, INT32_MAX));
    b_strides[i] = static_cast<int32_t>(fields.Integer(0, INT32_MAX));
    products = EagerProduct(&fields, {products, static_cast<size_t>(dims[i])});
  }
  p.a = fields.In(EagerProduct(&fields, {p.a_count, p.m, p.k}));
  p.b = fields.In(EagerProduct(&fields, {p.b_count, p.k, p.n}));
  if (p.has_bias) p.bias = fields.In(p.n);
  p.y = fields.Out(EagerProduct(&fields, {products, p.m, p.n}));
  // Packed columns may be padded to whole vectors, of which a matrix has at most n.
  EagerProduct(&fields, {p.b_count, p.k, RoundUp(p.n, kMaxFloatNr)});
  EagerProduct(&fields, {kMaxThreads, p.m, p.n});
  const Status status = fields.Finish();
  if (!status.ok()) return status;
  if (!FindPairs({rank, dims, a_strides, b_strides}, products, p.a_count, p.b_count, &p.pairs)) {
    return {StatusCode::kShape, "expected strides to matrices of a and b"};
  }
  const bool has_few_rows = p.m <= kFewRows && p.pairs.size() == 1;
  if (p.is_b_transposed || !(p.is_a_transposed || has_few_rows)) return Multiply(call, p);
  return MultiplyOuter(
      call, {p.m, p.k, p.n, p.a, p.b, p.bias, p.a_count, p.is_a_transposed, p.pairs.data(), p.pairs.size(), p.bounds, p.y});
}

}  // namespace octensor
