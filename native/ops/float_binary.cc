// Operators on two float32 tensors, which strides broadcast. What has no vector form is computed in double and rounded once.
#include <algorithm>
#include <cmath>
#include <memory>

#include "core/old_libm.h"
#include "ops/float_fields.h"
#include "ops/float_parts.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kMaxRank = 6;
constexpr size_t kRun = size_t{1} << 12;  // elements that a thread takes at least, where a run of the last dimension is long
constexpr double kElementNanoseconds = 0.15;

// Operators that follow FloatBinary's in the field `op`.
double SquaredDifference(double a, double b) { return (a - b) * (a - b); }
double FloorDiv(double a, double b) { return std::floor(a / b); }
// JavaScript's **, which differs from C's pow where the latter is 1 though an operand is NaN or 1 is raised to infinity.
double Power(double a, double b) {
  if (std::isnan(b) || (std::fabs(a) == 1 && std::isinf(b))) return std::nan("");
  return std::pow(a, b);
}

using RealFunction = double (*)(double, double);
constexpr RealFunction kRealFunctions[] = {SquaredDifference, FloorDiv, Power};
constexpr int64_t kVectorOps = static_cast<int64_t>(FloatBinary::kPrelu) + 1;
constexpr int64_t kOps = kVectorOps + static_cast<int64_t>(sizeof(kRealFunctions) / sizeof(kRealFunctions[0]));

struct Broadcast {
  size_t rank;
  size_t dims[kMaxRank], a_strides[kMaxRank], b_strides[kMaxRank];  // the last strides are 0 or 1
};

class FloatBinaryStep : public Step {
 public:
  FloatBinaryStep(const FloatKernels& kernels, int64_t op, const Broadcast& shape, FloatBounds bounds, Place a, Place b,
                  Place y)
      : kernels_(kernels), op_(op), shape_(shape), bounds_(bounds), a_(a), b_(b), y_(y) {
    for (size_t i = 0; i + 1 < shape.rank; ++i) rows_ *= shape.dims[i];
    length_ = shape.dims[shape.rank - 1];
    // A row is one part or, where rows are few and long, several.
    parts_ = rows_ < 64 ? std::max<size_t>(1, length_ / kRun) : 1;
  }

  void Run(const RunMemory& memory) const override {
    const double cost = op_ < kVectorOps ? kElementNanoseconds : 30 * kElementNanoseconds;
    const double work = cost * static_cast<double>(rows_) * static_cast<double>(length_);
    ForParts(memory.threads, rows_ * parts_, work, [&](size_t first, size_t end, size_t) {
      for (size_t i = first; i < end; ++i) RunPart(memory, i / parts_, i % parts_);
    });
  }

  const char* kernel() const override { return op_ < kVectorOps ? kernels_.name : "scalar"; }

 private:
  void RunPart(const RunMemory& memory, size_t row, size_t part) const {
    const size_t last = shape_.rank - 1, first = length_ * part / parts_, count = length_ * (part + 1) / parts_ - first;
    const size_t a_step = shape_.a_strides[last], b_step = shape_.b_strides[last];
    size_t a_at = first * a_step, b_at = first * b_step;
    for (size_t i = last, rest = row; i-- > 0; rest /= shape_.dims[i]) {
      a_at += rest % shape_.dims[i] * shape_.a_strides[i];
      b_at += rest % shape_.dims[i] * shape_.b_strides[i];
    }
    const float* a = memory.In<float>(a_) + a_at;
    const float* b = memory.In<float>(b_) + b_at;
    float* y = memory.Out<float>(y_) + row * length_ + first;
    if (op_ < kVectorOps) {
      kernels_.binary(static_cast<FloatBinary>(op_), a, a_step, b, b_step, count, bounds_, y);
    } else {
      const RealFunction f = kRealFunctions[op_ - kVectorOps];
      for (size_t i = 0; i < count; ++i) y[i] = static_cast<float>(f(a[i * a_step], b[i * b_step]));
    }
  }

  const FloatKernels& kernels_;
  int64_t op_;
  Broadcast shape_;
  FloatBounds bounds_;
  Place a_, b_, y_;
  size_t rows_ = 1, length_, parts_;
};

// Sizes and strides; returns how many elements an operand with those strides has to have.
size_t ReadStrides(StepFields* fields, const char* name, const Broadcast& shape, size_t* strides) {
  const int32_t* values = fields->Int32s(name, shape.rank);
  if (values == nullptr) return 0;
  size_t end = 1;
  for (size_t i = 0; i < shape.rank; ++i) {
    if (values[i] < 0 || (i + 1 == shape.rank && values[i] > 1)) {
      fields->Fail(name, StatusCode::kShape, "expected strides of 0 or more, the last one at most 1");
      return 0;
    }
    strides[i] = static_cast<size_t>(values[i]);
    end += CheckedProduct(fields, name, {shape.dims[i] - 1, strides[i]});
  }
  return end;
}

}  // namespace

// op: as FloatBinary, then squared difference, floor of the quotient, power; dims, aStrides, bStrides: Int32Arrays of the same
// length, 1 to 6, in elements; a, b, y: float32; bounds (not applied by the last three operators)
void MakeFloatBinaryStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const int64_t op = fields->Integer("op", 0, kOps - 1);
  Broadcast shape = {};
  shape.rank = fields->Length("dims");
  if (shape.rank < 1 || shape.rank > kMaxRank) fields->Fail("dims", StatusCode::kShape, "expected 1 to 6 dimensions");
  const int32_t* dims = fields->Int32s("dims", shape.rank);
  size_t count = 1;
  for (size_t i = 0; dims != nullptr && i < shape.rank; ++i) {
    if (dims[i] < 1) return fields->Fail("dims", StatusCode::kShape, "expected dimensions of at least 1");
    shape.dims[i] = static_cast<size_t>(dims[i]);
    count = CheckedProduct(fields, "dims", {count, shape.dims[i]});
  }
  const size_t a_count = ReadStrides(fields, "aStrides", shape, shape.a_strides);
  const size_t b_count = ReadStrides(fields, "bStrides", shape, shape.b_strides);
  const FloatBounds bounds = ReadFloatBounds(fields);
  const Place a = fields->In("a", a_count, sizeof(float)), b = fields->In("b", b_count, sizeof(float));
  const Place y = fields->Out("y", count, sizeof(float));
  if (!fields->ok()) return;
  *step = std::make_unique<FloatBinaryStep>(*FindFloatKernels(fields->environment().isa), op, shape, bounds, a, b, y);
}

}  // namespace octensor
