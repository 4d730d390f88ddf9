// Attention (Vaswani et al. 2017, section 3.2): y = softmax(beta q k^T) v for each head of each batch, all float32. A thread
// takes some rows of a head through both products and the softmax between them, so that scores never leave its level-2 cache.
#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "core/aligned_buffer.h"
#include "ops/float_fields.h"
#include "ops/float_panels.h"
#include "ops/float_parts.h"
#include "ops/float_softmax.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr double kPackNanoseconds = 0.5, kMacNanoseconds = 0.025, kSoftmaxNanoseconds = 0.7;
constexpr size_t kScoreBytes = size_t{256} << 10;  // of the rows that a thread has at work
constexpr size_t kMaxBlockTiles = 4;
constexpr size_t kLineFloats = kAlignment / sizeof(float);

struct AttentionParams {
  size_t batches, heads, queries, keys, depth, value_depth;
  float beta;
  Place q, k, v, y;
};

class FloatAttentionStep : public Step {
 public:
  FloatAttentionStep(const FloatKernels& kernels, const AttentionParams& params, size_t threads)
      : kernels_(kernels), p_(params) {
    // Rows one cache line more apart than they are long never all meet in a few sets of the level-1 cache.
    score_stride_ = RoundUp(p_.keys, kLineFloats) + kLineFloats;
    const size_t tile_bytes = kernels.mr * score_stride_ * sizeof(float);
    block_rows_ = kernels.mr * std::clamp<size_t>(kScoreBytes / tile_bytes, 1, kMaxBlockTiles);
    score_bytes_ = block_rows_ * score_stride_ * sizeof(float);
    key_bytes_ = PackedBytes(kernels, p_.depth, p_.keys);
    head_bytes_ = key_bytes_ + PackedBytes(kernels, p_.keys, p_.value_depth);
    packed_at_ = threads * score_bytes_;
    zeros_.resize(ZeroBiasCount(kernels, std::max(p_.keys, p_.value_depth)));
  }

  void Run(const RunMemory& memory) const override {
    const size_t heads = p_.batches * p_.heads;
    const auto key_elements = static_cast<double>(heads * p_.keys * (p_.depth + p_.value_depth));
    ForParts(memory.threads, heads, kPackNanoseconds * key_elements, [&](size_t first, size_t end, size_t) {
      for (size_t head = first; head < end; ++head) PackHead(memory, head);
    });
    const size_t blocks = (p_.queries + block_rows_ - 1) / block_rows_;
    const double scores = static_cast<double>(heads * p_.queries) * static_cast<double>(p_.keys);
    const double work = kMacNanoseconds * key_elements * static_cast<double>(p_.queries) + kSoftmaxNanoseconds * scores;
    ForParts(memory.threads, heads * blocks, work, [&](size_t first, size_t end, size_t worker) {
      for (size_t i = first; i < end; ++i) {
        const size_t block = i % blocks;
        RunBlock(memory, i / blocks, p_.queries * block / blocks, p_.queries * (block + 1) / blocks, worker);
      }
    });
  }

  const char* kernel() const override { return kernels_.name; }
  size_t scratch_bytes() const override { return packed_at_ + p_.batches * p_.heads * head_bytes_; }
  size_t size_bytes() const override { return zeros_.size() * sizeof(float); }

 private:
  // Where row `row` of a head begins in a tensor of [batches, rows, heads, depth].
  size_t At(size_t head, size_t row, size_t rows, size_t depth) const {
    return ((head / p_.heads * rows + row) * p_.heads + head % p_.heads) * depth;
  }

  float* PackedKeys(const RunMemory& memory, size_t head) const {
    return reinterpret_cast<float*>(memory.scratch + packed_at_ + head * head_bytes_);
  }
  float* PackedValues(const RunMemory& memory, size_t head) const {
    return reinterpret_cast<float*>(memory.scratch + packed_at_ + head * head_bytes_ + key_bytes_);
  }

