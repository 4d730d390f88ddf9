// Splitting a step's work among the run's threads.
#ifndef OCTENSOR_OPS_PARALLEL_H_
#define OCTENSOR_OPS_PARALLEL_H_

#include <algorithm>
#include <cstddef>

#include "core/thread_pool.h"
#include "ops/step.h"

namespace octensor {

// Calls body(first, end) for parts that make up [0, count), one a thread; parts smaller than `min_part` are not worth handing
// over.
template <typename Body>
void RunParts(const RunMemory& memory, size_t count, size_t min_part, const Body& body) {
  const size_t most = std::max<size_t>(memory.threads, 1);
  const size_t parts = std::clamp<size_t>(count / std::max<size_t>(min_part, 1), 1, most);
  if (parts == 1) return body(size_t{0}, count);
  struct Call {
    const Body* body;
    size_t count, parts;
  } call = {&body, count, parts};
  ThreadPool::Run(
      memory.threads, parts,
      [](void* context, size_t part, size_t) {
        const Call& c = *static_cast<const Call*>(context);
        (*c.body)(c.count* part / c.parts, c.count * (part + 1) / c.parts);
      },
      &call);
}

}  // namespace octensor

#endif  // OCTENSOR_OPS_PARALLEL_H_
