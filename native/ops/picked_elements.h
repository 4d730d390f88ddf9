// Single elements that indices along one axis name: what GatherElements and ScatterElements have in common.
#ifndef OCTENSOR_OPS_PICKED_ELEMENTS_H_
#define OCTENSOR_OPS_PICKED_ELEMENTS_H_

#include "ops/indices.h"
#include "ops/step.h"

namespace octensor {

constexpr size_t kMaxPickedRank = 64;

// Indices of shape dims; index i[j, k, ...] names the element at i along the axis and j, k, ... along the other dimensions of
// x.
struct PickedElements {
  Indices indices;
  size_t rank, count = 1, x_count = 0;
  size_t dims[kMaxPickedRank], strides[kMaxPickedRank];  // x's strides, 0 along the axis
  size_t extent, along;                                  // of the axis

  bool AreWithin(const RunMemory& memory) const {
    size_t index;
    for (size_t i = 0; i < count; ++i) {
      if (!indices.Find(memory, i, extent, &index)) return false;
    }
    return true;
  }

  // Of an index that is within.
  size_t OffsetOf(const RunMemory& memory, size_t i) const {
    size_t index = 0;
    indices.Find(memory, i, extent, &index);
    size_t offset = index * along;
    for (size_t axis = rank; axis-- > 0;) {
      offset += i % dims[axis] * strides[axis];
      i /= dims[axis];
    }
    return offset;
  }
};

// dims, strides: int32[1 to 64]; extent: of the axis, along: its stride in x; xCount; and the fields of ReadIndices.
inline PickedElements ReadPickedElements(StepFields* fields) {
  PickedElements picked = {};
  picked.count = 1;
  picked.rank = fields->Length("dims");
  if (picked.rank < 1 || picked.rank > kMaxPickedRank) {
    fields->Fail("dims", StatusCode::kShape, "expected 1 to 64 dimensions");
  }
  const int32_t* dims = fields->Int32s("dims", picked.rank);
  const int32_t* strides = fields->Int32s("strides", picked.rank);
  picked.extent = fields->Size("extent");
  picked.along = fields->Size("along");
  picked.x_count = fields->Size("xCount");
  size_t end = (picked.extent - 1) * picked.along;  // as of broadcast.cc, below 2^63
  for (size_t i = 0; fields->ok() && i < picked.rank; ++i) {
    if (dims[i] < 1 || strides[i] < 0 || static_cast<size_t>(dims[i]) > kMaxStepBytes / picked.count) {
      fields->Fail("dims", StatusCode::kShape, "expected dimensions of at least 1 whose product is a size, and strides");
      break;
    }
    picked.dims[i] = static_cast<size_t>(dims[i]);
    picked.strides[i] = static_cast<size_t>(strides[i]);
    picked.count *= picked.dims[i];
    end += (picked.dims[i] - 1) * picked.strides[i];
  }
  if (fields->ok() && end >= picked.x_count) {
    fields->Fail("xCount", StatusCode::kShape, "expected all that can be named to be within x");
  }
  picked.indices = ReadIndices(fields, picked.count);
  return picked;
}

}  // namespace octensor

#endif  // OCTENSOR_OPS_PICKED_ELEMENTS_H_
