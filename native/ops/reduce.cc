// Mean, Sum and ReduceMax of 8-bit x[outer, count, inner] over the middle dimension: lib/ops/{mean,sum,reduce-max}.ts.
#include <algorithm>
#include <cstring>
#include <memory>

#include "core/requant.h"
#include "kernels/kernel.h"
#include "ops/parallel.h"
#include "ops/quantized_fields.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kMinPartBytes = size_t{1} << 17;
constexpr size_t kBlock = 1024;      // inner elements whose sums are kept at a time
constexpr size_t kMaxPartial = 257;  // so many bytes add up to at most 65535

struct ReduceParams {
  bool is_max;
  Numerics numerics;
  size_t outer, count, inner;
  Place x, y;
  QuantizedFields values;
  FixedPoint fixed;
  float real;
};

class ReduceStep : public Step {
 public:
  explicit ReduceStep(const ReduceParams& params) : p_(params) {}

  void Run(const RunMemory& memory) const override {
    const uint8_t* x = memory.In<uint8_t>(p_.x);
    uint8_t* y = memory.Out<uint8_t>(p_.y);
    if (p_.inner == 1) {
      return RunParts(memory, p_.outer, kMinPartBytes / p_.count, [&](size_t first, size_t end) {
        for (size_t i = first; i < end; ++i) y[i] = p_.is_max ? MaxRow(x + i * p_.count) : SumRow(x + i * p_.count);
      });
    }
    const size_t blocks = (p_.inner + kBlock - 1) / kBlock;
    const size_t block_bytes = std::max<size_t>(p_.count * std::min(p_.inner, kBlock), 1);
    RunParts(memory, p_.outer * blocks, kMinPartBytes / block_bytes, [&](size_t first, size_t end) {
      for (size_t i = first; i < end; ++i) {
        const size_t row = i / blocks, begin = i % blocks * kBlock, n = std::min(kBlock, p_.inner - begin);
        const uint8_t* from = x + row * p_.count * p_.inner + begin;
        uint8_t* to = y + row * p_.inner + begin;
        if (p_.is_max) {
          MaxBlock(from, to, n);
        } else {
          SumBlock(from, to, n);
        }
      }
    });
  }

 private:
  uint8_t SumRow(const uint8_t* x) const {
    uint32_t sum = 0;
    const uint8_t flip = p_.values.flip[0];
    for (size_t i = 0; i < p_.count; ++i) sum += static_cast<uint8_t>(x[i] ^ flip);
    return Requantize(sum);
  }

  uint8_t MaxRow(const uint8_t* x) const {
    uint8_t largest = 0;
    const uint8_t flip = p_.values.flip[0];
    for (size_t i = 0; i < p_.count; ++i) largest = std::max(largest, static_cast<uint8_t>(x[i] ^ flip));
    return static_cast<uint8_t>(largest ^ p_.values.flip[2]);
  }

  void SumBlock(const uint8_t* x, uint8_t* y, size_t n) const {
    uint16_t partial[kBlock];
    uint32_t sums[kBlock];
    std::memset(sums, 0, n * sizeof(uint32_t));
    const uint8_t flip = p_.values.flip[0];
    for (size_t first = 0; first < p_.count; first += kMaxPartial) {
      const size_t end = std::min(first + kMaxPartial, p_.count);
      std::memset(partial, 0, n * sizeof(uint16_t));
      for (size_t i = first; i < end; ++i) AddInto(x + i * p_.inner, flip, partial, n);
      for (size_t c = 0; c < n; ++c) sums[c] += partial[c];
    }
    for (size_t c = 0; c < n; ++c) y[c] = Requantize(sums[c]);
  }

  static void AddInto(const uint8_t* __restrict x, uint8_t flip, uint16_t* __restrict sums, size_t n) {
    for (size_t c = 0; c < n; ++c) sums[c] = static_cast<uint16_t>(sums[c] + static_cast<uint8_t>(x[c] ^ flip));
  }

  void MaxBlock(const uint8_t* x, uint8_t* y, size_t n) const {
    uint8_t largest[kBlock] = {};
    const uint8_t flip = p_.values.flip[0];
    for (size_t i = 0; i < p_.count; ++i, x += p_.inner) {
      for (size_t c = 0; c < n; ++c) largest[c] = std::max(largest[c], static_cast<uint8_t>(x[c] ^ flip));
    }
    for (size_t c = 0; c < n; ++c) y[c] = static_cast<uint8_t>(largest[c] ^ p_.values.flip[2]);
  }

  uint8_t Requantize(uint32_t sum) const {
    const auto centered = static_cast<int32_t>(sum - static_cast<uint32_t>(p_.values.zero_point[0]) * p_.count);
    int32_t q;
    if (p_.numerics == Numerics::kOnnx) {
      q = RequantizeOnnx(centered, p_.real);
    } else {
      q = p_.numerics == Numerics::kTflite ? RequantizeTflite(centered, p_.fixed) : RequantizeSingle(centered, p_.fixed);
    }
    return static_cast<uint8_t>(AddZeroPointAndClamp(q, p_.values.zero_point[2], p_.values.lo, p_.values.hi) ^
                                p_.values.flip[2]);
  }

  ReduceParams p_;
};

}  // namespace

// x: bytes [outer, count, inner]; y: bytes [outer, inner]; max: flag, else the sum, which is at most 2^31 - 1;
// signed, zeroPoints: int32[3] of x, x, y; bounds: int32[2] of y; of sums: numerics, multiplier and exponent, or real (onnx)
void MakeReduceStep(StepFields* fields, std::unique_ptr<Step>* step) {
  ReduceParams p = {};
  p.is_max = fields->Flag("max");
  p.outer = fields->Size("outer"), p.count = fields->Size("count"), p.inner = fields->Size("inner");
  if (p.outer * p.inner > kMaxStepBytes || p.count > kMaxStepBytes / (p.outer * p.inner)) {
    return fields->Fail("count", StatusCode::kShape, "expected dimensions whose product is a size");
  }
  if (!p.is_max && p.count > (size_t{1} << 23)) {
    return fields->Fail("count", StatusCode::kShape, "expected at most 2^23 summands");
  }
  p.x = fields->In("x", p.outer * p.count * p.inner, 1);
  p.y = fields->Out("y", p.outer * p.inner, 1);
  p.values = ReadQuantizedFields(fields, "signed", "zeroPoints", "bounds");
  if (!p.is_max) {
    p.numerics = static_cast<Numerics>(fields->Integer("numerics", 0, 2));
    if (p.numerics == Numerics::kOnnx) {
      p.real = static_cast<float>(fields->Number("real"));
      if (!(p.real >= 0 && p.real < 0x1p90f)) fields->Fail("real", StatusCode::kQuantization, "expected a scale");
    } else {
      p.fixed.multiplier = static_cast<int32_t>(fields->Integer("multiplier", 0, INT32_MAX));
      p.fixed.exponent = static_cast<int32_t>(fields->Integer("exponent", -31, kMaxFixedPointExponent));
    }
  }
  if (fields->ok()) *step = std::make_unique<ReduceStep>(p);
}

}  // namespace octensor
