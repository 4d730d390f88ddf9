// AveragePool2D and MaxPool2D of 8-bit x[N, H, W, C]: each output from the part of its window that lies inside x, as
// lib/ops/pooling.ts and its users define it.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "kernels/kernel.h"
#include "ops/parallel.h"
#include "ops/quantized_fields.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kMinPartBytes = size_t{1} << 17;  // of windows
constexpr size_t kBlock = 256;                     // channels whose sums are kept at a time
constexpr size_t kMaxPartial = 257;                // so many bytes add up to at most 65535

enum class PoolKind { kAverage, kMax };

struct PoolParams {
  PoolKind kind;
  Numerics numerics;
  size_t batches, height, width, channels;
  size_t out_height, out_width;
  size_t kernel_height, kernel_width;
  size_t stride_y, stride_x, pad_top, pad_left;
  Place x, y;
  QuantizedFields values;
  double x_scale, y_scale;  // kOnnx
};

// The part of a window that lies inside.
struct Span {
  size_t begin, end;
};

Span Clip(size_t out, size_t stride, size_t pad, size_t kernel, size_t size) {
  const auto first = static_cast<ptrdiff_t>(out * stride) - static_cast<ptrdiff_t>(pad);
  const auto last = first + static_cast<ptrdiff_t>(kernel), limit = static_cast<ptrdiff_t>(size);
  const ptrdiff_t begin = std::clamp<ptrdiff_t>(first, 0, limit), end = std::clamp<ptrdiff_t>(last, begin, limit);
  return {static_cast<size_t>(begin), static_cast<size_t>(end)};
}

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
    const size_t rows = p_.batches * p_.out_height;
    const size_t row_bytes = p_.out_width * p_.kernel_height * p_.kernel_width * p_.channels;
    RunParts(memory, rows, kMinPartBytes / row_bytes, [&](size_t first, size_t end) {
      for (size_t row = first; row < end; ++row) RunRow(memory, row);
    });
  }

 private:
  void RunRow(const RunMemory& memory, size_t row) const {
    const size_t n = row / p_.out_height, oy = row % p_.out_height;
    const Span rows = Clip(oy, p_.stride_y, p_.pad_top, p_.kernel_height, p_.height);
    const uint8_t* image = memory.In<uint8_t>(p_.x) + n * p_.height * p_.width * p_.channels;
    uint8_t* y = memory.Out<uint8_t>(p_.y) + row * p_.out_width * p_.channels;
    for (size_t ox = 0; ox < p_.out_width; ++ox, y += p_.channels) {
      const Span columns = Clip(ox, p_.stride_x, p_.pad_left, p_.kernel_width, p_.width);
      for (size_t c = 0; c < p_.channels; c += kBlock) {
        const size_t block = std::min(kBlock, p_.channels - c);
        if (p_.kind == PoolKind::kMax) {
          Max(image + c, rows, columns, y + c, block);
        } else {
          Average(image + c, rows, columns, y + c, block);
        }
      }
    }
  }

  void Max(const uint8_t* image, Span rows, Span columns, uint8_t* y, size_t n) const {
    uint8_t largest[kBlock];
    std::memset(largest, p_.values.lo, n);
    for (size_t i = rows.begin; i < rows.end; ++i) {
      const uint8_t* x = image + (i * p_.width + columns.begin) * p_.channels;
      for (size_t j = columns.begin; j < columns.end; ++j, x += p_.channels) MaxInto(x, p_.values.flip[0], largest, n);
    }
    const uint8_t hi = p_.values.hi, flip = p_.values.flip[2];
    for (size_t c = 0; c < n; ++c) y[c] = static_cast<uint8_t>((largest[c] < hi ? largest[c] : hi) ^ flip);
  }

  void Average(const uint8_t* image, Span rows, Span columns, uint8_t* y, size_t n) const {
    uint16_t partial[kBlock] = {};
    uint32_t sums[kBlock] = {};
    size_t taken = 0;
    for (size_t i = rows.begin; i < rows.end; ++i) {
      const uint8_t* x = image + (i * p_.width + columns.begin) * p_.channels;
      for (size_t j = columns.begin; j < columns.end; ++j, x += p_.channels) {
        AddInto(x, p_.values.flip[0], partial, n);
        if (++taken % kMaxPartial == 0) WidenInto(partial, sums, n);
      }
    }
    WidenInto(partial, sums, n);
    if (p_.numerics == Numerics::kOnnx) return StoreOnnx(sums, taken, y, n);
    StoreFixed(sums, taken, y, n);
  }

  // (sum +- count / 2) / count, truncated, of the values as they are: those of int8 are 128 less. |sum| < 2^24 and count <= 2^16
  // make the float32 quotient, truncated, the integer one: a quotient below 2^8 that is no integer is at least 2^-16 from the
  // next, and half a unit in its last place is at most 2^-17.
  void StoreFixed(const uint32_t* sums, size_t count, uint8_t* y, size_t n) const {
    const auto taken = static_cast<int32_t>(std::max<size_t>(count, 1)), half = taken / 2;
    const int32_t offset = p_.values.flip[0], lo = p_.values.lo, hi = p_.values.hi;
    const uint8_t flip = p_.values.flip[2];
    const auto divisor = static_cast<float>(taken);
    for (size_t c = 0; c < n; ++c) {
      const int32_t sum = static_cast<int32_t>(sums[c]) - offset * taken;
      const int32_t rounded = sum > 0 ? sum + half : sum - half;
      const int32_t mean = static_cast<int32_t>(static_cast<float>(rounded) / divisor) + offset;
      y[c] = static_cast<uint8_t>((mean < lo ? lo : mean > hi ? hi : mean) ^ flip);
    }
  }

  void StoreOnnx(const uint32_t* sums, size_t count, uint8_t* y, size_t n) const {
    const auto taken = static_cast<int32_t>(std::max<size_t>(count, 1));
    for (size_t c = 0; c < n; ++c) {
      const double sum = static_cast<int32_t>(sums[c]) - p_.values.zero_point[0] * taken;
      const auto mean = static_cast<float>(sum * p_.x_scale / taken);
      const auto quotient = static_cast<float>(static_cast<double>(mean) / p_.y_scale);
      const auto rounded = static_cast<int32_t>(std::nearbyint(std::clamp(quotient, -1024.0f, 1024.0f)));
      const int32_t q = std::clamp<int32_t>(rounded + p_.values.zero_point[2], p_.values.lo, p_.values.hi);
      y[c] = static_cast<uint8_t>(q ^ p_.values.flip[2]);
    }
  }

  PoolParams p_;
};

}  // namespace

