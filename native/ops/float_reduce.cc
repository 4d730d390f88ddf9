// Sum, mean and maximum of float32 over any axes. Sums are double and in the reference's order, so that results equal its.
#include <algorithm>
#include <cmath>
#include <memory>

#include "ops/float_fields.h"
#include "ops/float_parts.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kMaxRank = 8;
constexpr size_t kBlock = 128;  // outputs at a time: accumulators on the stack
constexpr double kElementNanoseconds = 0.4;

enum class Reduction : uint8_t { kSum, kMean, kMax };

// Some dimensions of x, from the outermost in.
struct Walk {
  size_t rank = 0;
  size_t dims[kMaxRank], strides[kMaxRank];

  size_t size() const {
    size_t size = 1;
    for (size_t i = 0; i < rank; ++i) size *= dims[i];
    return size;
  }
  size_t OffsetOf(size_t index) const {
    size_t offset = 0;
    for (size_t i = rank; i-- > 0; index /= dims[i]) offset += index % dims[i] * strides[i];
    return offset;
  }
};

class FloatReduceStep : public Step {
 public:
  FloatReduceStep(Reduction reduction, const Walk& kept, const Walk& reduced, Place x, Place y)
      : reduction_(reduction), kept_(kept), reduced_(reduced), x_(x), y_(y) {
    if (reduced_.rank > 0) inner_ = reduced_.dims[reduced_.rank - 1];
    // Outputs whose inputs lie side by side are summed together.
    if (kept_.rank > 0 && kept_.strides[kept_.rank - 1] == 1) run_ = kept_.dims[kept_.rank - 1];
  }

  void Run(const RunMemory& memory) const override {
    const float* x = memory.In<float>(x_);
    float* y = memory.Out<float>(y_);
    const size_t blocks = (run_ + kBlock - 1) / kBlock, runs = kept_.size() / run_;
    const double work = kElementNanoseconds * static_cast<double>(kept_.size()) * static_cast<double>(reduced_.size());
    ForParts(memory.threads, runs * blocks, work, [&](size_t first, size_t end, size_t) {
      for (size_t i = first; i < end; ++i) {
        const size_t block = i % blocks * kBlock, output = i / blocks * run_ + block;
        Reduce(x + kept_.OffsetOf(output), std::min(kBlock, run_ - block), y + output);
      }
    });
  }

 private:
  // `count` outputs, the inputs of which are neighbours.
  void Reduce(const float* x, size_t count, float* y) const {
    double result[kBlock];
    std::fill_n(result, count, reduction_ == Reduction::kMax ? -INFINITY : 0.0);
    const size_t size = reduced_.size(), step = reduced_.rank > 0 ? reduced_.strides[reduced_.rank - 1] : 0;
    for (size_t i = 0; i < size; i += inner_) {
      const float* from = x + reduced_.OffsetOf(i);
      for (size_t k = 0; k < inner_; ++k, from += step) {
        if (reduction_ == Reduction::kMax) {
          for (size_t c = 0; c < count; ++c) result[c] = from[c] > result[c] || from[c] != from[c] ? from[c] : result[c];
        } else {
          for (size_t c = 0; c < count; ++c) result[c] += from[c];
        }
      }
    }
    const double divisor = reduction_ == Reduction::kMean ? static_cast<double>(size) : 1;
    for (size_t c = 0; c < count; ++c) y[c] = static_cast<float>(result[c] / divisor);
  }

  Reduction reduction_;
  Walk kept_, reduced_;
  Place x_, y_;
  size_t inner_ = 1;  // of the innermost reduced dimension
  size_t run_ = 1;    // outputs whose inputs are neighbours
};

// Two Int32Arrays of one length. Adds to *end how far the walk goes.
Walk ReadWalk(StepFields* fields, const char* dims_name, const char* strides_name, size_t* end) {
  Walk walk;
  const size_t rank = fields->Length(dims_name);
  if (rank > kMaxRank) fields->Fail(dims_name, StatusCode::kShape, "expected at most 8 dimensions");
  const int32_t* dims = fields->Int32s(dims_name, rank);
  const int32_t* strides = fields->Int32s(strides_name, rank);
  if (!fields->ok()) return walk;
  walk.rank = rank;
  size_t size = 1;
  for (size_t i = 0; i < rank; ++i) {
    if (dims[i] < 1 || strides[i] < 1) {
      fields->Fail(dims_name, StatusCode::kShape, "expected dimensions and strides of at least 1");
      return walk;
    }
    walk.dims[i] = static_cast<size_t>(dims[i]);
    walk.strides[i] = static_cast<size_t>(strides[i]);
    size = CheckedProduct(fields, dims_name, {size, walk.dims[i]});
    *end += CheckedProduct(fields, strides_name, {walk.dims[i] - 1, walk.strides[i]});
  }
  return walk;
}

}  // namespace

// x: float32, y: float32 of the product of keptDims, in their order; keptDims, keptStrides, reducedDims, reducedStrides:
// Int32Arrays, up to 8 elements each, which say where in x the elements are; reduction: 0 sum, 1 mean, 2 maximum
void MakeFloatReduceStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const auto reduction = static_cast<Reduction>(fields->Integer("reduction", 0, 2));
  size_t x_count = 1;
  const Walk kept = ReadWalk(fields, "keptDims", "keptStrides", &x_count);
  const Walk reduced = ReadWalk(fields, "reducedDims", "reducedStrides", &x_count);
  if (!fields->ok()) return;
  const Place x = fields->In("x", x_count, sizeof(float)), y = fields->Out("y", kept.size(), sizeof(float));
  if (fields->ok()) *step = std::make_unique<FloatReduceStep>(reduction, kept, reduced, x, y);
}

}  // namespace octensor
