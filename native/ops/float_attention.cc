// Attention (Vaswani et al. 2017, section 3.2): y = softmax(beta q k^T + mask) v for each head of each batch, all float32. A
// thread packs the keys and values of a head, and takes a tile of rows after the other through both products and the softmax
// between them, so that scores never leave its caches.
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

constexpr double kPackNanoseconds = 1, kMacNanoseconds = 0.025, kSoftmaxNanoseconds = 0.7;
constexpr size_t kLineFloats = kAlignment / sizeof(float);

struct AttentionParams {
  size_t batches, heads, queries, keys, depth, value_depth;
  float beta;
  Place q, k, v, y;
  bool has_mask;
  Place mask;
  size_t mask_steps[4];  // of batches, heads, queries, keys: 0 where the mask is broadcast
};

class FloatAttentionStep : public Step {
 public:
  FloatAttentionStep(const FloatKernels& kernels, const AttentionParams& params, size_t threads)
      : kernels_(kernels), p_(params) {
    // Rows one cache line more apart than they are long never all meet in a few sets of the level-1 cache.
    score_stride_ = RoundUp(p_.keys, kLineFloats) + kLineFloats;
    values_at_ = PackedBytes(kernels, p_.depth, p_.keys);
    scores_at_ = values_at_ + PackedBytes(kernels, p_.keys, p_.value_depth);
    worker_bytes_ = scores_at_ + kernels.mr * score_stride_ * sizeof(float);
    scratch_bytes_ = threads * worker_bytes_;
    zeros_.resize(PaddedBiasCount(kernels, std::max(p_.keys, p_.value_depth)));
  }

  void Run(const RunMemory& memory) const override {
    const size_t heads = p_.batches * p_.heads, tiles = (p_.queries + kernels_.mr - 1) / kernels_.mr;
    const auto elements = static_cast<double>(heads * p_.keys * (p_.depth + p_.value_depth));
    const double scores = static_cast<double>(heads * p_.queries) * static_cast<double>(p_.keys);
    const double work = (kPackNanoseconds + kMacNanoseconds * static_cast<double>(p_.queries)) * elements;
    ForParts(memory.threads, heads * tiles, work + kSoftmaxNanoseconds * scores, [&](size_t first, size_t end, size_t worker) {
      uint8_t* own = memory.scratch + worker * worker_bytes_;
      for (size_t i = first; i < end; ++i) {
        const size_t head = i / tiles, tile = i % tiles;
        // Where two threads share a head, both pack it.
        if (i == first || tile == 0) PackHead(memory, head, own);
        RunTile(memory, head, p_.queries * tile / tiles, p_.queries * (tile + 1) / tiles, own);
      }
    });
  }

  const char* kernel() const override { return kernels_.name; }
  size_t scratch_bytes() const override { return scratch_bytes_; }
  size_t size_bytes() const override { return zeros_.size() * sizeof(float); }

 private:
  // Where row `row` of a head begins in a tensor of [batches, rows, heads, depth].
  size_t At(size_t head, size_t row, size_t rows, size_t depth) const {
    return ((head / p_.heads * rows + row) * p_.heads + head % p_.heads) * depth;
  }

  static float* Floats(uint8_t* bytes) { return reinterpret_cast<float*>(bytes); }

  void PackHead(const RunMemory& memory, size_t head, uint8_t* own) const {
    const float* keys = memory.In<float>(p_.k) + At(head, 0, p_.keys, p_.depth);
    const float* values = memory.In<float>(p_.v) + At(head, 0, p_.keys, p_.value_depth);
    PackColumns(kernels_, {keys, 1, p_.heads * p_.depth}, p_.depth, p_.keys, Floats(own));
    PackColumns(kernels_, {values, p_.heads * p_.value_depth, 1}, p_.keys, p_.value_depth, Floats(own + values_at_));
  }

