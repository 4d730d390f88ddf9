// Operands that are read as if they had the shape of the output: fields and loops of steps on two or three tensors.
#ifndef OCTENSOR_OPS_BROADCAST_H_
#define OCTENSOR_OPS_BROADCAST_H_

#include <cstddef>

#include "ops/parallel.h"
#include "ops/step.h"

namespace octensor {

constexpr size_t kMaxBroadcastRank = 8;

// Dimensions of the output, which is dense, and the steps of one operand along them, in elements.
struct BroadcastShape {
  size_t rank = 0, size = 1;
  size_t dims[kMaxBroadcastRank];

  size_t columns() const { return dims[rank - 1]; }
  size_t rows() const { return size / columns(); }
};

struct BroadcastOperand {
  Place place;
  size_t strides[kMaxBroadcastRank];

  // Where the operand's part of row `row` begins, in elements.
  size_t OffsetOf(const BroadcastShape& shape, size_t row) const {
    size_t offset = 0;
    for (size_t i = shape.rank - 1; i-- > 0;) {
      offset += row % shape.dims[i] * strides[i];
      row /= shape.dims[i];
    }
    return offset;
  }
};

// Field "dims": int32[1 to 8], each at least 1.
BroadcastShape ReadBroadcastShape(StepFields* fields);

// A place and int32 strides of at least 0, fields of these names.
BroadcastOperand ReadBroadcastOperand(StepFields* fields, const BroadcastShape& shape, const char* place, const char* strides,
                                      size_t element_bytes);

// Calls body(row, first column, end column) for parts that make up the output, on the run's threads.
template <typename Body>
void ForBroadcastRows(const RunMemory& memory, const BroadcastShape& shape, const Body& body) {
  constexpr size_t kMinPart = size_t{1} << 15;  // elements
  const size_t rows = shape.rows(), columns = shape.columns();
  if (rows == 1) {
    return RunParts(memory, columns, kMinPart, [&](size_t first, size_t end) { body(size_t{0}, first, end); });
  }
  RunParts(memory, rows, kMinPart / columns, [&](size_t first, size_t end) {
    for (size_t row = first; row < end; ++row) body(row, size_t{0}, columns);
  });
}

}  // namespace octensor

#endif  // OCTENSOR_OPS_BROADCAST_H_
