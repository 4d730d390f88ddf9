// AveragePool2D, MaxPool2D and Mean of int16 x[N, H, W, C] with `onnx` numerics: lib/ops/{average-pool2d,max-pool2d,mean}.ts.
#include <algorithm>
#include <cmath>
#include <memory>

#include "ops/pool_windows.h"
#include "ops/wide_fields.h"

namespace octensor {
namespace {

constexpr size_t kMinPartBytes = size_t{1} << 17;  // of windows
constexpr size_t kMaxWindow = 65535;               // so many int16 add up to an int32

enum class PoolKind { kMax, kAverage, kMean };

struct WidePoolParams {
  PoolKind kind;
  PoolWindows windows;
  WideOutput output;
  int32_t x_zero_point;
  double x_scale, y_scale;  // averages
  float multiplier;         // means
};

void MaxInto(const int16_t* __restrict x, int16_t* __restrict m, size_t n) {
  for (size_t c = 0; c < n; ++c) m[c] = m[c] > x[c] ? m[c] : x[c];
}

void AddInto(const int16_t* __restrict x, int32_t* __restrict sums, size_t n) {
  for (size_t c = 0; c < n; ++c) sums[c] += x[c];
}

class WidePoolStep : public Step {
 public:
  explicit WidePoolStep(const WidePoolParams& params) : p_(params) {}

  void Run(const RunMemory& memory) const override {
    ForEachPoolWindow<int16_t>(memory, p_.windows, kMinPartBytes, [&](const Window& window, int16_t* y, size_t n) {
      p_.kind == PoolKind::kMax ? Max(window, y, n) : Average(window, y, n);
    });
  }

 private:
  using Window = PoolWindow<int16_t>;

  void Max(const Window& window, int16_t* y, size_t n) const {
    const int32_t zero = p_.output.zero_point;
    std::fill_n(y, n, static_cast<int16_t>(static_cast<int32_t>(p_.output.lo) + zero));
    window.ForEachPixel([&](const int16_t* x) { MaxInto(x, y, n); });
    const auto hi = static_cast<int16_t>(static_cast<int32_t>(p_.output.hi) + zero);
    for (size_t c = 0; c < n; ++c) y[c] = y[c] < hi ? y[c] : hi;
  }

  void Average(const Window& window, int16_t* y, size_t n) const {
    int32_t sums[kPoolBlock] = {};
    window.ForEachPixel([&](const int16_t* x) { AddInto(x, sums, n); });
    const double divisor = static_cast<double>(std::max<size_t>(window.count(), 1));
    const double zero = divisor * p_.x_zero_point;
    for (size_t c = 0; c < n; ++c) {
      const double sum = sums[c] - zero;
      const float real = p_.kind == PoolKind::kMean
                             ? static_cast<float>(sum) * p_.multiplier
                             : static_cast<float>(static_cast<float>(sum * p_.x_scale / divisor) / p_.y_scale);
      const float bounded = std::min(std::max(real, p_.output.lo), p_.output.hi);
      y[c] = static_cast<int16_t>(static_cast<int32_t>(std::nearbyint(bounded)) + p_.output.zero_point);
    }
  }

  WidePoolParams p_;
};

}  // namespace

// The fields of ReadPoolWindows, of windows of at most 65535 pixels, and of ReadWideOutput with type 2; pool: 0 the largest, 1
// the average, 2 the mean; xZeroPoint; xScale, yScale: of averages; multiplier: of means
void MakeWidePoolStep(StepFields* fields, std::unique_ptr<Step>* step) {
  WidePoolParams p = {};
  p.kind = static_cast<PoolKind>(fields->Integer("pool", 0, 2));
  p.windows = ReadPoolWindows(fields, sizeof(int16_t), kMaxWindow);
  p.output = ReadWideOutput(fields);
  if (p.output.type != IntegerType::kInt16) fields->Fail("type", StatusCode::kShape, "expected an int16 output");
  p.x_zero_point = static_cast<int32_t>(fields->Integer("xZeroPoint", -32768, 32767));
  p.x_scale = p.y_scale = 1;
  if (p.kind == PoolKind::kAverage) p.x_scale = ReadWideScale(fields, "xScale"), p.y_scale = ReadWideScale(fields, "yScale");
  if (p.kind == PoolKind::kMean) p.multiplier = ReadWideScale(fields, "multiplier");
  if (fields->ok()) *step = std::make_unique<WidePoolStep>(p);
}

}  // namespace octensor
