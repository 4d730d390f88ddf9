#include "ops/broadcast.h"

namespace octensor {

BroadcastShape ReadBroadcastShape(StepFields* fields) {
  BroadcastShape shape;
  shape.rank = fields->Length("dims");
  if (shape.rank < 1 || shape.rank > kMaxBroadcastRank) {
    fields->Fail("dims", StatusCode::kShape, "expected 1 to 8 dimensions");
  }
  const int32_t* dims = fields->Int32s("dims", shape.rank);
  for (size_t i = 0; fields->ok() && i < shape.rank; ++i) {
    if (dims[i] < 1 || static_cast<size_t>(dims[i]) > kMaxStepBytes / shape.size) {
      fields->Fail("dims", StatusCode::kShape, "expected dimensions of at least 1 whose product is a size");
      break;
    }
    shape.dims[i] = static_cast<size_t>(dims[i]);
    shape.size *= shape.dims[i];
  }
  return shape;
}

BroadcastOperand ReadBroadcastOperand(StepFields* fields, const BroadcastShape& shape, const char* place, const char* strides,
                                      size_t element_bytes) {
  BroadcastOperand operand = {};
  const int32_t* given = fields->Int32s(strides, shape.rank);
  size_t end = 1;  // below 2^63: the product of dimensions is at most 2^40, each stride below 2^31
  for (size_t i = 0; fields->ok() && i < shape.rank; ++i) {
    if (given[i] < 0) {
      fields->Fail(strides, StatusCode::kShape, "expected strides of at least 0");
      break;
    }
    operand.strides[i] = static_cast<size_t>(given[i]);
    end += (shape.dims[i] - 1) * operand.strides[i];
  }
  operand.place = fields->In(place, end, element_bytes);
  return operand;
}

}  // namespace octensor
