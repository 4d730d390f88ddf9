// What the addon keeps for one JavaScript environment.
#ifndef OCTENSOR_BINDING_INSTANCE_H_
#define OCTENSOR_BINDING_INSTANCE_H_

#include "binding/eager_calls.h"
#include "binding/program_calls.h"
#include "core/thread_pool.h"
#include "ops/gemm.h"

namespace octensor {

struct Instance {
  Instance() { ThreadPool::Acquire(); }
  ~Instance() { ThreadPool::Release(); }
  HandleSet<PackedMatrix> matrices;
  GemmWorkspace workspace;
  ProgramState program;
  EagerState eager;
};

}  // namespace octensor

#endif  // OCTENSOR_BINDING_INSTANCE_H_
