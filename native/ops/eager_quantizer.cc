// Eager kinds of fake quantizers: rounding to a uniform grid, and its gradients.
#include <algorithm>
#include <cmath>

#include "core/old_libm.h"
#include "ops/eager_memory.h"
#include "ops/eager_runs.h"

namespace octensor {
namespace {

constexpr double kSnapNanoseconds = 0.5, kGradientNanoseconds = 1, kSoftNanoseconds = 2;  // per element

// x is [blocks, rows, n], parameters are [blocks, n]. Items are rows of one block, as many as a sum in float32 may have.
struct Layout {
  SnapGrid grid;
  size_t blocks, rows, n, chunk, chunks;

  size_t count() const { return blocks * rows * n; }
  size_t groups() const { return blocks * n; }
  size_t items() const { return blocks * chunks; }
};

Layout ReadLayout(EagerFields* fields) {
  Layout layout = {};
  layout.grid.qmin = static_cast<float>(fields->Integer(-255, 255));
  layout.grid.qmax = static_cast<float>(fields->Integer(-255, 255));
  layout.grid.is_odd = fields->Integer(1, 2) == 2;
  layout.grid.steps = (layout.grid.qmax - layout.grid.qmin) / (layout.grid.is_odd ? 2 : 1);
  if (!(layout.grid.steps >= 1)) fields->Fail(StatusCode::kShape, "expected qmin below qmax");
  layout.blocks = fields->Size();
  layout.rows = fields->Size();
  layout.n = fields->Size();
  fields->Product({layout.blocks, layout.rows, layout.n});
  layout.chunk = layout.n == 1 ? kMaxEagerRun : kMaxEagerRows;
  layout.chunks = (layout.rows + layout.chunk - 1) / layout.chunk;
  return layout;
}

// Calls body(rows of one item, its first element, item).
template <typename Body>
void ForItems(const EagerCall& call, const Layout& layout, const float* x, const float* const (&parameters)[kMaxSnapParameters],
              double nanoseconds, const Body& body) {
  ForParts(call.threads, layout.items(), nanoseconds * static_cast<double>(layout.count()),
           [&](size_t first_item, size_t end_item, size_t) {
             for (size_t item = first_item; item < end_item; ++item) {
               const size_t block = item / layout.chunks, row = item % layout.chunks * layout.chunk;
               const size_t first = (block * layout.rows + row) * layout.n;
               SnapRows rows = {std::min(layout.chunk, layout.rows - row), layout.n, x + first, {}};
               for (int p = 0; p < kMaxSnapParameters && parameters[p] != nullptr; ++p) {
                 rows.parameters[p] = parameters[p] + block * layout.n;
               }
               body(rows, first, item);
             }
           });
}

// The ends of the grid in units of x.
void FindEnds(const SnapGrid& grid, const float* scale, const float* zero, size_t n, float* low, float* high) {
  for (size_t i = 0; i < n; ++i) {
    low[i] = (grid.qmin - zero[i]) * scale[i];
    high[i] = (grid.qmax - zero[i]) * scale[i];
  }
}

// What dsq.ts calls bottom, delta, s, k, and dk/da, of `high`, alpha and `low`, which is null for [-high, high].
void FindPieces(const SnapGrid& grid, const float* high, const float* alpha, const float* low, size_t n, float* const* pieces) {
  constexpr float kSmallest = 0x1p-126f;
  for (size_t i = 0; i < n; ++i) {
    const float top = std::max(low == nullptr ? kSmallest : 0.0f, high[i]);
    const float bottom = low == nullptr ? -top : std::min(0.0f, low[i]);
    const double a = std::clamp(alpha[i], 1e-6f, 0.5f);
    pieces[0][i] = bottom;
    pieces[1][i] = std::max((top - bottom) / grid.steps, kSmallest);
    pieces[2][i] = static_cast<float>(1 / (1 - a));
    pieces[3][i] = static_cast<float>(std::log(2 / a - 1));
    pieces[4][i] = static_cast<float>(-2 / (a * (2 - a)));
  }
}

}  // namespace

// qmin, qmax, the step of codes (1, 2); blocks, rows, n; x: float32 [blocks, rows, n]; scale, zero point: [blocks, n]; y as x
Status EagerSnapCall(const EagerCall& call) {
  EagerFields fields(call);
  const Layout layout = ReadLayout(&fields);
  const float* x = fields.In(layout.count());
  const float* scale = fields.In(layout.groups());
  const float* zero = fields.In(layout.groups());
  float* y = fields.Out(layout.count());
  const Status status = fields.Finish();
  if (!status.ok() || layout.count() == 0) return status;
  ForItems(call, layout, x, {scale, zero}, kSnapNanoseconds,
           [&](const SnapRows& rows, size_t first, size_t) { call.eager->snap(layout.grid, rows, y + first); });
  return status;
}

// mode: a SnapGradient, symmetric: a flag; then as above; dy: float32 as x, x; scale and zero point, or high, alpha and, unless
// it is symmetric, low: [blocks, n]; dx: as x, each sum of the mode: [blocks, n]
Status EagerSnapGradientCall(const EagerCall& call) {
  EagerFields fields(call);
  const auto mode = static_cast<SnapGradient>(fields.Integer(0, 2));
  const bool is_symmetric = fields.Flag();
  const Layout layout = ReadLayout(&fields);
  const size_t groups = layout.groups();
  const float* dy = fields.In(layout.count());
  const float* x = fields.In(layout.count());
  const float* a = fields.In(groups);
  const float* b = fields.In(groups);
  const float* c = mode == SnapGradient::kSoft && !is_symmetric ? fields.In(groups) : nullptr;
  const auto sum_count = static_cast<size_t>(SnapSums(mode));
  float* dx = fields.Out(layout.count());
  float* sums[kMaxSnapSums];
  for (size_t i = 0; i < sum_count; ++i) sums[i] = fields.Out(groups);
  Status status = fields.Finish();
  if (!status.ok()) return status;

  EagerMemory memory(call);
  const size_t parameters = memory.AddFloats(kMaxSnapParameters * groups);
  const size_t partials = memory.AddFloats(layout.items() * sum_count * layout.n);
  status = memory.Reserve();
  if (!status.ok()) return status;
  float* pieces[kMaxSnapParameters];
  for (int i = 0; i < kMaxSnapParameters; ++i) pieces[i] = memory.At(parameters) + static_cast<size_t>(i) * groups;
  const float* used[kMaxSnapParameters] = {a, b};
  if (mode == SnapGradient::kRange) {
    FindEnds(layout.grid, a, b, groups, pieces[0], pieces[1]);
    std::copy_n(pieces, 2, used);
  } else if (mode == SnapGradient::kSoft) {
    FindPieces(layout.grid, a, b, c, groups, pieces);
    std::copy_n(pieces, kMaxSnapParameters, used);
  }
  const size_t stride = sum_count * layout.n;
  float* all = memory.At(partials);
  ForItems(call, layout, x, used, mode == SnapGradient::kSoft ? kSoftNanoseconds : kGradientNanoseconds,
           [&](const SnapRows& rows, size_t first, size_t item) {
             call.eager->snap_gradient(mode, layout.grid, rows, dy + first, dx + first, all + item * stride);
           });
  for (size_t sum = 0; sum < sum_count; ++sum) {
    for (size_t block = 0; block < layout.blocks; ++block) {
      for (size_t column = 0; column < layout.n; ++column) {
        double total = 0;
        for (size_t chunk = 0; chunk < layout.chunks; ++chunk) {
          total += all[(block * layout.chunks + chunk) * stride + sum * layout.n + column];
        }
        sums[sum][block * layout.n + column] = static_cast<float>(total);
      }
    }
  }
  return status;
}

}  // namespace octensor