// x: bytes [batches, height, width, channels]; y: bytes [batches, outHeight, outWidth, channels]; max: flag, else the average;
// numerics; kernelHeight, kernelWidth (product at most 65536), strideY, strideX, padTop, padLeft;
// signed, zeroPoints: int32[3] of x, x, y; bounds: int32[2] of y; xScale, yScale: of onnx averages
void MakePoolStep(StepFields* fields, std::unique_ptr<Step>* step) {
  PoolParams p = {};
  p.kind = fields->Flag("max") ? PoolKind::kMax : PoolKind::kAverage;
  p.numerics = static_cast<Numerics>(fields->Integer("numerics", 0, 2));
  p.batches = fields->Size("batches"), p.height = fields->Size("height"), p.width = fields->Size("width");
  p.channels = fields->Size("channels");
  p.out_height = fields->Size("outHeight"), p.out_width = fields->Size("outWidth");
  p.kernel_height = fields->Size("kernelHeight"), p.kernel_width = fields->Size("kernelWidth");
  p.stride_y = fields->Size("strideY"), p.stride_x = fields->Size("strideX");
  p.pad_top = fields->Size("padTop", 0), p.pad_left = fields->Size("padLeft", 0);
  // Products of two dimensions are below 2^62; of more, they are checked one after another.
  const auto size = [&](size_t height, size_t width) -> size_t {
    const size_t plane = height * width;
    if (plane <= kMaxStepBytes && plane * p.channels / p.channels == plane && plane * p.channels <= kMaxStepBytes &&
        p.batches <= kMaxStepBytes / (plane * p.channels)) {
      return p.batches * plane * p.channels;
    }
    fields->Fail("channels", StatusCode::kShape, "expected dimensions whose product is a size");
    return 1;
  };
  const size_t x_size = size(p.height, p.width), y_size = size(p.out_height, p.out_width);
  if (p.kernel_height * p.kernel_width > 65536) {
    fields->Fail("kernelHeight", StatusCode::kShape, "expected windows of at most 65536 pixels");
  }
  p.x = fields->In("x", x_size, 1);
  p.y = fields->Out("y", y_size, 1);
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
