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
// A table's entry is written back before it can be read again, and half of what follows a Relu is 0: neighbours count in
// different tables.
constexpr size_t kTables = 4, kTableSize = 4112;
constexpr size_t kChunk = 1024;                                     // bins at a time, on the stack
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
    if (ends.is_finite) Count(memory, x, std::max(-static_cast<double>(ends.lo), static_cast<double>(ends.hi)), counts);
  }

  const char* kernel() const override { return kernels_.name; }
  size_t scratch_bytes() const override { return threads_ * (sizeof(Ends) + (has_counts_ ? kThreadBytes : 0)); }

 private:
  static constexpr size_t kThreadBytes = kTables * kTableSize * sizeof(uint32_t);

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

  void Count(const RunMemory& memory, const float* x, double max_abs, int32_t* counts) const {
    int exponent;
    std::frexp(std::max(max_abs, kSmallestFloat), &exponent);
    const int shift = 11 - exponent;  // of 1 / width: too much for one float32
    const float first_factor = std::ldexp(1.0f, shift / 2), second_factor = std::ldexp(1.0f, shift - shift / 2);
    auto* tables = reinterpret_cast<uint32_t*>(memory.scratch + memory.threads * sizeof(Ends));
    std::memset(tables, 0, memory.threads * kThreadBytes);
    ForParts(memory.threads, count_, kCountNanoseconds * static_cast<double>(count_),
             [&](size_t first, size_t end, size_t worker) {
               float bins[kChunk];
               uint32_t* own = tables + worker * kTables * kTableSize + kBinsPerSide;
               for (size_t i = first; i < end; i += kChunk) {
                 const size_t n = std::min(kChunk, end - i);
                 kernels_.bins(x + i, n, first_factor, second_factor, kBinsPerSide, bins);
                 CountChunk(bins, n, own);
               }
             });
    for (size_t t = 0; t < memory.threads * kTables; ++t) {
      const uint32_t* table = tables + t * kTableSize;
      for (size_t k = 0; k < kCounts; ++k) counts[k] += static_cast<int32_t>(table[k]);
    }
    counts[kBinsPerSide] += counts[2 * kBinsPerSide];  // zeros are in bin 0, too
  }

  // `table` is where bin 0 is.
  static void CountChunk(const float* bins, size_t n, uint32_t* table) {
    size_t i = 0;
    for (; i + kTables <= n; i += kTables) {
      for (size_t t = 0; t < kTables; ++t) {
        ++table[static_cast<ptrdiff_t>(t * kTableSize) + static_cast<int32_t>(bins[i + t])];
      }
    }
    for (; i < n; ++i) ++table[static_cast<int32_t>(bins[i])];
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
