// y = f(a, b) of 8-bit elements with broadcasting: sums and products by kernels, anything else by a table of all pairs.
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "ops/add.h"
#include "ops/parallel.h"
#include "ops/quantized_fields.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kMaxRank = 8;
constexpr size_t kChunk = 2048;  // bytes of an operand that are repeated on the stack before they go into a kernel
constexpr size_t kMinPart = size_t{1} << 15;
constexpr size_t kPairs = 65536;

enum class BinaryKind { kAdd, kMul, kTable };

// Dimensions, and the strides with which a and b are read: the last ones are 0 or 1. y is dense.
struct BinaryLayout {
  Place a, b, y;
  size_t rank;
  size_t dims[kMaxRank];
  size_t a_strides[kMaxRank], b_strides[kMaxRank];
};

class BinaryStep : public Step {
 public:
  explicit BinaryStep(const BinaryLayout& layout) : layout_(layout), columns_(layout.dims[layout.rank - 1]) {
    rows_ = layout.rank > 1 ? layout.dims[layout.rank - 2] : 1;
    for (size_t i = 0; i + 2 < layout.rank; ++i) blocks_ *= layout.dims[i];
  }

  void Run(const RunMemory& memory) const override {
    const size_t rows = blocks_ * rows_;
    if (rows == 1) {
      return RunParts(memory, columns_, kMinPart, [&](size_t first, size_t end) { RunRows(memory, 0, 1, first, end); });
    }
    RunParts(memory, rows, kMinPart / columns_, [&](size_t first, size_t end) { RunRows(memory, first, end, 0, columns_); });
  }

  const char* kernel() const override { return kind == BinaryKind::kTable ? "scalar" : add.kernels->name; }
  size_t size_bytes() const override { return table.size(); }

  BinaryKind kind = BinaryKind::kTable;
  Add add = {};  // its kernels also for kMul
  MulParams mul = {};
  std::vector<uint8_t> table;  // [a][b], both as unsigned

 private:
  // One operand's part of the two innermost dimensions.
  struct Operand {
    const uint8_t* data;
    size_t row_stride, stride;
    alignas(64) uint8_t repeated[kChunk];
    bool is_ready = false;  // `repeated` serves all rows

    // `rows` times `columns` elements, dense.
    const uint8_t* Dense(size_t row, size_t rows, size_t column, size_t columns) {
      const uint8_t* first = data + row * row_stride + column * stride;
      if (stride == 1 && (rows == 1 || row_stride == columns)) return first;
      if (is_ready) return repeated;
      for (size_t i = 0; i < rows; ++i, first += row_stride) {
        if (stride == 1) {
          std::memcpy(repeated + i * columns, first, columns);
        } else {
          std::memset(repeated + i * columns, *first, columns);
        }
      }
      return repeated;
    }
  };

  void RunRows(const RunMemory& memory, size_t first, size_t end, size_t first_column, size_t end_column) const {
    const size_t last = layout_.rank - 1;
    Operand a, b;
    a.stride = layout_.a_strides[last], b.stride = layout_.b_strides[last];
    a.row_stride = last > 0 ? layout_.a_strides[last - 1] : 0, b.row_stride = last > 0 ? layout_.b_strides[last - 1] : 0;
    // Whole columns are never cut, so that each chunk begins like the first.
    const bool is_direct = a.stride == 1 && b.stride == 1;
    const size_t chunk_columns = is_direct && columns_ > kChunk ? columns_ : std::min(columns_, kChunk);
    const size_t chunk_rows = std::max<size_t>(kChunk / chunk_columns, 1);
    const bool may_merge = columns_ <= kChunk;
    uint8_t* y = memory.Out<uint8_t>(layout_.y);
    for (size_t row = first; row < end;) {
      const size_t block = row / rows_, begin = row % rows_, rows = std::min(rows_ - begin, end - row);
      a.data = memory.In<uint8_t>(layout_.a) + OffsetOf(block, layout_.a_strides);
      b.data = memory.In<uint8_t>(layout_.b) + OffsetOf(block, layout_.b_strides);
      a.is_ready = b.is_ready = false;
      for (size_t r = 0; r < rows; r += chunk_rows) {
        const size_t count = std::min(chunk_rows, rows - r);
        for (size_t c = first_column; c < end_column; c += chunk_columns) {
          const size_t columns = std::min(chunk_columns, end_column - c);
          const uint8_t* x = a.Dense(begin + r, count, c, columns);
          const uint8_t* z = b.Dense(begin + r, count, c, columns);
          Apply(x, z, y + (row + r) * columns_ + c, count * columns);
        }
        // The first chunk has the most rows. A row that stays where it is has been repeated for all of them.
        a.is_ready = may_merge && a.row_stride == 0;
        b.is_ready = may_merge && b.row_stride == 0;
      }
      row += rows;
    }
  }

  size_t OffsetOf(size_t block, const size_t* strides) const {
    size_t offset = 0;
    for (size_t i = layout_.rank < 2 ? 0 : layout_.rank - 2; i-- > 0;) {
      offset += block % layout_.dims[i] * strides[i];
      block /= layout_.dims[i];
    }
    return offset;
  }

