// Products of float32 matrices that are both computed: y[b] = clamp(A[b] B[b]) for every index b of a batch, which either
// operand may repeat. Each matrix B is packed once, then rows of all products are shared among the threads.
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "core/aligned_buffer.h"
#include "ops/float_fields.h"
#include "ops/float_panels.h"
#include "ops/float_parts.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr double kPackNanoseconds = 0.5, kMacNanoseconds = 0.025;
constexpr size_t kMaxRank = 8;

struct FloatMatMulParams {
  size_t m, k, n;
  bool is_b_transposed;
  FloatBounds bounds;
  Place a, b, y;
};

// Which matrices each product multiplies.
struct Pair {
  size_t a, b;
};

class FloatMatMulStep : public Step {
 public:
  FloatMatMulStep(const FloatKernels& kernels, const FloatMatMulParams& params, size_t b_count, std::vector<Pair> pairs)
      : kernels_(kernels), p_(params), b_count_(b_count), pairs_(std::move(pairs)) {
    packed_bytes_ = PackedBytes(kernels, p_.k, p_.n);
    zeros_.resize(ZeroBiasCount(kernels, p_.n));
  }

  void Run(const RunMemory& memory) const override {
    const float* b = memory.In<float>(p_.b);
    const size_t b_size = p_.k * p_.n;
    ForParts(memory.threads, b_count_, kPackNanoseconds * static_cast<double>(b_count_ * b_size),
             [&](size_t first, size_t end, size_t) {
               for (size_t i = first; i < end; ++i) {
                 const float* data = b + i * b_size;
                 const FloatMatrix matrix = p_.is_b_transposed ? FloatMatrix{data, 1, p_.k} : FloatMatrix{data, p_.n, 1};
                 PackColumns(kernels_, matrix, p_.k, p_.n, Packed(memory, i));
               }
             });
    const size_t tiles = (p_.m + kernels_.mr - 1) / kernels_.mr;
    const double macs = static_cast<double>(pairs_.size()) * static_cast<double>(p_.m) * static_cast<double>(b_size);
    ForParts(memory.threads, pairs_.size() * tiles, kMacNanoseconds * macs, [&](size_t first, size_t end, size_t) {
      // A part is some tiles of the first product, all of the next ones, some of the last.
      while (first < end) {
        const size_t product = first / tiles, tile = first % tiles, last = std::min(tiles, tile + end - first);
        Multiply(memory, product, p_.m * tile / tiles, p_.m * last / tiles);
        first += last - tile;
      }
    });
  }

  const char* kernel() const override { return kernels_.name; }
  size_t scratch_bytes() const override { return b_count_ * packed_bytes_; }
  size_t size_bytes() const override { return pairs_.size() * sizeof(Pair) + zeros_.size() * sizeof(float); }

 private:
  float* Packed(const RunMemory& memory, size_t i) const {
    return reinterpret_cast<float*>(memory.scratch + i * packed_bytes_);
  }

  void Multiply(const RunMemory& memory, size_t product, size_t first, size_t end) const {
    const Pair pair = pairs_[product];
    const float* a = memory.In<float>(p_.a) + (pair.a * p_.m + first) * p_.k;
    float* y = memory.Out<float>(p_.y) + (product * p_.m + first) * p_.n;
    MultiplyRows({&kernels_, p_.k, p_.n, Packed(memory, pair.b), zeros_.data(), p_.bounds}, a, p_.k, end - first, y, p_.n);
  }

  const FloatKernels& kernels_;
  FloatMatMulParams p_;
  size_t b_count_, packed_bytes_;
  std::vector<Pair> pairs_;
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
  std::vector<Pair> pairs(products);
  for (size_t product = 0; product < products; ++product) {
    int64_t a = 0, b = 0;
    size_t rest = product;
    for (size_t i = rank; i-- > 0; rest /= static_cast<size_t>(dims[i])) {
      const auto at = static_cast<int64_t>(rest % static_cast<size_t>(dims[i]));
      a += at * a_strides[i];
      b += at * b_strides[i];
    }
    if (a < 0 || b < 0 || a >= static_cast<int64_t>(a_count) || b >= static_cast<int64_t>(b_count)) {
      return fields->Fail("aStrides", StatusCode::kShape, "expected strides to matrices of a and b");
    }
    pairs[product] = {static_cast<size_t>(a), static_cast<size_t>(b)};
  }
  const FloatKernels& kernels = *FindFloatKernels(fields->environment().isa);
  *step = std::make_unique<FloatMatMulStep>(kernels, p, b_count, std::move(pairs));
}

}  // namespace octensor
