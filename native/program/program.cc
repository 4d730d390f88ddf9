#include "program/program.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

namespace octensor {

Status Program::Init(Isa isa, size_t threads, size_t value_bytes, const uint8_t* constants, size_t constant_bytes) {
  environment_ = {isa, threads, value_bytes, constant_bytes};
  scratch_offset_ = RoundUp(value_bytes, kAlignment);
  if (!constants_.Reserve(std::max<size_t>(constant_bytes, 1))) {
    return {StatusCode::kOutOfMemory, "not enough memory for the constants"};
  }
  if (constant_bytes > 0) std::memcpy(constants_.data(), constants, constant_bytes);
  size_bytes_ = constant_bytes;
  return {};
}

void Program::Append(std::unique_ptr<Step> step) {
  scratch_bytes_ = std::max(scratch_bytes_, step->scratch_bytes());
  size_bytes_ += step->size_bytes();
  steps_.push_back(std::move(step));
}

Status Program::MakeArena(Arena* arena) const {
  const size_t bytes = std::max<size_t>(arena_bytes(), 1);
  if (!arena->buffer.Reserve(bytes)) return {StatusCode::kOutOfMemory, "not enough memory for a run"};
  return {};
}

size_t Program::Run(Arena* arena, size_t first, size_t last, double* microseconds) const {
  using Clock = std::chrono::steady_clock;
  auto* values = static_cast<uint8_t*>(arena->buffer.data());
  bool refused = false;
  const RunMemory memory = {values, static_cast<const uint8_t*>(constants_.data()), values + scratch_offset_,
                            environment_.threads, &refused};
  for (size_t i = first; i < last; ++i) {
    if (arena->cancelled.load(std::memory_order_relaxed)) return i;
    if (microseconds == nullptr) {
      steps_[i]->Run(memory);
      if (refused) return i;
      continue;
    }
    const Clock::time_point start = Clock::now();
    steps_[i]->Run(memory);
    microseconds[i] = std::chrono::duration<double, std::micro>(Clock::now() - start).count();
    if (refused) return i;
  }
  return last;
}

}  // namespace octensor
