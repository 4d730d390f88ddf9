#include "ops/float_gemm.h"

#include <algorithm>
#include <cstring>

#include "core/thread_pool.h"

namespace octensor {
namespace {

// Of B: a part stays in the level-2 cache while all rows go by.
constexpr size_t kBlockBytes = size_t{256} << 10;
constexpr size_t kItemsPerThread = 6;
// About 20 us on one thread: what is worth waking another one for.
constexpr double kMinThreadedMacs = 1e6;
constexpr double kMinItemMacs = 2.5e5;

struct Call {
  const FloatGemmArgs* args;
  size_t row_tiles, panels;
  size_t row_parts, column_parts;
};

size_t CeilDiv(size_t a, size_t b) { return (a + b - 1) / b; }

// Where part `i` of `parts` begins when `count` things are cut as equally as can be.
size_t Cut(size_t count, size_t i, size_t parts) { return count * i / parts; }

// Where rows first to first + count - 1 begin.
void FindRows(const FloatRows& a, size_t first, size_t count, const float** rows) {
  size_t column = first % a.width, row = first / a.width % a.height;
  const float* image = a.x + first / a.width / a.height * a.image_step;
  for (size_t i = 0; i < count; ++i) {
    rows[i] = image + row * a.row_step + column * a.column_step;
    if (++column < a.width) continue;
    column = 0;
    if (++row < a.height) continue;
    row = 0;
    image += a.image_step;
  }
}

void CutIntoItems(size_t threads, double macs, Call* call) {
  const FloatPanels& b = call->args->b;
  call->row_tiles = CeilDiv(call->args->m, b.kernels->mr);
  call->panels = CeilDiv(b.n, b.kernels->nr);
  call->column_parts = CeilDiv(call->panels, std::max<size_t>(1, kBlockBytes / (b.panel * sizeof(float))));
  call->row_parts = 1;
  if (threads == 1) return;
  const size_t worthwhile = static_cast<size_t>(std::min(macs / kMinItemMacs, 1e6));
  const size_t items = std::clamp(worthwhile, threads, threads * kItemsPerThread);
  call->row_parts = std::min(call->row_tiles, RoundUp(CeilDiv(items, call->column_parts), threads));
  if (call->row_parts * call->column_parts < items) {
    call->column_parts = std::min(call->panels, RoundUp(CeilDiv(items, call->row_parts), threads));
  }
}

void RunItem(void* context, size_t item, size_t) {
  const Call& call = *static_cast<const Call*>(context);
  const FloatGemmArgs& args = *call.args;
  const FloatPanels& b = args.b;
  const size_t column_part = item / call.row_parts, row_part = item % call.row_parts;
  const size_t first_panel = Cut(call.panels, column_part, call.column_parts);
  const size_t end_panel = Cut(call.panels, column_part + 1, call.column_parts);
  const size_t first_tile = Cut(call.row_tiles, row_part, call.row_parts);
  const size_t end_tile = Cut(call.row_tiles, row_part + 1, call.row_parts);
  const size_t n0 = first_panel * b.kernels->nr;

  const float* rows[kMaxFloatMr];
  FloatTile tile;
  tile.n = std::min(end_panel * b.kernels->nr, b.n) - n0;
  tile.taps = args.tap_offsets->size();
  tile.k = b.k / tile.taps;
  tile.a = rows;
  tile.tap_offsets = args.tap_offsets->data();
  tile.b = b.panels + first_panel * b.panel;
  tile.b_panel = b.panel;
  tile.bias = b.bias + n0;
  tile.bounds = args.bounds;
  tile.c_stride = args.c_stride;
  size_t first_row = Cut(args.m, first_tile, call.row_tiles);
  for (size_t t = first_tile; t < end_tile; ++t) {
    const size_t end_row = Cut(args.m, t + 1, call.row_tiles);
    tile.rows = end_row - first_row;
    FindRows(args.a, first_row, tile.rows, rows);
    tile.c = args.c + first_row * args.c_stride + n0;
    b.kernels->gemm(tile);
    first_row = end_row;
  }
}

}  // namespace

Status PackFloats(const FloatKernels& kernels, const float* b, const float* bias, size_t k, size_t n, PackedFloats* packed) {
  const size_t nr = kernels.nr, padded = RoundUp(n, kernels.nr_step);
  packed->kernels = &kernels;
  packed->k = k;
  packed->n = n;
  packed->panel = k * nr;
  if (!packed->panels.Reserve(k * padded * sizeof(float)) || !packed->bias.Reserve(RoundUp(n, nr) * sizeof(float))) {
    return {StatusCode::kOutOfMemory, "not enough memory for packed weights"};
  }
  std::memset(packed->bias.data(), 0, RoundUp(n, nr) * sizeof(float));
  if (bias != nullptr) std::memcpy(packed->bias.data(), bias, n * sizeof(float));
  float* out = static_cast<float*>(packed->panels.data());
  for (size_t j = 0; j < n; j += nr) {
    const size_t width = std::min(nr, padded - j);
    for (size_t i = 0; i < k; ++i) {
      for (size_t column = j; column < j + width; ++column) *out++ = column < n ? b[column * k + i] : 0;
    }
  }
  return {};
}

void FloatGemm(const FloatGemmArgs& args) {
  Call call = {};
  call.args = &args;
  const double macs = static_cast<double>(args.m) * static_cast<double>(args.b.k) * static_cast<double>(args.b.n);
  const size_t threads = macs < kMinThreadedMacs ? 1 : args.threads;
  CutIntoItems(threads, macs, &call);
  const size_t items = call.row_parts * call.column_parts;
  if (threads == 1) {
    for (size_t item = 0; item < items; ++item) RunItem(&call, item, 0);
  } else {
    ThreadPool::Run(threads, items, RunItem, &call);
  }
}

}  // namespace octensor
