// The k largest or smallest elements of each row of x[outer, length, inner] over the middle dimension, in order, of equals the
// first: lib/ops/top-k.ts.
#include <algorithm>
#include <memory>
#include <type_traits>

#include "ops/element_type.h"
#include "ops/float_fields.h"
#include "ops/step.h"

namespace octensor {
namespace {

struct RowLayout {
  ElementType type;
  size_t outer, length, inner;

  size_t rows() const { return outer * inner; }
  // Of the row's first element, where rows are `count` elements long.
  size_t StartOf(size_t row, size_t count) const { return row / inner * count * inner + row % inner; }
};

RowLayout ReadRows(StepFields* fields) {
  RowLayout rows = {};
  rows.type = ReadElementType(fields, "type");
  rows.outer = fields->Size("outer"), rows.length = fields->Size("length"), rows.inner = fields->Size("inner");
  CheckedProduct(fields, "length", {rows.outer, rows.length, rows.inner});
  if (rows.type == ElementType::kFloat16 || rows.type == ElementType::kBool) {
    fields->Fail("type", StatusCode::kShape, "expected a type of numbers");
  }
  return rows;
}

class TopKStep : public Step {
 public:
  TopKStep(const RowLayout& rows, size_t k, bool largest, Place x, Place values, Place indices, bool has_indices)
      : rows_(rows), k_(k), largest_(largest), has_indices_(has_indices), x_(x), values_(values), indices_(indices) {}

  void Run(const RunMemory& memory) const override {
    WithElementType(rows_.type, [&](auto element) {
      using T = decltype(element);
      if constexpr (std::is_arithmetic<T>::value) {
        for (size_t row = 0; row < rows_.rows(); ++row) RunRow<T>(memory, row);
      }
    });
  }

  size_t scratch_bytes() const override { return rows_.length * sizeof(uint32_t); }

 private:
  template <typename T>
  void RunRow(const RunMemory& memory, size_t row) const {
    const T* x = memory.In<T>(x_) + rows_.StartOf(row, rows_.length);
    auto* order = reinterpret_cast<uint32_t*>(memory.scratch);
    for (size_t i = 0; i < rows_.length; ++i) order[i] = static_cast<uint32_t>(i);
    std::partial_sort(order, order + k_, order + rows_.length, [&](uint32_t i, uint32_t j) {
      const T a = x[i * rows_.inner], b = x[j * rows_.inner];
      // NaN is above all numbers
      const int rank = a < b ? -1 : a > b ? 1 : static_cast<int>(a != a) - static_cast<int>(b != b);
      return rank == 0 ? i < j : (rank > 0) == largest_;
    });
    const size_t start = rows_.StartOf(row, k_);
    for (size_t i = 0; i < k_; ++i) {
      memory.Out<T>(values_)[start + i * rows_.inner] = x[order[i] * rows_.inner];
      if (has_indices_) memory.Out<int64_t>(indices_)[start + i * rows_.inner] = order[i];
    }
  }

  RowLayout rows_;
  size_t k_;
  bool largest_, has_indices_;
  Place x_, values_, indices_;
};

}  // namespace

// type: of numbers, as ElementType; x: [outer, length, inner]; values: [outer, k, inner]; indices: int64, the same, optional;
// k: 1 to length; largest: a flag
void MakeTopKStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const RowLayout rows = ReadRows(fields);
  const size_t k = static_cast<size_t>(fields->Integer("k", 1, static_cast<int64_t>(rows.length)));
  const bool largest = fields->Flag("largest"), has_indices = fields->Has("indices");
  if (!fields->ok()) return;
  const size_t bytes = ElementBytes(rows.type);
  const Place x = fields->In("x", rows.rows() * rows.length, bytes);
  const Place values = fields->Out("values", rows.rows() * k, bytes);
  const Place indices = has_indices ? fields->Out("indices", rows.rows() * k, sizeof(int64_t)) : Place{};
  if (fields->ok()) *step = std::make_unique<TopKStep>(rows, k, largest, x, values, indices, has_indices);
}

}  // namespace octensor
