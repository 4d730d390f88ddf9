#include "kernels/wide.h"

#include "kernels/wide_rows.h"

namespace octensor {
namespace {

constexpr size_t kLanes = 8;

struct Joined {
  template <bool kHasLow, typename Y>
  static void Run(const WideOutput& o, const int32_t* sums, const int32_t* low, const double* bias, const float* multipliers,
                  Y* y, size_t n) {
    JoinRun<kHasLow>(o, sums, low, bias, multipliers, y, n);
  }
};

void Depthwise(const int16_t* const* x, size_t step, size_t pixels, const int16_t* w, size_t taps, int32_t* sums, size_t n) {
  for (size_t c = 0; c < n; c += kLanes, w += taps * kLanes) {
    const size_t count = n - c < kLanes ? n - c : kLanes;
    for (size_t p = 0; p < pixels; ++p) {
      int32_t block[kLanes] = {};
      for (size_t t = 0; t < taps; t += 2) {
        const int16_t *a = x[t] + p * step + c, *b = x[t + 1] + p * step + c, *pair = w + t * kLanes;
        for (size_t i = 0; i < count; ++i) block[i] += int32_t{a[i]} * pair[2 * i] + int32_t{b[i]} * pair[2 * i + 1];
      }
      for (size_t i = 0; i < count; ++i) sums[p * n + c + i] = block[i];
    }
  }
}

}  // namespace

extern const WideKernels kWide_scalar;
const WideKernels kWide_scalar = MakeWideKernels("octensor_wide__scalar", Isa::kScalar, JoinWide<Joined>, kLanes, Depthwise);

}  // namespace octensor