  void PackHead(const RunMemory& memory, size_t head) const {
    const float* keys = memory.In<float>(p_.k) + At(head, 0, p_.keys, p_.depth);
    const float* values = memory.In<float>(p_.v) + At(head, 0, p_.keys, p_.value_depth);
    PackColumns(kernels_, {keys, 1, p_.heads * p_.depth}, p_.depth, p_.keys, PackedKeys(memory, head));
    PackColumns(kernels_, {values, p_.heads * p_.value_depth, 1}, p_.keys, p_.value_depth, PackedValues(memory, head));
  }

  void RunBlock(const RunMemory& memory, size_t head, size_t first, size_t end, size_t worker) const {
    constexpr FloatBounds kNone = {-INFINITY, INFINITY};
    const size_t rows = end - first;
    auto* scores = reinterpret_cast<float*>(memory.scratch + worker * score_bytes_);
    const float* q = memory.In<float>(p_.q) + At(head, first, p_.queries, p_.depth);
    MultiplyRows({&kernels_, p_.depth, p_.keys, PackedKeys(memory, head), zeros_.data(), kNone}, q, p_.heads * p_.depth, rows,
                 scores, score_stride_);
    float factors[kMaxFloatMr * kMaxBlockTiles];
    for (size_t row = 0; row < rows; ++row) {
      float* weights = scores + row * score_stride_;
      factors[row] = static_cast<float>(1 / Exponentials(kernels_, weights, p_.keys, p_.beta, weights));
    }
    float* y = memory.Out<float>(p_.y) + At(head, first, p_.queries, p_.value_depth);
    MultiplyRows({&kernels_, p_.keys, p_.value_depth, PackedValues(memory, head), zeros_.data(), kNone}, scores, score_stride_,
                 rows, y, p_.heads * p_.value_depth);
    // What all weights of a row are divided by is what its sums are divided by, and those are fewer.
    for (size_t row = 0; row < rows; ++row, y += p_.heads * p_.value_depth) {
      kernels_.binary(FloatBinary::kMul, y, 1, factors + row, 0, p_.value_depth, kNone, y);
    }
  }

  const FloatKernels& kernels_;
  AttentionParams p_;
  size_t block_rows_, score_stride_, score_bytes_, key_bytes_, head_bytes_, packed_at_;
  std::vector<float> zeros_;
};

}  // namespace

// q: float32 of [batches, queries, heads, depth]; k: [batches, keys, heads, depth]; v: [batches, keys, heads, valueDepth];
// y: [batches, queries, heads, valueDepth]; beta: the factor of scores
void MakeFloatAttentionStep(StepFields* fields, std::unique_ptr<Step>* step) {
  AttentionParams p = {};
  p.batches = fields->Size("batches");
  p.heads = fields->Size("heads");
  p.queries = fields->Size("queries");
  p.keys = fields->Size("keys");
  p.depth = fields->Size("depth");
  p.value_depth = fields->Size("valueDepth");
  p.beta = static_cast<float>(fields->Number("beta"));
  const size_t threads = fields->environment().threads;
  p.q = fields->In("q", CheckedProduct(fields, "queries", {p.batches, p.queries, p.heads, p.depth}), sizeof(float));
  p.k = fields->In("k", CheckedProduct(fields, "keys", {p.batches, p.keys, p.heads, p.depth}), sizeof(float));
  p.v = fields->In("v", CheckedProduct(fields, "keys", {p.batches, p.keys, p.heads, p.value_depth}), sizeof(float));
  p.y = fields->Out("y", CheckedProduct(fields, "queries", {p.batches, p.queries, p.heads, p.value_depth}), sizeof(float));
  // Scratch memory: scores of a block for each thread, and packed matrices, padded to whole vectors and cache lines.
  CheckedProduct(fields, "keys",
                 {threads, kMaxFloatMr * kMaxBlockTiles, RoundUp(p.keys, kAlignment) + kAlignment, sizeof(float)});
  CheckedProduct(fields, "keys",
                 {p.batches, p.heads, RoundUp(p.keys, kAlignment), RoundUp(p.depth, kAlignment), sizeof(float)});
  CheckedProduct(fields, "keys",
                 {p.batches, p.heads, RoundUp(p.keys, kAlignment), RoundUp(p.value_depth, kAlignment), sizeof(float)});
  if (fields->ok()) *step = std::make_unique<FloatAttentionStep>(*FindFloatKernels(fields->environment().isa), p, threads);
}

}  // namespace octensor