  void RunTile(const RunMemory& memory, size_t head, size_t first, size_t end, uint8_t* own) const {
    constexpr FloatBounds kNone = {-INFINITY, INFINITY};
    const size_t rows = end - first, q_stride = p_.heads * p_.depth, y_stride = p_.heads * p_.value_depth;
    float* scores = Floats(own + scores_at_);
    const float* q = memory.In<float>(p_.q) + At(head, first, p_.queries, p_.depth);
    MultiplyRows({&kernels_, p_.depth, p_.keys, Floats(own), zeros_.data(), kNone}, q, q_stride, rows, scores, score_stride_);
    float factors[kMaxFloatMr];
    for (size_t row = 0; row < rows; ++row) {
      float* weights = scores + row * score_stride_;
      if (p_.has_mask) AddMask(memory, head, first + row, weights);
      const float beta = p_.has_mask ? 1 : p_.beta;
      factors[row] = static_cast<float>(1 / Exponentials(kernels_, weights, p_.keys, beta, weights));
    }
    float* y = memory.Out<float>(p_.y) + At(head, first, p_.queries, p_.value_depth);
    MultiplyRows({&kernels_, p_.keys, p_.value_depth, Floats(own + values_at_), zeros_.data(), kNone}, scores, score_stride_,
                 rows, y, y_stride);
    // What all weights of a row are divided by is what its sums are divided by, and those are fewer.
    for (size_t row = 0; row < rows; ++row, y += y_stride) {
      kernels_.binary(FloatBinary::kMul, y, 1, factors + row, 0, p_.value_depth, kNone, y);
    }
  }

  // A query's scores become beta scores + mask.
  void AddMask(const RunMemory& memory, size_t head, size_t query, float* scores) const {
    const size_t* steps = p_.mask_steps;
    const float* mask = memory.In<float>(p_.mask) + head / p_.heads * steps[0] + head % p_.heads * steps[1] + query * steps[2];
    constexpr FloatBounds kNone = {-INFINITY, INFINITY};
    kernels_.binary(FloatBinary::kMul, scores, 1, &p_.beta, 0, p_.keys, kNone, scores);
    kernels_.binary(FloatBinary::kAdd, scores, 1, mask, steps[3], p_.keys, kNone, scores);
  }

  const FloatKernels& kernels_;
  AttentionParams p_;
  // Of scratch memory each thread has packed keys, packed values, the scores of a tile of rows.
  size_t score_stride_, values_at_, scores_at_, worker_bytes_, scratch_bytes_;
  std::vector<float> zeros_;
};

void ReadMask(StepFields* fields, AttentionParams* p) {
  const size_t whole[4] = {p->batches, p->heads, p->queries, p->keys};
  const int32_t* dims = fields->Int32s("maskDims", 4);
  size_t count = 1;
  for (size_t i = 4; fields->ok() && i-- > 0;) {
    const auto dim = static_cast<size_t>(dims[i]);
    if (dim != 1 && dim != whole[i]) fields->Fail("maskDims", StatusCode::kShape, "expected the scores' own, or 1");
    p->mask_steps[i] = dim == 1 ? 0 : count;
    count = CheckedProduct(fields, "maskDims", {count, dim});
  }
  p->mask = fields->In("mask", count, sizeof(float));
}

}  // namespace

// q: float32 of [batches, queries, heads, depth]; k: [batches, keys, heads, depth]; v: [batches, keys, heads, valueDepth];
// y: [batches, queries, heads, valueDepth]; beta: the factor of scores; mask, optional: float32 of maskDims, four numbers that
// are those of [batches, heads, queries, keys] or 1
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
  p.has_mask = fields->Has("mask");
  if (p.has_mask) ReadMask(fields, &p);
  // Scratch memory; sizes are padded to whole vectors and cache lines.
  const size_t keys = RoundUp(p.keys, kAlignment) + kAlignment, deepest = RoundUp(std::max(p.depth, p.value_depth), kAlignment);
  CheckedProduct(fields, "keys", {threads, kMaxFloatMr, keys, sizeof(float)});
  CheckedProduct(fields, "keys", {threads, keys, deepest, sizeof(float)});
  if (fields->ok()) *step = std::make_unique<FloatAttentionStep>(*FindFloatKernels(fields->environment().isa), p, threads);
}

}  // namespace octensor