  void Apply(const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n) const {
    if (kind == BinaryKind::kAdd) return AddRun(add, a, b, y, n);
    if (kind == BinaryKind::kMul) return add.kernels->mul(mul, a, b, y, n);
    for (size_t i = 0; i < n; ++i) y[i] = table[size_t{a[i]} * 256 + b[i]];
  }

  BinaryLayout layout_;
  size_t blocks_ = 1, rows_, columns_;
};

size_t ReadStrides(StepFields* fields, const char* name, const BinaryLayout& layout, size_t* strides) {
  const int32_t* given = fields->Int32s(name, layout.rank);
  if (!fields->ok()) return 0;
  size_t end = 1;
  for (size_t i = 0; i < layout.rank; ++i) {
    if (given[i] < 0 || (i + 1 == layout.rank && given[i] > 1)) {
      fields->Fail(name, StatusCode::kShape, "expected strides of at least 0, the last one 0 or 1");
      return 0;
    }
    strides[i] = static_cast<size_t>(given[i]);
    end += (layout.dims[i] - 1) * strides[i];
  }
  return end;
}

BinaryLayout ReadLayout(StepFields* fields) {
  BinaryLayout layout = {};
  layout.rank = fields->Length("dims");
  if (layout.rank < 1 || layout.rank > kMaxRank) fields->Fail("dims", StatusCode::kShape, "expected 1 to 8 dimensions");
  const int32_t* dims = fields->Int32s("dims", layout.rank);
  size_t size = 1;
  for (size_t i = 0; fields->ok() && i < layout.rank; ++i) {
    if (dims[i] < 1 || static_cast<size_t>(dims[i]) > kMaxStepBytes / size) {
      fields->Fail("dims", StatusCode::kShape, "expected dimensions of at least 1 whose product is a size");
      break;
    }
    layout.dims[i] = static_cast<size_t>(dims[i]);
    size *= layout.dims[i];
  }
  const size_t a_end = ReadStrides(fields, "aStrides", layout, layout.a_strides);
  const size_t b_end = ReadStrides(fields, "bStrides", layout, layout.b_strides);
  layout.a = fields->In("a", a_end, 1);
  layout.b = fields->In("b", b_end, 1);
  layout.y = fields->Out("y", size, 1);
  return layout;
}

MulParams ReadMul(StepFields* fields) {
  MulParams p = {};
  p.numerics = static_cast<Numerics>(fields->Integer("mulNumerics", 0, 2));
  const QuantizedFields values = ReadQuantizedFields(fields, "mulSigned", "mulZeroPoints", "mulBounds");
  p.a_flip = values.flip[0], p.b_flip = values.flip[1], p.y_flip = values.flip[2];
  p.a_zero_point = values.zero_point[0], p.b_zero_point = values.zero_point[1], p.zero_point = values.zero_point[2];
  p.lo = values.lo, p.hi = values.hi;
  const double scale = fields->Number("mulScale");
  // A product of two differences is below 2^16, so that it is finite times this.
  const bool is_onnx = p.numerics == Numerics::kOnnx;
  if (fields->ok() && !(scale > 0 && scale < (is_onnx ? 0x1p110 : kFixedPointLimit))) {
    fields->Fail("mulScale", StatusCode::kQuantization, "expected a positive scale within its limits");
  }
  if (!fields->ok()) return p;
  p.real_zero_point = static_cast<float>(p.zero_point - p.y_flip);
  if (is_onnx) {
    p.real = static_cast<float>(scale);
  } else {
    p.scale = ToFixedPoint(scale);
    p.general = p.scale.multiplier != 0 && p.scale.exponent >= 0;
  }
  return p;
}

}  // namespace

// a, b, y: bytes; dims: int32[1 to 8] of y; aStrides, bStrides: int32, in elements, 0 where an operand repeats;
// op: 0 add, with the fields of ReadAdd; 1 mul: mulNumerics, mulSigned, mulZeroPoints, mulBounds as those of ReadAdd, and
// mulScale; 2: table of 65536 bytes, [a][b] as unsigned
void MakeBinaryStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const BinaryLayout layout = ReadLayout(fields);
  const auto kind = static_cast<BinaryKind>(fields->Integer("op", 0, 2));
  if (!fields->ok()) return;
  auto binary = std::make_unique<BinaryStep>(layout);
  binary->kind = kind;
  binary->add.kernels = &FindElementwiseKernels(fields->environment().isa);
  if (kind == BinaryKind::kAdd) binary->add = ReadAdd(fields);
  if (kind == BinaryKind::kMul) binary->mul = ReadMul(fields);
  if (kind == BinaryKind::kTable) {
    bool is_signed;
    const uint8_t* table = fields->Bytes("table", kPairs, &is_signed);
    if (table != nullptr) binary->table.assign(table, table + kPairs);
  }
  if (fields->ok()) *step = std::move(binary);
}

}  // namespace octensor
