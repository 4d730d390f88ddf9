// How eager calls that go element by element share their work.
#ifndef OCTENSOR_OPS_EAGER_RUNS_H_
#define OCTENSOR_OPS_EAGER_RUNS_H_

#include <algorithm>

#include "ops/eager.h"
#include "ops/float_parts.h"

namespace octensor {

// Per element: what memory delivers, functions made of many instructions, libm's.
constexpr double kEagerMemoryNanoseconds = 0.3, kEagerFunctionNanoseconds = 0.7, kEagerScalarNanoseconds = 15;

// Elements of a long row that a thread takes at least.
constexpr size_t kEagerRun = size_t{1} << 12;

// Calls body(first, end) for parts of 0 .. count - 1.
template <typename Body>
void ForRuns(const EagerCall& call, size_t count, double nanoseconds, const Body& body) {
  const size_t runs = std::max<size_t>(1, count / kEagerRun);
  ForParts(call.threads, runs, nanoseconds * static_cast<double>(count),
           [&](size_t first, size_t end, size_t) { body(count * first / runs, count * end / runs); });
}

}  // namespace octensor

#endif  // OCTENSOR_OPS_EAGER_RUNS_H_
