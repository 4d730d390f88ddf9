// y[i, j, ...] = x[i, j, ...] with any strides: concatenation, slices, transposition, padding, tiling and the moves between
// space, depth and batch are all one or a few of these, as in lib/ops/strided-copy.ts. And the step that fills a tensor.
// x and y may be parts of one value, which only a description that lies lets overlap.
#include <algorithm>
#include <cstring>
#include <memory>

#include "ops/parallel.h"
#include "ops/step.h"
#include "ops/transpose.h"

namespace octensor {
namespace {

constexpr size_t kMinPartBytes = size_t{1} << 18;
constexpr ptrdiff_t kTile = 32;  // of two dimensions: lines of both sides stay in the level-1 cache

using Loop = CopyLoop;

template <size_t kBytes>
inline void CopyFixed(const uint8_t* x, uint8_t* y) {
  uint8_t bytes[kBytes];
  std::memcpy(bytes, x, kBytes);
  std::memcpy(y, bytes, kBytes);
}

template <size_t kBytes>
void CopyRow(const Loop& loop, const uint8_t* x, uint8_t* y) {
  for (ptrdiff_t i = 0; i < loop.size; ++i) CopyFixed<kBytes>(x + i * loop.x_step, y + i * loop.y_step);
}

// Two dimensions in square tiles, so that the side which is read across its lines finds them again.
template <size_t kBytes>
void CopyTiled(const Loop& outer, const Loop& inner, const uint8_t* x, uint8_t* y) {
  for (ptrdiff_t i0 = 0; i0 < outer.size; i0 += kTile) {
    const ptrdiff_t rows = std::min(kTile, outer.size - i0);
    for (ptrdiff_t j0 = 0; j0 < inner.size; j0 += kTile) {
      const Loop part = {std::min(kTile, inner.size - j0), inner.x_step, inner.y_step};
      for (ptrdiff_t i = i0; i < i0 + rows; ++i) {
        CopyRow<kBytes>(part, x + i * outer.x_step + j0 * inner.x_step, y + i * outer.y_step + j0 * inner.y_step);
      }
    }
  }
}

class CopyStep : public Step {
 public:
  // `loops` from the outermost on; `run` contiguous bytes are moved inside the innermost.
  CopyStep(Place x, Place y, const Loop* loops, size_t rank, size_t run) : x_(x), y_(y), rank_(rank), run_(run) {
    std::copy_n(loops, rank, loops_);
    total_ = run;
    for (size_t i = 0; i < rank; ++i) total_ *= static_cast<size_t>(loops[i].size);
  }

  void Run(const RunMemory& memory) const override {
    const uint8_t* x = memory.In<uint8_t>(x_);
    uint8_t* y = memory.Out<uint8_t>(y_);
    if (rank_ == 0) {
      return RunParts(memory, run_, kMinPartBytes,
                      [&](size_t first, size_t end) { std::memmove(y + first, x + first, end - first); });
    }
    const auto size = static_cast<size_t>(loops_[0].size);
    RunParts(memory, size, kMinPartBytes * size / total_, [&](size_t first, size_t end) {
      Loop loops[kMaxCopyRank];
      std::copy_n(loops_, rank_, loops);
      loops[0].size = static_cast<ptrdiff_t>(end - first);
      const auto begin = static_cast<ptrdiff_t>(first);
      CopyLoops(loops, rank_, x + begin * loops[0].x_step, y + begin * loops[0].y_step);
    });
  }

 private:
  void CopyLoops(const Loop* loops, size_t rank, const uint8_t* x, uint8_t* y) const {
    if (rank > 2 || (rank == 2 && !IsSmall(run_))) {
      for (ptrdiff_t i = 0; i < loops->size; ++i) CopyLoops(loops + 1, rank - 1, x + i * loops->x_step, y + i * loops->y_step);
      return;
    }
    switch (run_) {
      case 1:
        return CopyElements<1>(loops, rank, x, y);
      case 2:
        return CopyElements<2>(loops, rank, x, y);
      case 3:
        return CopyElements<3>(loops, rank, x, y);
      case 4:
        return CopyElements<4>(loops, rank, x, y);
      case 8:
        return CopyElements<8>(loops, rank, x, y);
      case 16:
        return CopyElements<16>(loops, rank, x, y);
      case 32:
        return CopyElements<32>(loops, rank, x, y);
      default:
        if (run_ < 8) return CopyEnds<4>(*loops, x, y);
        if (run_ < 16) return CopyEnds<8>(*loops, x, y);
        if (run_ < 32) return CopyEnds<16>(*loops, x, y);
        if (run_ < 64) return CopyEnds<32>(*loops, x, y);
        for (ptrdiff_t i = 0; i < loops->size; ++i) std::memmove(y + i * loops->y_step, x + i * loops->x_step, run_);
    }
  }

  static bool IsSmall(size_t run) { return (run <= 4 && run != 0) || run == 8 || run == 16 || run == 32; }

  template <size_t kBytes>
  void CopyElements(const Loop* loops, size_t rank, const uint8_t* x, uint8_t* y) const {
    if (rank == 1) return CopyRow<kBytes>(*loops, x, y);
    CopyTiled<kBytes>(loops[0], loops[1], x, y);
  }

  // Runs of kBytes to twice that: calls of memmove would take longer than what they do.
  template <size_t kBytes>
  void CopyEnds(const Loop& loop, const uint8_t* x, uint8_t* y) const {
    const size_t last = run_ - kBytes;
    for (ptrdiff_t i = 0; i < loop.size; ++i, x += loop.x_step, y += loop.y_step) {
      CopyFixed<kBytes>(x, y);
      CopyFixed<kBytes>(x + last, y + last);
    }
  }

