// float32 to 8 or 16 bits: lib/ops/quantize.ts.
#include <cstdint>
#include <memory>

#include "kernels/elementwise.h"
#include "ops/parallel.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kMinPart = size_t{1} << 15;

class QuantizeStep : public Step {
 public:
  QuantizeStep(Place x, Place y, size_t count, const QuantizeParams& params, const ElementwiseKernels& kernels)
      : x_(x), y_(y), count_(count), params_(params), kernels_(kernels) {}

  void Run(const RunMemory& memory) const override {
    const float* x = memory.In<float>(x_);
    uint8_t* y = memory.Out<uint8_t>(y_);
    const size_t bytes = params_.type == IntegerType::kInt16 ? 2 : 1;
    RunParts(memory, count_, kMinPart,
             [&](size_t first, size_t end) { kernels_.quantize(params_, x + first, y + first * bytes, end - first); });
  }

  const char* kernel() const override { return kernels_.name; }

 private:
  Place x_, y_;
  size_t count_;
  QuantizeParams params_;
  const ElementwiseKernels& kernels_;
};

}  // namespace

// x: float32[count]; y: type 0 int8, 1 uint8, 2 int16 [count]; scale: above 0 as a float32; zeroPoint; numerics
void MakeQuantizeStep(StepFields* fields, std::unique_ptr<Step>* step) {
  QuantizeParams params = {};
  const size_t count = fields->Size("count");
  params.type = static_cast<IntegerType>(fields->Integer("type", 0, 2));
  params.half_even = static_cast<Numerics>(fields->Integer("numerics", 0, 2)) == Numerics::kOnnx;
  const bool is_int8 = params.type == IntegerType::kInt8, is_uint8 = params.type == IntegerType::kUint8;
  const int32_t min = is_int8 ? -128 : is_uint8 ? 0 : -32768, max = is_int8 ? 127 : is_uint8 ? 255 : 32767;
  params.zero_point = static_cast<int32_t>(fields->Integer("zeroPoint", min, max));
  params.lo = static_cast<float>(min - params.zero_point);
  params.hi = static_cast<float>(max - params.zero_point);
  params.scale = static_cast<float>(fields->Number("scale"));
  if (!(params.scale > 0)) fields->Fail("scale", StatusCode::kQuantization, "expected a scale above 0 as a float32");
  const Place x = fields->In("x", count, sizeof(float)), y = fields->Out("y", count, is_int8 || is_uint8 ? 1 : 2);
  if (!fields->ok()) return;
  *step = std::make_unique<QuantizeStep>(x, y, count, params, FindElementwiseKernels(fields->environment().isa));
}

}  // namespace octensor
