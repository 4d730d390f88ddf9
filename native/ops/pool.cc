// AveragePool2D and MaxPool2D of 8-bit x[N, H, W, C]: each output from the part of its window that lies inside x, as
// lib/ops/pooling.ts and its users define it.
#include <algorithm>
#include <cstring>
#include <memory>

#include "kernels/kernel.h"
#include "ops/pool_windows.h"
#include "ops/quantized_fields.h"

namespace octensor {
namespace {

constexpr size_t kMinPartBytes = size_t{1} << 17;  // of windows
constexpr size_t kMaxPartial = 257;                // so many bytes add up to at most 65535
constexpr int32_t kMaxReciprocal = 4096;           // the largest divisor whose reciprocal is used

enum class PoolKind { kAverage, kMax };

struct PoolParams {
  PoolKind kind;
  Numerics numerics;
  PoolWindows windows;
  QuantizedFields values;
  double x_scale, y_scale;  // kOnnx
};

// m[c] = max(m[c], x[c] as uint8)
void MaxInto(const uint8_t* __restrict x, uint8_t flip, uint8_t* __restrict m, size_t n) {
  for (size_t c = 0; c < n; ++c) {
    const auto value = static_cast<uint8_t>(x[c] ^ flip);
    m[c] = m[c] > value ? m[c] : value;
  }
}

void AddInto(const uint8_t* __restrict x, uint8_t flip, uint16_t* __restrict sums, size_t n) {
  for (size_t c = 0; c < n; ++c) sums[c] = static_cast<uint16_t>(sums[c] + static_cast<uint8_t>(x[c] ^ flip));
}

void WidenInto(uint16_t* __restrict partial, uint32_t* __restrict sums, size_t n) {
  for (size_t c = 0; c < n; ++c) sums[c] += partial[c];
  std::memset(partial, 0, n * sizeof(uint16_t));
}

class PoolStep : public Step {
 public:
  explicit PoolStep(const PoolParams& params) : p_(params) {}

  void Run(const RunMemory& memory) const override {
    ForEachPoolWindow<uint8_t>(memory, p_.windows, kMinPartBytes, [&](const Window& window, uint8_t* y, size_t n) {
      p_.kind == PoolKind::kMax ? Max(window, y, n) : Average(window, y, n);
    });
  }

 private:
  using Window = PoolWindow<uint8_t>;

  void Max(const Window& window, uint8_t* y, size_t n) const {
    uint8_t largest[kPoolBlock];
    std::memset(largest, p_.values.lo, n);
    window.ForEachPixel([&](const uint8_t* x) { MaxInto(x, p_.values.flip[0], largest, n); });
    const uint8_t hi = p_.values.hi, flip = p_.values.flip[2];
    for (size_t c = 0; c < n; ++c) y[c] = static_cast<uint8_t>((largest[c] < hi ? largest[c] : hi) ^ flip);
  }

  void Average(const Window& window, uint8_t* y, size_t n) const {
    uint16_t partial[kPoolBlock];
    std::memset(partial, 0, n * sizeof(uint16_t));
    const size_t count = window.count();
    if (count <= kMaxPartial) {
      window.ForEachPixel([&](const uint8_t* x) { AddInto(x, p_.values.flip[0], partial, n); });
      return StoreAverage(partial, count, y, n);
    }
    uint32_t sums[kPoolBlock];
    std::memset(sums, 0, n * sizeof(uint32_t));
    size_t taken = 0;
    window.ForEachPixel([&](const uint8_t* x) {
      AddInto(x, p_.values.flip[0], partial, n);
      if (++taken % kMaxPartial == 0) WidenInto(partial, sums, n);
    });
    WidenInto(partial, sums, n);
    StoreAverage(sums, count, y, n);
  }

  template <typename Sum>
  void StoreAverage(const Sum* sums, size_t count, uint8_t* y, size_t n) const {
    const auto taken = static_cast<int32_t>(std::max<size_t>(count, 1));
    if (p_.numerics == Numerics::kOnnx) return StoreOnnx(sums, taken, y, n);
    return taken <= kMaxReciprocal ? StoreQuotients<true>(sums, taken, y, n) : StoreQuotients<false>(sums, taken, y, n);
  }

