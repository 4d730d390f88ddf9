// One run's memory, as JavaScript holds it.
#ifndef OCTENSOR_BINDING_RUN_H_
#define OCTENSOR_BINDING_RUN_H_

#include <memory>
#include <vector>

#include "program/program.h"

namespace octensor {

// Everything but `arena.cancelled` belongs to the environment's thread, except while a task of background.h has it.
struct Run {
  std::shared_ptr<const Program> program;
  Arena arena;
  std::vector<double> microseconds;  // one entry per step, of the steps that ran last with a profile
  bool is_in_background = false;

  // As Program::Run.
  size_t Steps(size_t first, size_t last, bool profile, uint8_t* const* bound = nullptr) {
    return program->Run(&arena, first, last, profile ? microseconds.data() : nullptr, bound);
  }
};

}  // namespace octensor

#endif  // OCTENSOR_BINDING_RUN_H_