  Place x_, y_;
  size_t rank_, run_, total_;
  Loop loops_[kMaxCopyRank];
};

// Dimensions of 1 vanish; neighbours that are as one long dimension on both sides become that dimension. Returns how many are
// left.
size_t MergeLoops(Loop* loops, size_t rank) {
  size_t count = 0;
  for (size_t i = 0; i < rank; ++i) {
    const Loop loop = loops[i];
    if (loop.size == 1) continue;
    Loop* outer = count > 0 ? &loops[count - 1] : nullptr;
    if (outer != nullptr && outer->x_step == loop.size * loop.x_step && outer->y_step == loop.size * loop.y_step) {
      *outer = {outer->size * loop.size, loop.x_step, loop.y_step};
    } else {
      loops[count++] = loop;
    }
  }
  return count;
}

// The first byte of [0, 0, ...] and whether every element that is reached lies among `count`.
bool IsInside(const int32_t* dims, const int32_t* strides, size_t rank, int64_t offset, int64_t count) {
  int64_t low = offset, high = offset;
  for (size_t i = 0; i < rank; ++i) {
    const int64_t reach = (int64_t{dims[i]} - 1) * strides[i];
    (reach < 0 ? low : high) += reach;
  }
  return low >= 0 && high < count;
}

size_t ElementBytes(StepFields* fields) {
  const size_t bytes = fields->Size("elementBytes");
  if (bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8) return bytes;
  fields->Fail("elementBytes", StatusCode::kShape, "expected 1, 2, 4 or 8");
  return 1;
}

class FillStep : public Step {
 public:
  FillStep(Place y, size_t count, size_t element_bytes, const uint8_t* element)
      : y_(y), count_(count), element_bytes_(element_bytes) {
    for (size_t i = 0; i < kPattern; ++i) pattern_[i] = element[i % element_bytes];
    is_uniform_ = std::all_of(element, element + element_bytes, [&](uint8_t byte) { return byte == element[0]; });
  }

  void Run(const RunMemory& memory) const override {
    uint8_t* y = memory.Out<uint8_t>(y_);
    const size_t bytes = count_ * element_bytes_;
    if (is_uniform_) {
      std::memset(y, pattern_[0], bytes);
      return;
    }
    for (size_t i = 0; i < bytes; i += kPattern) std::memcpy(y + i, pattern_, std::min(kPattern, bytes - i));
  }

 private:
  static constexpr size_t kPattern = 64;
  Place y_;
  size_t count_, element_bytes_;
  bool is_uniform_;
  uint8_t pattern_[kPattern];
};

}  // namespace

// x, y: elements of elementBytes (1, 2, 4 or 8), xCount and yCount of them; dims, xStrides, yStrides: int32[0 to 8], strides in
// elements, of either sign; xOffset, yOffset: the elements that [0, 0, ...] are
void MakeCopyStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const size_t bytes = ElementBytes(fields);
  const size_t x_count = fields->Size("xCount"), y_count = fields->Size("yCount");
  const Place x = fields->In("x", x_count, bytes), y = fields->Out("y", y_count, bytes);
  const int64_t x_offset = fields->Integer("xOffset", 0, INT32_MAX), y_offset = fields->Integer("yOffset", 0, INT32_MAX);
  const size_t rank = fields->Length("dims");
  if (rank > kMaxCopyRank) fields->Fail("dims", StatusCode::kShape, "expected at most 8 dimensions");
  const int32_t* dims = fields->Int32s("dims", rank);
  const int32_t* x_strides = fields->Int32s("xStrides", rank);
  const int32_t* y_strides = fields->Int32s("yStrides", rank);
  if (!fields->ok()) return;
  size_t size = 1;
  for (size_t i = 0; i < rank; ++i) {
    if (dims[i] < 1 || static_cast<size_t>(dims[i]) > kMaxStepBytes / size) {
      return fields->Fail("dims", StatusCode::kShape, "expected dimensions of at least 1 whose product is a size");
    }
    size *= static_cast<size_t>(dims[i]);
  }
  if (!IsInside(dims, x_strides, rank, x_offset, static_cast<int64_t>(x_count))) {
    return fields->Fail("xStrides", StatusCode::kShape, "expected elements inside x");
  }
  if (!IsInside(dims, y_strides, rank, y_offset, static_cast<int64_t>(y_count))) {
    return fields->Fail("yStrides", StatusCode::kShape, "expected elements inside y");
  }
  const auto element = static_cast<ptrdiff_t>(bytes);
  Loop loops[kMaxCopyRank];
  for (size_t i = 0; i < rank; ++i) loops[i] = {dims[i], x_strides[i] * element, y_strides[i] * element};
  size_t count = MergeLoops(loops, rank);
  size_t run = bytes;
  if (count > 0 && loops[count - 1].x_step == element && loops[count - 1].y_step == element) {
    run = static_cast<size_t>(loops[--count].size) * bytes;
  }
  Place from = x, to = y;
  from.offset += static_cast<size_t>(x_offset) * bytes;
  to.offset += static_cast<size_t>(y_offset) * bytes;
  *step = MakeTransposeStep(fields->environment().isa, from, to, loops, count, run);
  if (*step == nullptr) *step = std::make_unique<CopyStep>(from, to, loops, count, run);
}

// y: elements of elementBytes (1, 2, 4 or 8)[count]; value: the bytes of one
void MakeFillStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const size_t bytes = ElementBytes(fields);
  const size_t count = fields->Size("count");
  const Place y = fields->Out("y", count, bytes);
  bool is_signed;
  const uint8_t* value = fields->Bytes("value", bytes, &is_signed);
  if (fields->ok()) *step = std::make_unique<FillStep>(y, count, bytes, value);
}

}  // namespace octensor
