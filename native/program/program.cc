#include "program/program.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

namespace octensor {
namespace {

// As kernels may expect of values: that of JavaScript's own buffers.
constexpr size_t kBoundAlignment = 16;

}  // namespace

Status Program::Init(Isa isa, size_t threads, size_t value_bytes, const uint8_t* constants, size_t constant_bytes,
                     std::vector<Binding> bindings) {
  const bool fits = std::all_of(bindings.begin(), bindings.end(), [&](const Binding& binding) {
    return binding.offset <= value_bytes && binding.bytes <= value_bytes - binding.offset;
  });
  if (!fits || bindings.size() > kMaxBindings) return {StatusCode::kShape, "expected bindings inside the program's values"};
  bindings_ = std::move(bindings);
  environment_ = {isa, threads, value_bytes, constant_bytes, bindings_.data(), bindings_.size()};
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

size_t Program::Run(Arena* arena, size_t first, size_t last, double* microseconds, uint8_t* const* bound) const {
  auto* values = static_cast<uint8_t*>(arena->buffer.data());
  uint8_t* places[kMaxBindings];
  for (size_t i = 0; i < bindings_.size(); ++i) {
    const auto& [offset, bytes, is_output] = bindings_[i];
    const bool is_direct = bound != nullptr && reinterpret_cast<uintptr_t>(bound[i]) % kBoundAlignment == 0;
    places[i] = is_direct ? bound[i] : values + offset;
    if (bound != nullptr && !is_direct && !is_output && bytes > 0) std::memcpy(places[i], bound[i], bytes);
  }
  bool refused = false;
  const RunMemory memory = {
      values, static_cast<const uint8_t*>(constants_.data()), values + scratch_offset_, environment_.threads, &refused, places};
  const size_t stop = RunSteps(memory, *arena, first, last, microseconds);
  for (size_t i = 0; bound != nullptr && i < bindings_.size(); ++i) {
    const auto& [offset, bytes, is_output] = bindings_[i];
    if (is_output && places[i] != bound[i] && bytes > 0) std::memcpy(bound[i], places[i], bytes);
  }
  return stop;
}

size_t Program::RunSteps(const RunMemory& memory, const Arena& arena, size_t first, size_t last, double* microseconds) const {
  using Clock = std::chrono::steady_clock;
  for (size_t i = first; i < last; ++i) {
    if (arena.cancelled.load(std::memory_order_relaxed)) return i;
    const Clock::time_point start = microseconds != nullptr ? Clock::now() : Clock::time_point();
    steps_[i]->Run(memory);
    if (microseconds != nullptr) microseconds[i] = std::chrono::duration<double, std::micro>(Clock::now() - start).count();
    if (*memory.refused) return i;
  }
  return last;
}

}  // namespace octensor
