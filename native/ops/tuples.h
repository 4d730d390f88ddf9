// Tuples of indices, each of which names a part of a tensor: what GatherNd and ScatterNd have in common.
#ifndef OCTENSOR_OPS_TUPLES_H_
#define OCTENSOR_OPS_TUPLES_H_

#include "ops/float_fields.h"
#include "ops/indices.h"
#include "ops/step.h"

namespace octensor {

constexpr size_t kMaxTupleDepth = 64;

// Tuples [batches, count, depth] into tensors [batches, outer, extents..., inner]: each names, in every one of `outer`, `inner`
// elements.
struct Tuples {
  Indices indices;
  size_t batches, outer, count, depth, inner;
  size_t extents[kMaxTupleDepth];
  size_t span = 1;  // the product of extents

  size_t whole_size() const { return batches * outer * span * inner; }
  size_t part_size() const { return batches * outer * count * inner; }

  // Which of the parts tuple `i` of all batches names; false where it names none.
  bool Find(const RunMemory& memory, size_t i, size_t* part) const {
    *part = 0;
    for (size_t axis = 0; axis < depth; ++axis) {
      size_t index;
      if (!indices.Find(memory, i * depth + axis, extents[axis], &index)) return false;
      *part = *part * extents[axis] + index;
    }
    return true;
  }

  // All tuples, before anything is written.
  bool AreWithin(const RunMemory& memory) const {
    size_t part;
    for (size_t i = 0; i < batches * count; ++i) {
      if (!Find(memory, i, &part)) return false;
    }
    return true;
  }
};

// Fields of the names above; extents: int32[0 to 64].
inline Tuples ReadTuples(StepFields* fields) {
  Tuples tuples = {};
  tuples.batches = fields->Size("batches");
  tuples.outer = fields->Size("outer");
  tuples.count = fields->Size("count");
  tuples.inner = fields->Size("inner");
  tuples.depth = fields->Length("extents");
  if (tuples.depth > kMaxTupleDepth) fields->Fail("extents", StatusCode::kShape, "expected at most 64 extents");
  const int32_t* extents = fields->Int32s("extents", tuples.depth);
  for (size_t axis = 0; fields->ok() && axis < tuples.depth; ++axis) {
    if (extents[axis] < 1) return fields->Fail("extents", StatusCode::kShape, "expected extents of at least 1"), tuples;
    tuples.extents[axis] = static_cast<size_t>(extents[axis]);
    tuples.span = CheckedProduct(fields, "extents", {tuples.span, tuples.extents[axis]});
  }
  CheckedProduct(fields, "extents", {tuples.batches, tuples.outer, tuples.span, tuples.inner});
  CheckedProduct(fields, "count", {tuples.batches, tuples.outer, tuples.count, tuples.inner});
  const size_t indices = CheckedProduct(fields, "count", {tuples.batches, tuples.count, tuples.depth});
  tuples.indices = ReadIndices(fields, indices);
  return tuples;
}

}  // namespace octensor

#endif  // OCTENSOR_OPS_TUPLES_H_
