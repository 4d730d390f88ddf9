#include "ops/transpose.h"

#include <algorithm>
#include <iterator>

#include "kernels/transpose.h"
#include "ops/parallel.h"

namespace octensor {
namespace {

constexpr size_t kMinPartBytes = size_t{1} << 19;  // written by a thread: some 20 us
// Rows or columns that are not divided among threads: cache lines of both sides, at any element size.
constexpr size_t kUnit = 64;

class TransposeStep : public Step {
 public:
  // x of a batch is [rows.size, columns.size]: columns are neighbours in x, rows in y.
  TransposeStep(const TransposeKernels& kernels, TransposeFunction transpose, Place x, Place y, const CopyLoop& rows,
                const CopyLoop& columns, size_t bytes)
      : kernels_(kernels), transpose_(transpose), x_(x), y_(y), rows_(rows), columns_(columns), bytes_(bytes) {}

  void AddBatchLoop(const CopyLoop& loop) {
    batch_loops_[batch_rank_++] = loop;
    batches_ *= static_cast<size_t>(loop.size);
  }

  const char* kernel() const override { return kernels_.name; }

  // The longer side of each matrix is cut, so that many threads have something to do with one matrix, and few with many.
  void Run(const RunMemory& memory) const override {
    const uint8_t* x = memory.In<uint8_t>(x_);
    uint8_t* y = memory.Out<uint8_t>(y_);
    const bool cuts_rows = rows_.size > columns_.size;
    const CopyLoop& longer = cuts_rows ? rows_ : columns_;
    const auto length = static_cast<size_t>(longer.size);
    const size_t units = (length + kUnit - 1) / kUnit, count = batches_ * units;
    const size_t total = batches_ * length * static_cast<size_t>(cuts_rows ? columns_.size : rows_.size) * bytes_;
    RunParts(memory, count, kMinPartBytes * count / total, [&](size_t first, size_t end) {
      while (first < end) {
        const size_t batch = first / units, unit = first % units, last = std::min(units, unit + (end - first));
        const size_t begin = unit * kUnit, size = std::min(length, last * kUnit) - begin;
        const CopyLoop at = Start(batch);
        const auto skipped = static_cast<ptrdiff_t>(begin);
        transpose_(x + at.x_step + skipped * longer.x_step, rows_.x_step, y + at.y_step + skipped * longer.y_step,
                   columns_.y_step, cuts_rows ? size : static_cast<size_t>(rows_.size),
                   cuts_rows ? static_cast<size_t>(columns_.size) : size);
        first += last - unit;
      }
    });
  }

 private:
  // How far the batch's matrices are from the first one's.
  CopyLoop Start(size_t batch) const {
    CopyLoop at = {1, 0, 0};
    for (size_t i = batch_rank_; i-- > 0;) {
      const auto size = static_cast<size_t>(batch_loops_[i].size);
      const auto index = static_cast<ptrdiff_t>(batch % size);
      at.x_step += index * batch_loops_[i].x_step;
      at.y_step += index * batch_loops_[i].y_step;
      batch /= size;
    }
    return at;
  }

  const TransposeKernels& kernels_;
  TransposeFunction transpose_;
  Place x_, y_;
  CopyLoop rows_, columns_;
  CopyLoop batch_loops_[kMaxCopyRank];
  size_t batch_rank_ = 0, batches_ = 1, bytes_;
};

}  // namespace

std::unique_ptr<Step> MakeTransposeStep(Isa isa, Place x, Place y, const CopyLoop* loops, size_t rank, size_t bytes) {
  static constexpr size_t kBytes[] = {1, 2, 4, 8};
  const size_t* size = std::find(std::begin(kBytes), std::end(kBytes), bytes);
  if (size == std::end(kBytes)) return nullptr;
  const auto element = static_cast<ptrdiff_t>(bytes);
  const CopyLoop* end = loops + rank;
  const CopyLoop* columns = std::find_if(loops, end, [&](const CopyLoop& loop) { return loop.x_step == element; });
  const CopyLoop* rows =
      std::find_if(loops, end, [&](const CopyLoop& loop) { return &loop != columns && loop.y_step == element; });
  if (columns == end || rows == end) return nullptr;
  const TransposeKernels& kernels = FindTransposeKernels(isa);
  auto step = std::make_unique<TransposeStep>(kernels, kernels.transpose[size - kBytes], x, y, *rows, *columns, bytes);
  for (const CopyLoop* loop = loops; loop != end; ++loop) {
    if (loop != rows && loop != columns) step->AddBatchLoop(*loop);
  }
  return step;
}

}  // namespace octensor
