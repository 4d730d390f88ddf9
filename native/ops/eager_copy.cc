// The eager kind that moves elements: slices, padding, concatenation, tiles, transpositions and reversals are copies along
// loops whose steps in x and y are any numbers of elements.
#include <algorithm>
#include <cstring>

#include "kernels/transpose.h"
#include "ops/eager.h"
#include "ops/float_parts.h"

namespace octensor {
namespace {

constexpr double kByteNanoseconds = 0.1;
constexpr size_t kUnit = size_t{1} << 14;  // elements of a long row, or rows of a transposition in 64ths, that are not divided

struct Loop {
  size_t size;
  ptrdiff_t x_step, y_step;
};

struct Copy {
  size_t rank = 0;
  Loop loops[kMaxEagerRank];
  ptrdiff_t x_first = 0, y_first = 0;
  size_t count = 1;
  size_t bytes = 4;  // of an element
};

// Whether all elements from `first` on along the loops are among `count`.
bool IsInside(const Copy& copy, ptrdiff_t first, ptrdiff_t Loop::* step, size_t count) {
  constexpr auto kMaxWay = static_cast<ptrdiff_t>(kMaxEagerElements);  // so that the sums below do not overflow
  ptrdiff_t low = first, high = first;
  for (size_t i = 0; i < copy.rank; ++i) {
    const Loop& loop = copy.loops[i];
    const ptrdiff_t way = static_cast<ptrdiff_t>(loop.size - 1) * (loop.*step);  // both below 2^31
    if (way > kMaxWay || way < -kMaxWay) return false;
    (way < 0 ? low : high) += way;
  }
  return low >= 0 && high < static_cast<ptrdiff_t>(count);
}

// Reads the numbers: rank, sizes, the first element in x, steps in x, the first in y, steps in y.
Copy ReadCopy(EagerFields* fields) {
  Copy copy;
  const EagerShape shape = fields->Shape();
  copy.rank = shape.rank;
  copy.count = shape.size();
  for (size_t i = 0; i < shape.rank; ++i) copy.loops[i].size = shape.dims[i];
  const auto integer = [&] { return static_cast<ptrdiff_t>(fields->Integer(-INT32_MAX, INT32_MAX)); };
  copy.x_first = integer();
  for (size_t i = 0; i < copy.rank; ++i) copy.loops[i].x_step = integer();
  copy.y_first = integer();
  for (size_t i = 0; i < copy.rank; ++i) copy.loops[i].y_step = integer();
  return copy;
}

// Leaves loops of one element out and merges those that continue each other.
void Merge(Copy* copy) {
  size_t used = 0;
  for (size_t i = 0; i < copy->rank; ++i) {
    const Loop loop = copy->loops[i];
    if (loop.size == 1) continue;
    const auto size = static_cast<ptrdiff_t>(loop.size);
    Loop* outer = used > 0 ? &copy->loops[used - 1] : nullptr;
    if (outer != nullptr && outer->x_step == loop.x_step * size && outer->y_step == loop.y_step * size) {
      *outer = {outer->size * loop.size, loop.x_step, loop.y_step};
    } else {
      copy->loops[used++] = loop;
    }
  }
  copy->rank = used;
}

// Moves loop i to the end.
void MoveLast(Copy* copy, size_t i) { std::rotate(copy->loops + i, copy->loops + i + 1, copy->loops + copy->rank); }

template <typename T>
void CopyRow(const T* x, ptrdiff_t x_step, T* y, ptrdiff_t y_step, size_t n) {
  if (x_step == 1 && y_step == 1) {
    std::memcpy(y, x, n * sizeof(T));
  } else if (x_step == 0 && y_step == 1) {
    std::fill_n(y, n, *x);
  } else {
    for (size_t i = 0; i < n; ++i) y[static_cast<ptrdiff_t>(i) * y_step] = x[static_cast<ptrdiff_t>(i) * x_step];
  }
}

// Calls block(x offset, y offset, first, end) for units first .. end - 1 of the innermost loops, at every place that the first
// `rank` loops reach.
template <typename Block>
void ForPlaces(const EagerCall& call, const Copy& copy, size_t rank, size_t units, const Block& block) {
  size_t places = 1;
  for (size_t i = 0; i < rank; ++i) places *= copy.loops[i].size;
  const double work = kByteNanoseconds * static_cast<double>(copy.count * copy.bytes);
  ForParts(call.threads, places * units, work, [&](size_t first, size_t end, size_t) {
    size_t index[kMaxEagerRank];
    ptrdiff_t x_at = copy.x_first, y_at = copy.y_first;
    for (size_t i = rank, rest = first / units; i-- > 0; rest /= copy.loops[i].size) {
      index[i] = rest % copy.loops[i].size;
      x_at += static_cast<ptrdiff_t>(index[i]) * copy.loops[i].x_step;
      y_at += static_cast<ptrdiff_t>(index[i]) * copy.loops[i].y_step;
    }
    while (true) {
      const size_t unit = first % units, last = std::min(units, unit + (end - first));
      block(x_at, y_at, unit, last);
      first += last - unit;
      if (first == end) return;
      for (size_t i = rank; i-- > 0;) {  // the next place
        const Loop& loop = copy.loops[i];
        x_at += loop.x_step;
        y_at += loop.y_step;
        if (++index[i] < loop.size) break;
        x_at -= static_cast<ptrdiff_t>(loop.size) * loop.x_step;
        y_at -= static_cast<ptrdiff_t>(loop.size) * loop.y_step;
        index[i] = 0;
      }
    }
  });
}

template <typename T>
void CopyRows(const EagerCall& call, const Copy& copy, const T* x, T* y) {
  const Loop row = copy.rank > 0 ? copy.loops[copy.rank - 1] : Loop{1, 1, 1};
  const size_t units = std::max<size_t>(1, row.size / kUnit);
  ForPlaces(call, copy, copy.rank > 0 ? copy.rank - 1 : 0, units,
            [&](ptrdiff_t x_at, ptrdiff_t y_at, size_t first, size_t end) {
              const size_t from = row.size * first / units, to = row.size * end / units;
              const auto skipped = static_cast<ptrdiff_t>(from);
              CopyRow(x + x_at + skipped * row.x_step, row.x_step, y + y_at + skipped * row.y_step, row.y_step, to - from);
            });
}

// The last two loops: rows that are neighbours in y, then columns that are neighbours in x.
template <typename T>
void CopyTransposed(const EagerCall& call, const Copy& copy, const T* x, T* y) {
  const Loop rows = copy.loops[copy.rank - 2], columns = copy.loops[copy.rank - 1];
  const TransposeFunction transpose = FindTransposeKernels(call.eager->isa).transpose[sizeof(T) == 4 ? 2 : 0];
  const size_t units = std::max<size_t>(1, rows.size / 64);
  constexpr auto kBytes = static_cast<ptrdiff_t>(sizeof(T));
  ForPlaces(call, copy, copy.rank - 2, units, [&](ptrdiff_t x_at, ptrdiff_t y_at, size_t first, size_t end) {
    const size_t from = rows.size * first / units, to = rows.size * end / units;
    const auto skipped = static_cast<ptrdiff_t>(from);
    transpose(reinterpret_cast<const uint8_t*>(x + x_at + skipped * rows.x_step), rows.x_step * kBytes,
              reinterpret_cast<uint8_t*>(y + y_at + skipped), columns.y_step * kBytes, to - from, columns.size);
  });
}

template <typename T>
void Run(const EagerCall& call, Copy* copy, const T* x, T* y) {
  Merge(copy);
  size_t neighbours_x = copy->rank, neighbours_y = copy->rank;
  for (size_t i = 0; i < copy->rank; ++i) {
    if (copy->loops[i].x_step == 1) neighbours_x = i;
    if (copy->loops[i].y_step == 1) neighbours_y = i;
  }
  if (neighbours_x == copy->rank || neighbours_y == copy->rank || neighbours_x == neighbours_y) {
    return CopyRows(call, *copy, x, y);
  }
  MoveLast(copy, neighbours_y);
  MoveLast(copy, neighbours_x - (neighbours_x > neighbours_y ? 1 : 0));
  CopyTransposed(call, *copy, x, y);
}

}  // namespace

// rank, sizes, then for x and for y: the first element, steps, in elements; x, y: arrays of one type, any lengths that the
// loops stay inside of
Status EagerCopyCall(const EagerCall& call) {
  EagerFields fields(call);
  Copy copy = ReadCopy(&fields);
  const EagerOperand x = fields.InAny();
  const size_t y_count = call.operand_count > 0 ? call.operands[call.operand_count - 1].count : 0;
  void* y = fields.OutAny(x.type, y_count);
  const Status status = fields.Finish();
  if (!status.ok() || copy.count == 0) return status;
  if (!IsInside(copy, copy.x_first, &Loop::x_step, x.count) || !IsInside(copy, copy.y_first, &Loop::y_step, y_count)) {
    return {StatusCode::kShape, "expected loops that stay inside of the arrays"};
  }
  if (x.type == EagerType::kUint8) {
    copy.bytes = 1;
    Run(call, &copy, static_cast<const uint8_t*>(x.data), static_cast<uint8_t*>(y));
  } else {
    Run(call, &copy, static_cast<const uint32_t*>(x.data), static_cast<uint32_t*>(y));
  }
  return status;
}

}  // namespace octensor
