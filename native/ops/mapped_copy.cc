// y[i, j, ...] = x[maps[0][i], maps[1][j], ...], or an element that is data where a map says -1: padding of every mode, crops
// and mirrors, lib/ops/mapped-copy.ts.
#include <memory>
#include <utility>
#include <vector>

#include "ops/element_type.h"
#include "ops/parallel.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kMaxRank = 64;
constexpr size_t kMinPart = size_t{1} << 15;  // elements

struct MappedCopyParams {
  size_t bytes, rank, rows = 1, columns;
  size_t dims[kMaxRank];
  std::vector<int64_t> offsets;  // for each axis and index, in elements of x; -1: none
  Place x, value, y;
  bool has_value;
};

class MappedCopyStep : public Step {
 public:
  explicit MappedCopyStep(MappedCopyParams params) : p_(std::move(params)) {}

  void Run(const RunMemory& memory) const override {
    WithElementBytes(p_.bytes, [&](auto element) {
      using T = decltype(element);
      const T value = p_.has_value ? memory.In<T>(p_.value)[0] : T{0};
      const T* x = memory.In<T>(p_.x);
      const int64_t* inner = p_.offsets.data() + p_.offsets.size() - p_.columns;
      RunParts(memory, p_.rows, kMinPart / p_.columns, [&](size_t first, size_t end) {
        for (size_t row = first; row < end; ++row) {
          T* y = memory.Out<T>(p_.y) + row * p_.columns;
          const int64_t start = StartOf(row);
          for (size_t i = 0; i < p_.columns; ++i) y[i] = start < 0 || inner[i] < 0 ? value : x[start + inner[i]];
        }
      });
    });
  }

  size_t size_bytes() const override { return p_.offsets.size() * sizeof(int64_t); }

 private:
  // Of a row in x; -1 where all of it is the value.
  int64_t StartOf(size_t row) const {
    int64_t start = 0;
    size_t end = p_.offsets.size() - p_.columns;  // of the axis in `offsets`
    for (size_t axis = p_.rank - 1; axis-- > 0;) {
      end -= p_.dims[axis];
      const int64_t offset = p_.offsets[end + row % p_.dims[axis]];
      if (offset < 0) return -1;
      start += offset;
      row /= p_.dims[axis];
    }
    return start;
  }

  MappedCopyParams p_;
};

}  // namespace

// type: as ElementType; xDims: int32[1 to 64]; dims: int32, as many, of y; maps: int32, one index from -1 to xDims[i] - 1 for
// each of dims[i], axis after axis; x; y; value: of one element, optional: else it is 0
void MakeMappedCopyStep(StepFields* fields, std::unique_ptr<Step>* step) {
  MappedCopyParams p = {};
  p.rows = 1;
  p.bytes = ElementBytes(ReadElementType(fields, "type"));
  p.rank = fields->Length("dims");
  if (p.rank < 1 || p.rank > kMaxRank) fields->Fail("dims", StatusCode::kShape, "expected 1 to 64 dimensions");
  const int32_t* dims = fields->Int32s("dims", p.rank);
  const int32_t* x_dims = fields->Int32s("xDims", p.rank);
  size_t size = 1, x_size = 1, total = 0;
  for (size_t i = 0; fields->ok() && i < p.rank; ++i) {
    if (dims[i] < 1 || x_dims[i] < 1 || static_cast<size_t>(dims[i]) > kMaxStepBytes / size ||
        static_cast<size_t>(x_dims[i]) > kMaxStepBytes / x_size) {
      return fields->Fail("dims", StatusCode::kShape, "expected dimensions of at least 1 whose product is a size");
    }
    p.dims[i] = static_cast<size_t>(dims[i]);
    size *= p.dims[i], x_size *= static_cast<size_t>(x_dims[i]), total += p.dims[i];
  }
  p.x = fields->In("x", x_size, p.bytes);
  p.y = fields->Out("y", size, p.bytes);
  p.has_value = fields->Has("value");
  if (p.has_value) p.value = fields->In("value", 1, p.bytes);
  const int32_t* maps = fields->Int32s("maps", total);
  if (!fields->ok()) return;
  p.offsets.resize(total);
  size_t stride = x_size, at = 0;
  for (size_t axis = 0; axis < p.rank; ++axis) {
    stride /= static_cast<size_t>(x_dims[axis]);
    for (size_t i = 0; i < p.dims[axis]; ++i, ++at) {
      if (maps[at] < -1 || maps[at] >= x_dims[axis]) {
        return fields->Fail("maps", StatusCode::kShape, "expected indices from -1 to the dimension less 1");
      }
      p.offsets[at] = maps[at] < 0 ? -1 : maps[at] * static_cast<int64_t>(stride);
    }
  }
  p.columns = p.dims[p.rank - 1];
  p.rows = size / p.columns;
  *step = std::make_unique<MappedCopyStep>(std::move(p));
}

}  // namespace octensor
