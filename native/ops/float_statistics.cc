// What calibration asks of float32 values: their ends, and how many of them are where. lib/ops/extent.ts and histogram.ts
// define both; they are whole numbers and elements of x, so that neither kernels nor threads make a difference.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>

#include "core/aligned_buffer.h"
#include "ops/float_parts.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kBinsPerSide = 2048, kCounts = 2 * kBinsPerSide + 1;
// A counter is written back before it can be read again, and half of what follows a Relu is 0: neighbours count in different
// lanes, which lie side by side.
constexpr size_t kLanes = 4;
constexpr size_t kChunk = 1024;          // bins at a time, on the stack
constexpr float kPatternBase = 1 << 23;  // 2^23 + k is k in the mantissa of a float
constexpr uint32_t kMantissa = (1 << 23) - 1;
constexpr double kMeasureNanoseconds = 0.1, kCountNanoseconds = 1;  // per element
constexpr double kSmallestFloat = std::numeric_limits<float>::denorm_min();

// What one thread has seen; on a cache line of its own.
struct alignas(kAlignment) Ends {
  float lo, hi;
  bool is_finite;
};

class FloatStatisticsStep : public Step {
 public:
  FloatStatisticsStep(const FloatKernels& kernels, const StepEnvironment& environment, size_t count, bool has_counts, Place x,
                      Place ends, Place counts)
      : kernels_(kernels),
        threads_(environment.threads),
        count_(count),
        has_counts_(has_counts),
        x_(x),
        ends_(ends),
        counts_(counts) {}

  void Run(const RunMemory& memory) const override {
    const float* x = memory.In<float>(x_);
    const Ends ends = Measure(memory, x);
    float* y = memory.Out<float>(ends_);
    y[0] = ends.is_finite ? ends.lo + 0.0f : NAN;  // 0 for -0
    y[1] = ends.is_finite ? ends.hi + 0.0f : NAN;
    if (!has_counts_) return;
    auto* counts = memory.Out<int32_t>(counts_);
    std::fill_n(counts, kCounts, 0);
    if (ends.is_finite && count_ > 0) Count(memory, x, ends, counts);
  }

  const char* kernel() const override { return kernels_.name; }
  size_t scratch_bytes() const override { return threads_ * (sizeof(Ends) + (has_counts_ ? kThreadBytes : 0)); }

 private:
  static constexpr size_t kThreadBytes = (kLanes * kCounts * sizeof(uint32_t) + kAlignment - 1) / kAlignment * kAlignment;

  Ends Measure(const RunMemory& memory, const float* x) const {
    auto* seen = reinterpret_cast<Ends*>(memory.scratch);
    const Ends nothing = {INFINITY, -INFINITY, true};
    std::fill_n(seen, memory.threads, nothing);
    ForParts(memory.threads, count_, kMeasureNanoseconds * static_cast<double>(count_),
             [&](size_t first, size_t end, size_t worker) {
               Ends own = seen[worker];
               own.is_finite &= kernels_.extent(x + first, end - first, &own.lo, &own.hi);
               seen[worker] = own;
             });
    Ends all = nothing;
    for (size_t i = 0; i < memory.threads; ++i) {
      all.lo = std::min(all.lo, seen[i].lo);
      all.hi = std::max(all.hi, seen[i].hi);
      all.is_finite &= seen[i].is_finite;
    }
    return all;
  }

  void Count(const RunMemory& memory, const float* x, const Ends& ends, int32_t* counts) const {
    int exponent;
    std::frexp(std::max({-static_cast<double>(ends.lo), static_cast<double>(ends.hi), kSmallestFloat}), &exponent);
    const int shift = 11 - exponent;  // of 1 / width: too much for one float32
    const FloatBins bins = {std::ldexp(1.0f, shift / 2), std::ldexp(1.0f, shift - shift / 2), kPatternBase + kBinsPerSide,
                            kPatternBase + 2 * kBinsPerSide};
    // Half of the bins are of values below 0, which most tensors have none of
    const float edges[2] = {std::min(ends.lo, 0.0f), std::max(ends.hi, 0.0f)};
    float outer[2];
    kernels_.bins(edges, 2, bins, outer);
    const size_t first = edges[0] < 0 ? PatternOf(outer[0]) : kBinsPerSide;
    const size_t last = edges[1] > 0 ? PatternOf(outer[1]) : kBinsPerSide;

    bool is_used[kMaxThreads] = {};
    uint8_t* tables = memory.scratch + memory.threads * sizeof(Ends);
    const auto table_of = [&](size_t worker) { return reinterpret_cast<uint32_t*>(tables + worker * kThreadBytes); };
    ForParts(memory.threads, count_, kCountNanoseconds * static_cast<double>(count_),
             [&](size_t begin, size_t end, size_t worker) {
               uint32_t* own = table_of(worker);
               if (!is_used[worker]) {
                 std::fill_n(own + kLanes * first, kLanes * (last - first + 1), 0);
                 std::fill_n(own + kLanes * 2 * kBinsPerSide, kLanes, 0);
                 is_used[worker] = true;
               }
               float found[kChunk];
               for (size_t i = begin; i < end; i += kChunk) {
                 const size_t n = std::min(kChunk, end - i);
                 kernels_.bins(x + i, n, bins, found);
                 CountChunk(found, n, own);
               }
             });
    for (size_t worker = 0; worker < memory.threads; ++worker) {
      if (!is_used[worker]) continue;
      const uint32_t* table = table_of(worker);
      for (size_t k = first; k <= last; ++k) counts[k] += Sum(table + kLanes * k);
      counts[2 * kBinsPerSide] += Sum(table + kLanes * 2 * kBinsPerSide);
    }
    counts[kBinsPerSide] += counts[2 * kBinsPerSide];  // zeros are in bin 0, too
  }

  static void CountChunk(const float* found, size_t n, uint32_t* table) {
    size_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
      for (size_t lane = 0; lane < kLanes; ++lane) ++table[kLanes * PatternOf(found[i + lane]) + lane];
    }
    for (; i < n; ++i) ++table[kLanes * PatternOf(found[i])];
  }

  static size_t PatternOf(float found) {
    uint32_t bits;
    std::memcpy(&bits, &found, sizeof(bits));
    return bits & kMantissa;
  }

  static int32_t Sum(const uint32_t* lanes) {
    uint32_t sum = 0;
    for (size_t lane = 0; lane < kLanes; ++lane) sum += lanes[lane];
    return static_cast<int32_t>(sum);
  }

  const FloatKernels& kernels_;
  size_t threads_;
  size_t count_;
  bool has_counts_;
  Place x_, ends_, counts_;
};

}  // namespace

// x: float32 of count; ends: float32[2]; histogram: flag; counts, where it is set: int32[4097]
void MakeFloatStatisticsStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const size_t count = fields->Size("count");
  const bool has_counts = fields->Flag("histogram");
  const Place x = fields->In("x", count, sizeof(float)), ends = fields->Out("ends", 2, sizeof(float));
  const Place counts = has_counts ? fields->Out("counts", kCounts, sizeof(int32_t)) : Place{};
  if (!fields->ok()) return;
  const StepEnvironment& environment = fields->environment();
  const FloatKernels& kernels = *FindFloatKernels(environment.isa);
  *step = std::make_unique<FloatStatisticsStep>(kernels, environment, count, has_counts, x, ends, counts);
}

}  // namespace octensor
