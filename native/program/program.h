// A plan made ready to run: a flat list of prepared steps, their constants, and how much memory a run needs.
#ifndef OCTENSOR_PROGRAM_PROGRAM_H_
#define OCTENSOR_PROGRAM_PROGRAM_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/status.h"
#include "ops/step.h"

namespace octensor {

// The memory of one run. One run at a time uses it.
struct Arena {
  AlignedBuffer buffer;                // the program's values, then scratch
  std::atomic<bool> cancelled{false};  // any thread may set it; the run stops before its next step
};

class Program {
 public:
  // `constants` are copied. kOutOfMemory where there is none for them; kShape for bindings that are no parts of the values, or
  // too many.
  Status Init(Isa isa, size_t threads, size_t value_bytes, const uint8_t* constants, size_t constant_bytes,
              std::vector<Binding> bindings);

  const StepEnvironment& environment() const { return environment_; }
  size_t step_count() const { return steps_.size(); }
  const char* kernel(size_t step) const { return steps_[step]->kernel(); }
  // Of weights, tables and constants; and of an arena.
  size_t size_bytes() const { return size_bytes_; }
  size_t arena_bytes() const { return scratch_offset_ + scratch_bytes_; }

  void Append(std::unique_ptr<Step> step);

  Status MakeArena(Arena* arena) const;

  // Runs steps first to last - 1 on the arena's values; returns the step before which it was cancelled, or that refused its
  // data, else `last`. `microseconds`: null, or one entry per step of the program. `bound`: null, or the memory of each
  // binding, on which steps then work instead; where it is not aligned as they want it, inputs are copied before and outputs
  // afterwards.
  size_t Run(Arena* arena, size_t first, size_t last, double* microseconds, uint8_t* const* bound = nullptr) const;

 private:
  size_t RunSteps(const RunMemory& memory, const Arena& arena, size_t first, size_t last, double* microseconds) const;

  std::vector<Binding> bindings_;
  StepEnvironment environment_{};
  AlignedBuffer constants_;
  std::vector<std::unique_ptr<Step>> steps_;
  size_t size_bytes_ = 0, scratch_offset_ = 0, scratch_bytes_ = 0;
};

}  // namespace octensor

#endif  // OCTENSOR_PROGRAM_PROGRAM_H_
