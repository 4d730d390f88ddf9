#include "ops/gemm_driver.h"

#include <algorithm>

#include "core/thread_pool.h"

namespace octensor {
namespace {

constexpr uint8_t kFlip = 0x80;

// Columns of B that are worked through before the next rows of A begin: a quarter of a 1 MiB level-2 cache, so that they are
// still there for those rows. (On Zen 4 anything from 64 to 512 KiB is within 1 %.)
constexpr size_t kBlockBytes = size_t{256} << 10;

// Rows of A that one call of a kernel goes through again for each panel: half of a level-1 cache.
constexpr size_t kCallBytes = size_t{16} << 10;

// Work that is worth a hand-over to another thread (a quarter of a microsecond of VNNI), in multiply-accumulates.
constexpr size_t kMinItemMacs = size_t{1} << 16;

// Below this a job is done before a parked helper has woken up (8 to 17 us).
constexpr double kMinThreadedMacs = 1 << 19;

// How many items each thread should find, so that one that is held up can be helped.
constexpr size_t kItemsPerThread = 8;

// The constant part of each sum, modulo 2^32: with a and b in the kernel's domains and za, zb their zero points there,
//   sum (a - za)(b - zb) + bias = sum a b + [bias - za sum b + K za zb] + (sum a) [-zb]
void FillColumns(const PackedMatrix& b, const int32_t* bias, uint32_t za, size_t padded, int32_t* init, int32_t* column_term) {
  const auto* sums = static_cast<const int32_t*>(b.column_sums.data());
  const auto* zero_points = static_cast<const int32_t*>(b.zero_points.data());
  const auto k = static_cast<uint32_t>(b.taps * b.k);
  for (size_t n = 0; n < b.n; ++n) {
    init[n] =
        static_cast<int32_t>((bias != nullptr ? static_cast<uint32_t>(bias[n]) : 0) - za * static_cast<uint32_t>(sums[n]));
  }
  std::fill(init + b.n, init + padded, 0);
  if (!b.has_zero_point) return;
  std::fill(column_term + b.n, column_term + padded, 0);
  for (size_t n = 0; n < b.n; ++n) {
    const auto zb = static_cast<uint32_t>(zero_points[n]);
    init[n] = static_cast<int32_t>(static_cast<uint32_t>(init[n]) + k * za * zb);
    column_term[n] = static_cast<int32_t>(0u - zb);
  }
}

// No |sum| is larger, for |a - za| is at most 255. Sums beyond int32 wrap, to at most 2^31.
double MaxAccumulator(const PackedMatrix& b, const int32_t* bias) {
  uint32_t bias_bits = 0;  // of |bias| or |bias| - 1: enough for a bound, and one OR each
  for (size_t n = 0; bias != nullptr && n < b.n; ++n) bias_bits |= static_cast<uint32_t>(bias[n] ^ (bias[n] >> 31));
  return std::min(255.0 * static_cast<double>(b.max_magnitude) + 2.0 * bias_bits + 1, 2147483648.0);
}

Epilogue MakeEpilogue(const OutputStage& output) {
  Epilogue e = {};
  e.kind = output.kind;
  e.numerics = output.numerics;
  if (output.kind == OutputKind::kQuantized) {
    const int32_t shift = output.is_signed ? 128 : 0;
    e.zero_point = output.zero_point + shift;
    e.lo = static_cast<uint8_t>(output.min + shift);
    e.hi = static_cast<uint8_t>(output.max + shift);
    e.output_flip = output.is_signed ? kFlip : 0;
  }
  return e;
}

// The items of one call: each is one of row_parts runs of row tiles times one of column_parts runs of panels. All cuts are as
// equal as can be.
struct Call {
  const GemmJob* job;
  size_t row_tiles;  // M in parts of at most mr rows
  size_t panels;     // N in parts of nr columns
  size_t row_parts;
  size_t column_parts;
};

// Where part `i` of `parts` begins when `count` things are cut as equally as can be.
size_t Cut(size_t count, size_t i, size_t parts) { return count * i / parts; }

// M in tiles of nearly equal height, the higher ones first.
struct RowTiles {
  size_t height, higher;  // tiles below `higher` have one row more

