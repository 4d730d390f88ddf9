// How the steps on float32 tensors share their work among threads.
#ifndef OCTENSOR_OPS_FLOAT_PARTS_H_
#define OCTENSOR_OPS_FLOAT_PARTS_H_

#include <algorithm>
#include <cstddef>

#include "core/thread_pool.h"

namespace octensor {

constexpr double kMinPartNanoseconds = 5000;     // of one item
constexpr double kMinSharedNanoseconds = 20000;  // what is worth waking a thread for
constexpr size_t kPartsPerThread = 6;

// Calls body(first, end, worker) for parts of 0 .. count - 1, which together take about `nanoseconds` on one thread.
template <typename Body>
void ForParts(size_t threads, size_t count, double nanoseconds, const Body& body) {
  if (threads == 1 || nanoseconds < kMinSharedNanoseconds) return body(0, count, 0);
  const auto worthwhile = static_cast<size_t>(std::min(nanoseconds / kMinPartNanoseconds, 1e6));
  struct Call {
    const Body* body;
    size_t count, parts;
  } call = {&body, count, std::min(count, std::clamp(worthwhile, threads, threads * kPartsPerThread))};
  ThreadPool::Run(
      threads, call.parts,
      [](void* context, size_t part, size_t worker) {
        const Call& c = *static_cast<const Call*>(context);
        (*c.body)(c.count* part / c.parts, c.count * (part + 1) / c.parts, worker);
      },
      &call);
}

}  // namespace octensor

#endif  // OCTENSOR_OPS_FLOAT_PARTS_H_
