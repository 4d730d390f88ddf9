// Products of float32 matrices that are both computed: y[b] = clamp(A[b] B[b]) for every index b of a batch, which either
// operand may repeat. Each matrix B is packed once, then rows of all products are shared among the threads.
#include <memory>
#include <utility>
#include <vector>

#include "core/aligned_buffer.h"
#include "ops/float_fields.h"
#include "ops/float_products.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kMaxRank = 8;

struct FloatMatMulParams {
  size_t m, k, n;
  bool is_b_transposed;
  FloatBounds bounds;
  Place a, b, y;
};

class FloatMatMulStep : public Step {
 public:
  FloatMatMulStep(const FloatKernels& kernels, const FloatMatMulParams& params, size_t b_count, std::vector<FloatPair> pairs)
      : kernels_(kernels), p_(params), b_count_(b_count), pairs_(std::move(pairs)) {
    zeros_.resize(PaddedBiasCount(kernels, p_.n));
  }

  void Run(const RunMemory& memory) const override {
    FloatProducts products = {};
    products.kernels = &kernels_;
    products.m = p_.m;
    products.k = p_.k;
    products.n = p_.n;
    products.a = memory.In<float>(p_.a);
    products.b = memory.In<float>(p_.b);
    products.b_count = b_count_;
    products.is_b_transposed = p_.is_b_transposed;
    products.pairs = pairs_.data();
    products.count = pairs_.size();
    products.packed = reinterpret_cast<float*>(memory.scratch);
    products.bias = zeros_.data();
    products.bounds = p_.bounds;
    products.y = memory.Out<float>(p_.y);
    products.threads = memory.threads;
    MultiplyPairs(products);
  }

  const char* kernel() const override { return kernels_.name; }
  size_t scratch_bytes() const override { return b_count_ * PackedBytes(kernels_, p_.k, p_.n); }
  size_t size_bytes() const override { return pairs_.size() * sizeof(FloatPair) + zeros_.size() * sizeof(float); }

 private:
  const FloatKernels& kernels_;
  FloatMatMulParams p_;
  size_t b_count_;
  std::vector<FloatPair> pairs_;
  std::vector<float> zeros_;
};

}  // namespace

// a: float32 of [aCount, m, k]; b: of [bCount, k, n], or [bCount, n, k] if transposed; y: [products, m, n]; batchDims: int32[0
// to 8], whose product is how many products there are; aStrides, bStrides: as long, in matrices; bounds
void MakeFloatMatMulStep(StepFields* fields, std::unique_ptr<Step>* step) {
  FloatMatMulParams p = {};
  p.m = fields->Size("m");
  p.k = fields->Size("k");
  p.n = fields->Size("n");
  const size_t a_count = fields->Size("aCount"), b_count = fields->Size("bCount");
  p.a = fields->In("a", CheckedProduct(fields, "aCount", {a_count, p.m, p.k}), sizeof(float));
  p.b = fields->In("b", CheckedProduct(fields, "bCount", {b_count, p.k, p.n}), sizeof(float));
  p.is_b_transposed = fields->Flag("transposed");
  p.bounds = ReadFloatBounds(fields);
  const size_t rank = fields->Length("batchDims");
  if (rank > kMaxRank) fields->Fail("batchDims", StatusCode::kShape, "expected at most 8 dimensions");
  const int32_t* dims = fields->Int32s("batchDims", rank);
  const int32_t* a_strides = fields->Int32s("aStrides", rank);
  const int32_t* b_strides = fields->Int32s("bStrides", rank);
  if (!fields->ok()) return;
  size_t products = 1;
  for (size_t i = 0; i < rank; ++i) {
    if (dims[i] < 1) return fields->Fail("batchDims", StatusCode::kShape, "expected dimensions of at least 1");
    products = CheckedProduct(fields, "batchDims", {products, static_cast<size_t>(dims[i])});
  }
  p.y = fields->Out("y", CheckedProduct(fields, "batchDims", {products, p.m, p.n}), sizeof(float));
  // Packed columns may be padded to whole vectors, of which a matrix has at most n.
  CheckedProduct(fields, "bCount", {b_count, p.k, p.n, kMaxFloatNr});
  if (!fields->ok()) return;
  std::vector<FloatPair> pairs;
  if (!FindPairs({rank, dims, a_strides, b_strides}, products, a_count, b_count, &pairs)) {
    return fields->Fail("aStrides", StatusCode::kShape, "expected strides to matrices of a and b");
  }
  const FloatKernels& kernels = *FindFloatKernels(fields->environment().isa);
  *step = std::make_unique<FloatMatMulStep>(kernels, p, b_count, std::move(pairs));
}

}  // namespace octensor