  RowTiles(size_t rows, size_t tiles) : height(rows / tiles), higher(rows % tiles) {}
  size_t Row(size_t tile) const { return tile * height + std::min(tile, higher); }
  // How many of the tiles from `first` to before `end` are as high as the first.
  size_t AlikeFrom(size_t first, size_t end) const { return (first < higher ? std::min(higher, end) : end) - first; }
};

// Walks over the rows of A.
class RowCursor {
 public:
  RowCursor(const RowGrid& grid, size_t row) : grid_(grid) {
    const size_t line = row / grid.width;
    x_ = row % grid.width;
    y_ = line % grid.lines;
    line_offset_ = line / grid.lines * grid.image_step + y_ * grid.line_step;
    offset_ = line_offset_ + x_ * grid.step;
  }
  // Where the next `count` rows begin.
  template <typename T>
  void Take(size_t count, const T* a, const void** rows) {
    while (count > 0) {
      const size_t run = std::min(count, grid_.width - x_);
      const T* row = a + offset_;
      for (size_t i = 0; i < run; ++i, row += grid_.step) *rows++ = row;
      count -= run;
      x_ += run;
      offset_ += run * grid_.step;
      if (x_ == grid_.width) NextLine();
    }
  }

 private:
  void NextLine() {
    x_ = 0;
    line_offset_ += grid_.line_step;
    if (++y_ == grid_.lines) {
      y_ = 0;
      line_offset_ += grid_.image_step - grid_.lines * grid_.line_step;
    }
    offset_ = line_offset_;
  }