  // (sum +- count / 2) / count, truncated, of the values as they are: those of int8 are 128 less. Integers up to 2^24, and
  // even ones up to 2^25, are exact in float32. The quotient is below 2^8, so it is rounded by at most 2^-17 and at least 2^-16
  // from the next integer, unless it is one: truncated, it is the integer quotient, for counts up to 2^16. A product with the
  // reciprocal is off by less than 2^-14; where that is less than 1 / (2 count), adding that much before truncating makes it
  // safe.
  template <bool kReciprocal, typename Sum>
  void StoreQuotients(const Sum* __restrict sums, int32_t count, uint8_t* __restrict y, size_t n) const {
    const int32_t offset = p_.values.flip[0], lo = p_.values.lo, hi = p_.values.hi, shift = offset * count;
    const int32_t twice_half = count / 2 * 2 + (kReciprocal ? 1 : 0);
    const float divisor = static_cast<float>(2 * count), reciprocal = 1.0f / divisor;
    const uint8_t flip = p_.values.flip[2];
    for (size_t c = 0; c < n; ++c) {
      const int32_t sum = static_cast<int32_t>(sums[c]) - shift;
      const auto twice = static_cast<float>(2 * sum + (sum > 0 ? twice_half : -twice_half));
      int32_t mean = static_cast<int32_t>(kReciprocal ? twice * reciprocal : twice / divisor) + offset;
      mean = mean < lo ? lo : mean;
      mean = mean > hi ? hi : mean;
      y[c] = static_cast<uint8_t>(mean ^ flip);
    }
  }

  template <typename Sum>
  void StoreOnnx(const Sum* __restrict sums, int32_t count, uint8_t* __restrict y, size_t n) const {
    constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23: adding it rounds half to even
    const int32_t zero = p_.values.zero_point[0] * count, offset = p_.values.zero_point[2];
    const auto lo = static_cast<float>(p_.values.lo - offset), hi = static_cast<float>(p_.values.hi - offset);
    const double x_scale = p_.x_scale, y_scale = p_.y_scale, divisor = count;
    const uint8_t flip = p_.values.flip[2];
    for (size_t c = 0; c < n; ++c) {
      const double sum = static_cast<int32_t>(sums[c]) - zero;
      const auto mean = static_cast<float>(sum * x_scale / divisor);
      auto quotient = static_cast<float>(static_cast<double>(mean) / y_scale);
      quotient = quotient < lo ? lo : quotient;
      quotient = quotient > hi ? hi : quotient;
      y[c] = static_cast<uint8_t>((static_cast<int32_t>((quotient + kMagic) - kMagic) + offset) ^ flip);
    }
  }

  PoolParams p_;
};

}  // namespace

// The fields of ReadPoolWindows, of windows of at most 65536 pixels; max: flag, else the average; numerics;
// signed, zeroPoints: int32[3] of x, x, y; bounds: int32[2] of y; xScale, yScale: of onnx averages
void MakePoolStep(StepFields* fields, std::unique_ptr<Step>* step) {
  PoolParams p = {};
  p.kind = fields->Flag("max") ? PoolKind::kMax : PoolKind::kAverage;
  p.numerics = static_cast<Numerics>(fields->Integer("numerics", 0, 2));
  p.windows = ReadPoolWindows(fields, 1, 65536);
  p.values = ReadQuantizedFields(fields, "signed", "zeroPoints", "bounds");
  const bool has_scales = p.kind == PoolKind::kAverage && p.numerics == Numerics::kOnnx;
  p.x_scale = has_scales ? fields->Number("xScale") : 1;
  p.y_scale = has_scales ? fields->Number("yScale") : 1;
  if (fields->ok() && !(p.x_scale > 0 && p.x_scale < 0x1p200 && p.y_scale > 0)) {
    fields->Fail("xScale", StatusCode::kQuantization, "expected scales above 0");
  }
  if (fields->ok()) *step = std::make_unique<PoolStep>(p);
}

}  // namespace octensor
