// y[i] = clamp(A[i] B[i] + bias) on tensors that are there only for the call, either operand transposed or repeated.
#include <math.h>

#include <algorithm>
#include <vector>

#include "ops/eager_memory.h"
#include "ops/eager_window.h"
#include "ops/float_outer.h"
#include "ops/float_parts.h"
#include "ops/float_products.h"

namespace octensor {
namespace {

constexpr double kTransposeNanoseconds = 0.7;
constexpr size_t kBlock = 32;  // of rows and columns: lines stay in the level-1 cache

struct Problem {
  size_t m, k, n, a_count, b_count;
  bool is_a_transposed, is_b_transposed, has_bias;
  FloatBounds bounds;
  std::vector<FloatPair> pairs;
  const float *a, *b, *bias;
  float* y;
};

// `count` matrices of [rows, columns].
void Transpose(const float* x, size_t count, size_t rows, size_t columns, size_t threads, float* y) {
  const double elements = static_cast<double>(count) * static_cast<double>(rows) * static_cast<double>(columns);
  const size_t blocks = (rows + kBlock - 1) / kBlock;
  ForParts(threads, count * blocks, kTransposeNanoseconds * elements, [&](size_t first, size_t end, size_t) {
    for (size_t item = first; item < end; ++item) {
      const size_t at = item / blocks * rows * columns, row = item % blocks * kBlock, end_row = std::min(rows, row + kBlock);
      for (size_t j = 0; j < columns; ++j) {
        for (size_t i = row; i < end_row; ++i) y[at + j * rows + i] = x[at + i * columns + j];
      }
    }
  });
}

// A^T B, no bias: rows of A and B stand as the product of outer products wants them.
Status MultiplyOuter(const EagerCall& call, const Problem& p) {
  EagerMemory memory(call);
  const size_t partials = memory.AddFloats(OuterPartials(p.m, p.k, p.n));
  const Status status = memory.Reserve();
  if (!status.ok()) return status;
  for (size_t i = 0; i < p.pairs.size(); ++i) {
    FloatOuterProduct({call.kernels, p.a + p.pairs[i].a * p.k * p.m, p.b + p.pairs[i].b * p.k * p.n, p.m, p.k, p.n,
                       p.y + i * p.m * p.n, memory.At(partials), call.threads});
  }
  return {};
}

Status Multiply(const EagerCall& call, const Problem& p) {
  EagerMemory memory(call);
  const size_t transposed = memory.AddFloats(p.is_a_transposed ? p.a_count * p.m * p.k : 0);
  const size_t packed = memory.Add(p.b_count * PackedBytes(*call.kernels, p.k, p.n));
  const size_t bias_count = PaddedBiasCount(*call.kernels, p.n), bias = memory.AddFloats(bias_count);
  const Status status = memory.Reserve();
  if (!status.ok()) return status;
  if (p.is_a_transposed) Transpose(p.a, p.a_count, p.k, p.m, call.threads, memory.At(transposed));
  std::fill_n(memory.At(bias), bias_count, 0.0f);
  if (p.has_bias) std::copy_n(p.bias, p.n, memory.At(bias));
  MultiplyPairs({call.kernels, p.m, p.k, p.n, p.is_a_transposed ? memory.At(transposed) : p.a, p.b, p.b_count,
                 p.is_b_transposed, p.pairs.data(), p.pairs.size(), memory.At(packed), memory.At(bias), p.bounds, p.y,
                 call.threads});
  return {};
}

}  // namespace

// Numbers: m, k, n, aCount, bCount, transposeA, transposeB, hasBias, lo, hi, rank of the batch, then for each of its dimensions
// the dimension and the strides in a and b, in matrices. Operands: a of [aCount, m, k] or [aCount, k, m], b of [bCount, k, n] or
// [bCount, n, k], perhaps bias of [n], y of [products, m, n].
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
  EagerProduct(&fields, {kMaxFloatMr, p.m, p.n});
  const Status status = fields.Finish();
  if (!status.ok()) return status;
  if (!FindPairs({rank, dims, a_strides, b_strides}, products, p.a_count, p.b_count, &p.pairs)) {
    return {StatusCode::kShape, "expected strides to matrices of a and b"};
  }
  const bool is_bounded = p.bounds.lo > -INFINITY || p.bounds.hi < INFINITY;
  if (p.is_a_transposed && !p.is_b_transposed && !p.has_bias && !is_bounded) return MultiplyOuter(call, p);
  return Multiply(call, p);
}

}  // namespace octensor