  const RowGrid grid_;
  size_t x_, y_, line_offset_, offset_;
};

// Columns are cut so that a part of B stays in the cache while all rows go by, and both ways so that every thread finds the
// same number of items.
Call CutIntoItems(const GemmJob& job, size_t threads) {
  const PackedMatrix& b = *job.b;
  Call call = {&job, CeilDiv(job.m, b.shape.mr), CeilDiv(b.n, b.shape.nr), 1, 1};
  call.column_parts = CeilDiv(call.panels, std::max<size_t>(1, kBlockBytes / b.panel_bytes));
  if (threads == 1) return call;
  const double macs = static_cast<double>(job.m) * static_cast<double>(b.taps * b.k) * static_cast<double>(b.n);
  const size_t worthwhile = static_cast<size_t>(std::min(macs / kMinItemMacs, 1e6));
  const size_t items = std::clamp(worthwhile, threads, threads * kItemsPerThread);
  call.row_parts = std::min(call.row_tiles, RoundUp(CeilDiv(items, call.column_parts), threads));
  if (call.row_parts * call.column_parts < items) {
    call.column_parts = std::min(call.panels, RoundUp(CeilDiv(items, call.row_parts), threads));
  }
  return call;
}

// The rows of one tile of A, as the kernel wants them.
void PrepareRows(const GemmJob& job, size_t count, size_t worker, RowCursor* cursor, const void** rows) {
  const PackedMatrix& b = *job.b;
  const GemmKernel& kernel = *b.kernel;
  if (job.a_is_wide) return cursor->Take(count, static_cast<const int16_t*>(job.a), rows);
  cursor->Take(count, static_cast<const uint8_t*>(job.a), rows);
  if (kernel.a_domain == ADomain::kS16) {
    int16_t* wide = job.wide_rows + worker * b.shape.mr * b.k;
    for (size_t i = 0; i < count; ++i, wide += b.k) {
      kernel.widen_row(static_cast<const uint8_t*>(rows[i]), b.k, job.a_signed, wide);
      rows[i] = wide;
    }
    return;
  }
}

// Of each row of the tiles, what B's zero points are multiplied by: the sum over all taps; times the zero point, where it is
// one for all columns.
void FillRowTerms(const GemmKernel& kernel, const GemmTile& tile, int32_t uniform, int32_t* terms) {
  const size_t rows = tile.tiles * tile.rows;
  if (kernel.sum_rows != nullptr) {
    kernel.sum_rows(tile, terms);
  } else {
    for (size_t i = 0; i < rows; ++i) {
      uint32_t sum = 0;
      for (size_t t = 0; t < tile.taps; ++t) {
        const uint8_t* row = static_cast<const uint8_t*>(tile.a[i]) + tile.tap_offsets[t];
        sum += static_cast<uint32_t>(kernel.sum_row(row, tile.k, tile.a_flip));
      }
      terms[i] = static_cast<int32_t>(sum);
    }
  }
  if (tile.column_term != nullptr) return;
  for (size_t i = 0; i < rows; ++i) {
    terms[i] = static_cast<int32_t>(static_cast<uint32_t>(terms[i]) * static_cast<uint32_t>(uniform));
  }
}

// How many tiles of A one call takes: their rows stay in the level-1 cache while panel after panel goes by.
size_t TilesPerCall(const PackedMatrix& b) {
  const size_t tile_bytes = b.shape.mr * b.taps * b.k;
  return std::clamp<size_t>(kCallBytes / tile_bytes, 1, std::min<size_t>(b.kernel->max_tiles, kMaxTiles));
}

void RunItem(void* context, size_t item, size_t worker) {
  const Call& call = *static_cast<const Call*>(context);
  const GemmJob& job = *call.job;
  const GemmColumns& columns = *job.columns;
  const PackedMatrix& b = *job.b;
  const size_t column_part = item / call.row_parts, row_part = item % call.row_parts;
  const size_t first_panel = Cut(call.panels, column_part, call.column_parts);
  const size_t end_panel = Cut(call.panels, column_part + 1, call.column_parts);
  const size_t first_tile = Cut(call.row_tiles, row_part, call.row_parts);
  const size_t end_tile = Cut(call.row_tiles, row_part + 1, call.row_parts);
  const size_t n0 = first_panel * b.shape.nr;

  const void* rows[kMaxMr * kMaxTiles];
  int32_t row_terms[kMaxMr * kMaxTiles + 3];
  const size_t max_tiles = TilesPerCall(b);
  GemmTile tile;
  tile.taps = b.taps;
  tile.k = b.k;
  tile.n = std::min(end_panel * b.shape.nr, b.n) - n0;
  tile.a = rows;
  tile.tap_offsets = job.tap_offsets;
  tile.may_read_past = job.may_read_past;
  tile.a_flip = columns.a_flip;
  tile.b = static_cast<const char*>(b.panels.data()) + first_panel * b.panel_bytes;
  tile.b_panel_bytes = b.panel_bytes;
  tile.panel_columns = b.shape.nr;
  tile.init = columns.init + n0;
  tile.row_term = b.has_zero_point ? row_terms : nullptr;
  tile.column_term = columns.column_term != nullptr ? columns.column_term + n0 : nullptr;
  tile.c_stride_bytes = job.c_stride_bytes;
  tile.n0 = n0;
  tile.epilogue = &columns.epilogue;
  tile.outliers = b.outliers.data();
  tile.outlier_count = b.outliers.size();

  const RowTiles tiles(job.m, call.row_tiles);
  RowCursor cursor(job.grid, tiles.Row(first_tile));
  for (size_t t = first_tile; t < end_tile; t += tile.tiles) {
    const size_t row = tiles.Row(t);
    tile.rows = tiles.Row(t + 1) - row;
    tile.tiles = std::min(tiles.AlikeFrom(t, end_tile), max_tiles);
    const size_t count = tile.tiles * tile.rows;
    PrepareRows(job, count, worker, &cursor, rows);
    if (b.has_zero_point) FillRowTerms(*b.kernel, tile, columns.uniform_column_term, row_terms);
    uint8_t* c = job.c + row * job.c_stride_bytes + n0 * job.element_bytes;
    tile.c = c;
    b.kernel->run(tile);
    if (job.finish != nullptr) job.finish(job.finish_context, c, row, count, n0, tile.n);
  }
}

}  // namespace

size_t GemmColumnBytes(const PackedMatrix& b) { return 4 * RoundUp(b.n, kMaxNr) * sizeof(int32_t); }

void PrepareColumns(const PackedMatrix& b, const GemmInputs& inputs, const OutputStage& output, void* storage,
                    GemmColumns* columns) {
  const ADomain domain = b.kernel->a_domain;
  int32_t za = inputs.a_zero_point;
  columns->a_flip = 0;
  if (domain != ADomain::kS16 && (domain == ADomain::kS8) != inputs.a_signed) {
    columns->a_flip = kFlip;
    za += inputs.a_signed ? 128 : -128;
  }
  const size_t padded = RoundUp(b.n, kMaxNr);
  auto* init = static_cast<int32_t*>(storage);
  int32_t* column_term = init + padded;
  FillColumns(b, inputs.bias, static_cast<uint32_t>(za), padded, init, column_term);
  columns->init = init;
  columns->column_term = b.has_zero_point ? column_term : nullptr;
  if (b.has_zero_point && b.kernel->takes_uniform_terms && std::equal(column_term + 1, column_term + b.n, column_term)) {
    columns->column_term = nullptr;
    columns->uniform_column_term = column_term[0];
  }
  columns->epilogue = MakeEpilogue(output);
  PrepareRequant(output.scales, b.n, padded, MaxAccumulator(b, inputs.bias), init + 2 * padded, init + 3 * padded,
                 &columns->epilogue);
}

size_t GemmThreads(double macs, size_t threads) { return macs < kMinThreadedMacs ? 1 : threads; }

size_t GemmRowBytes(const PackedMatrix& b, size_t threads) {
  return b.kernel->a_domain == ADomain::kS16 ? threads * b.shape.mr * b.k * sizeof(int16_t) : 0;
}

void RunGemm(const GemmJob& job, size_t threads) {
  Call call = CutIntoItems(job, threads);
  const size_t items = call.row_parts * call.column_parts;
  if (threads == 1) {
    for (size_t item = 0; item < items; ++item) RunItem(&call, item, 0);
  } else {
    ThreadPool::Run(threads, items, RunItem, &call);
  }
}

}  // namespace octensor
