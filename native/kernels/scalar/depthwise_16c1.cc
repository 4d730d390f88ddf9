// The portable depthwise kernel: 16 channels at a time, on widened values.
#include "core/requant.h"
#include "kernels/depthwise.h"

namespace octensor {
namespace {

constexpr size_t kLanes = 16;

uint8_t Quantize(int32_t x, const Epilogue& e, size_t n) {
  const int32_t y = e.numerics == Numerics::kOnnx     ? RequantizeOnnx(x, e.scale[n])
                    : e.numerics == Numerics::kTflite ? RequantizeTflite(x, {e.multiplier[n], e.exponent[n]})
                                                      : RequantizeSingle(x, {e.multiplier[n], e.exponent[n]});
  return static_cast<uint8_t>(AddZeroPointAndClamp(y, e.zero_point, e.lo, e.hi) ^ e.output_flip);
}

// sum[i] += x[i] * w[i]; a whole block's loop has a constant length, which the compiler can make vectors of.
inline void AddTap(const uint8_t* x, uint8_t flip, const int16_t* w, size_t count, uint32_t (&sum)[kLanes]) {
  for (size_t i = 0; i < count; ++i) sum[i] += static_cast<uint32_t>((x[i] ^ flip) * w[i]);
}

void Run(const DepthwiseLine& line) {
  for (size_t output = 0; output < line.outputs; ++output) {
    uint32_t sum[kLanes];  // unsigned: wraps
    for (size_t i = 0; i < kLanes; ++i) sum[i] = static_cast<uint32_t>(line.init[i]);
    const auto* w = static_cast<const int16_t*>(line.weights);
    for (size_t kx = 0; kx < line.kernel_width; ++kx) {
      const size_t column = output * line.stride + kx * line.dilation - line.left;  // wraps below zero
      for (size_t ky = 0; ky < line.kernel_height; ++ky, w += kLanes) {
        const uint8_t* x = column < line.columns ? line.rows[ky] + line.channel + column * line.x_step : line.pad;
        if (line.channels == kLanes) {
          AddTap(x, line.x_flip, w, kLanes, sum);
        } else {
          AddTap(x, line.x_flip, w, line.channels, sum);
        }
      }
    }
    uint8_t* y = line.y[0] + output * line.y_step;
    for (size_t i = 0; i < line.channels; ++i) y[i] = Quantize(static_cast<int32_t>(sum[i]), *line.epilogue, line.lane0 + i);
  }
}

constexpr uint8_t kOrder[kLanes] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

}  // namespace

extern const DepthwiseKernel kDepthwise_16c1_scalar;
const DepthwiseKernel kDepthwise_16c1_scalar = {
    "octensor_depthwise_u8s16_16c1__scalar", Isa::kScalar, kLanes, 1, ADomain::kU8, BDomain::kS16, kOrder, Run};

}  // namespace octensor
