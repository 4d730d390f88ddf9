// Add, Sub and Mul of int16 tensors as real numbers, with broadcasting, and int16 to other scales and 8 bits, through a
// HardSwish or not: lib/ops/{add-sub,mul,quantize,hard-swish}.ts with `onnx` numerics.
#include <memory>

#include "ops/broadcast.h"
#include "ops/wide_fields.h"

namespace octensor {
namespace {

enum class WideOp { kAdd, kSub, kMul };

struct WideBinaryParams {
  WideOp op;
  BroadcastShape shape;
  BroadcastOperand a, b;
  WideOperand a_scale, b_scale;  // of sums
  Place y;
  WideOutput output;
  float scale;
};

class WideBinaryStep : public Step {
 public:
  WideBinaryStep(const WideBinaryParams& params, const WideKernels& kernels) : p_(params), kernels_(kernels) {}

  void Run(const RunMemory& memory) const override {
    const size_t last = p_.shape.rank - 1;
    const size_t a_step = p_.a.strides[last], b_step = p_.b.strides[last];
    ForBroadcastRows(memory, p_.shape, [&](size_t row, size_t first, size_t end) {
      const int16_t* a = memory.In<int16_t>(p_.a.place) + p_.a.OffsetOf(p_.shape, row) + first * a_step;
      const int16_t* b = memory.In<int16_t>(p_.b.place) + p_.b.OffsetOf(p_.shape, row) + first * b_step;
      int16_t* y = memory.Out<int16_t>(p_.y) + row * p_.shape.columns() + first;
      const size_t n = end - first;
      if (p_.op == WideOp::kMul) {
        kernels_.mul(p_.output, p_.scale, a, a_step == 0, b, b_step == 0, y, n);
      } else {
        kernels_.add(p_.output, p_.scale, p_.op == WideOp::kSub, p_.a_scale, p_.b_scale, a, a_step == 0, b, b_step == 0, y, n);
      }
    });
  }

  const char* kernel() const override { return kernels_.name; }

 private:
  WideBinaryParams p_;
  const WideKernels& kernels_;
};

class WideRescaleStep : public Step {
 public:
  WideRescaleStep(Place x, Place y, size_t count, const WideOperand& operand, float scale, const WideOutput& output,
                  bool is_hard_swish, const WideKernels& kernels)
      : x_(x), y_(y), count_(count), operand_(operand), scale_(scale), output_(output), kernels_(kernels) {
    function_ = is_hard_swish ? kernels.hard_swish : kernels.rescale;
  }

  void Run(const RunMemory& memory) const override {
    constexpr size_t kMinPart = size_t{1} << 15;
    const int16_t* x = memory.In<int16_t>(x_);
    uint8_t* y = memory.Out<uint8_t>(y_);
    const size_t bytes = WideOutputBytes(output_);
    RunParts(memory, count_, kMinPart, [&](size_t first, size_t end) {
      function_(output_, scale_, operand_, x + first, y + first * bytes, end - first);
    });
  }

  const char* kernel() const override { return kernels_.name; }

 private:
  Place x_, y_;
  size_t count_;
  WideOperand operand_;
  float scale_;
  WideOutput output_;
  const WideKernels& kernels_;
  decltype(WideKernels::rescale) function_;
};

}  // namespace

// op: 0 a + b, 1 a - b, 2 a b; a, b, y: int16; dims, aStrides, bStrides: of the output, the last strides 0 or 1; the fields of
// ReadWideOutput with type 2; scale: the output's own of sums, else the factor; of sums: aScale, aZeroPoint, bScale, bZeroPoint
void MakeWideBinaryStep(StepFields* fields, std::unique_ptr<Step>* step) {
  WideBinaryParams p = {};
  p.op = static_cast<WideOp>(fields->Integer("op", 0, 2));
  p.shape = ReadBroadcastShape(fields);
  if (!fields->ok()) return;
  p.a = ReadBroadcastOperand(fields, p.shape, "a", "aStrides", sizeof(int16_t));
  p.b = ReadBroadcastOperand(fields, p.shape, "b", "bStrides", sizeof(int16_t));
  p.y = fields->Out("y", p.shape.size, sizeof(int16_t));
  p.output = ReadWideOutput(fields);
  p.scale = ReadWideScale(fields, "scale");
  if (p.op != WideOp::kMul) {
    p.a_scale = ReadWideOperand(fields, "aScale", "aZeroPoint");
    p.b_scale = ReadWideOperand(fields, "bScale", "bZeroPoint");
  }
  if (!fields->ok()) return;
  const size_t last = p.shape.rank - 1;
  if (p.output.type != IntegerType::kInt16 || p.a.strides[last] > 1 || p.b.strides[last] > 1) {
    return fields->Fail("type", StatusCode::kShape, "expected int16, in rows without gaps");
  }
  *step = std::make_unique<WideBinaryStep>(p, FindWideKernels(fields->environment().isa));
}

// x: int16[count], xScale, xZeroPoint; hardSwish: flag; y and the fields of ReadWideOutput; scale: of y
void MakeWideRescaleStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const size_t count = fields->Size("count");
  const WideOutput output = ReadWideOutput(fields);
  const WideOperand operand = ReadWideOperand(fields, "xScale", "xZeroPoint");
  const float scale = ReadWideScale(fields, "scale");
  const Place x = fields->In("x", count, sizeof(int16_t)), y = fields->Out("y", count, WideOutputBytes(output));
  const bool is_hard_swish = fields->Flag("hardSwish");
  if (!fields->ok()) return;
  *step = std::make_unique<WideRescaleStep>(x, y, count, operand, scale, output, is_hard_swish,
                                            FindWideKernels(fields->environment().isa));
}

}  // namespace octensor
