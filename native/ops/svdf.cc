// A layer factored into ranks over time, with its last features as state: lib/ops/svdf.ts. Integers to the bit; float32 with
// one rounding of each sum.
#include <algorithm>
#include <cstring>
#include <memory>

#include "ops/float_fields.h"
#include "ops/recurrent_parts.h"
#include "ops/step.h"

namespace octensor {
namespace {

enum class SvdfState { kInt8, kInt16, kFloat32 };

struct SvdfParams {
  SvdfState state_type;
  size_t batches, depth, units, rank, memory;
  Place x, feature, time, bias, state, y, next;
  bool has_bias;
  Numerics numerics;
  FixedPoint factors[2];   // of a feature to the state, of a sum to y
  int32_t zero_points[3];  // of x, the state and y
  FloatBounds bounds;      // float32

  size_t filters() const { return units * rank; }
};

class SvdfStep : public Step {
 public:
  explicit SvdfStep(const SvdfParams& params) : p_(params) {}

  void Run(const RunMemory& memory) const override {
    switch (p_.state_type) {
      case SvdfState::kInt8:
        return RunQuantized<int8_t>(memory);
      case SvdfState::kInt16:
        return RunQuantized<int16_t>(memory);
      case SvdfState::kFloat32:
        return RunFloat(memory);
    }
  }

  // A batch of x less its zero point, or all features of a batch in double.
  size_t scratch_bytes() const override {
    return p_.state_type == SvdfState::kFloat32 ? p_.filters() * sizeof(double) : p_.depth * sizeof(int16_t);
  }

 private:
  // The state of one filter, one element on; the last one is still to be written.
  template <typename T>
  T* Shift(const RunMemory& memory, size_t row) const {
    T* next = memory.Out<T>(p_.next) + row * p_.memory;
    std::memmove(next, memory.In<T>(p_.state) + row * p_.memory + 1, (p_.memory - 1) * sizeof(T));
    return next;
  }

  template <typename T>
  void RunQuantized(const RunMemory& memory) const {
    constexpr int64_t kLow = sizeof(T) == 1 ? -128 : -32768, kHigh = sizeof(T) == 1 ? 127 : 32767;
    const auto* feature = memory.In<int8_t>(p_.feature);
    const T* time = memory.In<T>(p_.time);
    auto* x = reinterpret_cast<int16_t*>(memory.scratch);
    for (size_t n = 0; n < p_.batches; ++n) {
      const int8_t* input = memory.In<int8_t>(p_.x) + n * p_.depth;
      for (size_t i = 0; i < p_.depth; ++i) x[i] = static_cast<int16_t>(input[i] - p_.zero_points[0]);
      for (size_t u = 0; u < p_.units; ++u) {
        uint32_t total = p_.has_bias ? static_cast<uint32_t>(memory.In<int32_t>(p_.bias)[u]) : 0;
        for (size_t f = u * p_.rank; f < (u + 1) * p_.rank; ++f) {
          T* next = Shift<T>(memory, n * p_.filters() + f);
          const int32_t dot = WrappingDot(x, feature + f * p_.depth, 0, p_.depth);
          const int64_t scaled = int64_t{ScaleSum(dot, p_.factors[0], p_.numerics)} + p_.zero_points[1];
          next[p_.memory - 1] = static_cast<T>(std::clamp(scaled, kLow, kHigh));
          // Products of 17 bits and 16 bits may leave 32: they wrap, as the sum does
          for (size_t t = 0; t < p_.memory; ++t) {
            total +=
                static_cast<uint32_t>(next[t] - p_.zero_points[1]) * static_cast<uint32_t>(int32_t{time[f * p_.memory + t]});
          }
        }
        const int64_t y = int64_t{ScaleSum(static_cast<int32_t>(total), p_.factors[1], p_.numerics)} + p_.zero_points[2];
        memory.Out<int8_t>(p_.y)[n * p_.units + u] = static_cast<int8_t>(std::clamp<int64_t>(y, -128, 127));
      }
    }
  }

  void RunFloat(const RunMemory& memory) const {
    const auto* time = memory.In<float>(p_.time);
    auto* dots = reinterpret_cast<double*>(memory.scratch);
    for (size_t n = 0; n < p_.batches; ++n) {
      const float* x = memory.In<float>(p_.x) + n * p_.depth;
      RealProducts<float>(memory.In<float>(p_.feature), nullptr, x, p_.filters(), p_.depth, dots);
      for (size_t u = 0; u < p_.units; ++u) {
        double total = p_.has_bias ? memory.In<float>(p_.bias)[u] : 0;
        for (size_t f = u * p_.rank; f < (u + 1) * p_.rank; ++f) {
          float* next = Shift<float>(memory, n * p_.filters() + f);
          next[p_.memory - 1] = static_cast<float>(dots[f]);
          for (size_t t = 0; t < p_.memory; ++t) total += double{next[t]} * double{time[f * p_.memory + t]};
        }
        const double bounded = total < p_.bounds.lo ? p_.bounds.lo : total > p_.bounds.hi ? p_.bounds.hi : total;
        memory.Out<float>(p_.y)[n * p_.units + u] = static_cast<float>(bounded);
      }
    }
  }

  SvdfParams p_;
};

}  // namespace

// stateType: 0 int8, 1 int16, 2 float32; with F = units rank: x[batches, depth], feature[F, depth] and y[batches, units], int8
// or float32; time[F, memory], state and next[batches, F memory], of the state's type; bias[units], int32 or float32, optional.
// Integers: numerics (not onnx), factors: int32[4], zeroPoints: int32[3]; float32: bounds
void MakeSvdfStep(StepFields* fields, std::unique_ptr<Step>* step) {
  SvdfParams p = {};
  p.state_type = static_cast<SvdfState>(fields->Integer("stateType", 0, 2));
  const bool is_float = p.state_type == SvdfState::kFloat32;
  p.batches = fields->Size("batches"), p.depth = fields->Size("depth"), p.units = fields->Size("units");
  p.rank = fields->Size("rank"), p.memory = fields->Size("memory");
  const size_t filters = CheckedProduct(fields, "rank", {p.units, p.rank});
  const size_t state_count = CheckedProduct(fields, "memory", {p.batches, filters, p.memory});
  const size_t feature_count = CheckedProduct(fields, "depth", {filters, p.depth});
  const size_t x_count = CheckedProduct(fields, "depth", {p.batches, p.depth});
  const size_t y_count = CheckedProduct(fields, "units", {p.batches, p.units});
  if (!fields->ok()) return;
  const size_t bytes = is_float ? 4 : 1, state_bytes = is_float ? 4 : p.state_type == SvdfState::kInt16 ? 2 : 1;
  p.x = fields->In("x", x_count, bytes);
  p.feature = fields->In("feature", feature_count, bytes);
  p.time = fields->In("time", filters * p.memory, state_bytes);
  p.has_bias = fields->Has("bias");
  if (p.has_bias) p.bias = fields->In("bias", p.units, 4);
  p.state = fields->In("state", state_count, state_bytes);
  p.next = fields->Out("next", state_count, state_bytes);
  p.y = fields->Out("y", y_count, bytes);
  if (is_float) {
    p.bounds = ReadFloatBounds(fields);
  } else {
    p.numerics = static_cast<Numerics>(fields->Integer("numerics", 0, 1));
    ReadFixedPoints(fields, "factors", 2, p.factors);
    ReadZeroPoints(fields, "zeroPoints", 3, p.zero_points);
  }
  if (fields->ok()) *step = std::make_unique<SvdfStep>(p);
}

}  // namespace octensor
