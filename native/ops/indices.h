// Indices that are data: int32 or int64, from the end where they are negative.
#ifndef OCTENSOR_OPS_INDICES_H_
#define OCTENSOR_OPS_INDICES_H_

#include <cstddef>
#include <cstdint>

#include "ops/step.h"

namespace octensor {

struct Indices {
  Place place;
  bool is_long;

  int64_t At(const RunMemory& memory, size_t i) const {
    return is_long ? memory.In<int64_t>(place)[i] : int64_t{memory.In<int32_t>(place)[i]};
  }
  // From 0 to n - 1; false where it names nothing.
  bool Find(const RunMemory& memory, size_t i, size_t n, size_t* index) const {
    const int64_t given = At(memory, i), count = static_cast<int64_t>(n);
    if (given < -count || given >= count) return false;
    *index = static_cast<size_t>(given < 0 ? given + count : given);
    return true;
  }
};

// Fields "indices", of `count` elements, and "longIndices", a flag.
inline Indices ReadIndices(StepFields* fields, size_t count) {
  Indices indices = {};
  indices.is_long = fields->Flag("longIndices");
  indices.place = fields->In("indices", count, indices.is_long ? 8 : 4);
  return indices;
}

}  // namespace octensor

#endif  // OCTENSOR_OPS_INDICES_H_
