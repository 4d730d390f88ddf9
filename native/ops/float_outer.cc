#include "ops/float_outer.h"

#include <math.h>

#include <algorithm>

#include "ops/float_parts.h"

namespace octensor {
namespace {

constexpr double kMacNanoseconds = 0.03;
// Work that is worth a group of its own: with fewer k's, adding up the groups would show.
constexpr size_t kMinGroup = 512, kMaxGroups = 8;
// So many rows of C are enough parts for all threads.
constexpr size_t kManyRows = 512;
// Panels of C's columns that are computed together: a slice of them stays in the level-2 cache.
constexpr size_t kPartPanels = 8;
// Of B: matrices with long rows are cut into shorter slices.
constexpr size_t kSliceElements = size_t{1} << 16, kShortSlice = 32;

size_t CeilDiv(size_t a, size_t b) { return (a + b - 1) / b; }

size_t GroupCount(size_t m, size_t k) { return m >= kManyRows ? 1 : std::clamp<size_t>(k / kMinGroup, 1, kMaxGroups); }

struct Plan {
  const FloatOuterArgs* args;
  size_t m;
  size_t segments, slice_segments, slices, groups;
  size_t run_tiles;     // of each run
  size_t column_parts;  // of C
};

// Tiles first to end of group `group` and columns `part`, slice by slice, so that a slice of A and B is in the cache for all.
void RunTiles(const Plan& plan, size_t group, size_t part, size_t first_tile, size_t end_tile) {
  const FloatOuterArgs& args = *plan.args;
  const size_t nr = args.kernels->nr, panels = CeilDiv(args.n, nr);
  const size_t column = panels * part / plan.column_parts * nr;
  float* c = (group == 0 ? args.c : args.partials + (group - 1) * plan.m * args.n) + column;
  FloatOuterTile tile;
  tile.n = std::min(panels * (part + 1) / plan.column_parts * nr, args.n) - column;
  tile.a_step = args.a_step;
  tile.b_step = args.n;
  tile.c_stride = args.n;
  tile.adds = false;
  const size_t end = plan.slices * (group + 1) / plan.groups;
  for (size_t slice = plan.slices * group / plan.groups; slice < end; ++slice, tile.adds = true) {
    const size_t segment = slice * plan.slice_segments;
    tile.taps = std::min(plan.slice_segments, plan.segments - segment);
    tile.k = std::min(args.segment, args.k - segment * args.segment);
    tile.tap_offsets = args.segment_offsets->data() + segment;
    tile.b = args.b + segment * args.segment * args.n + column;
    for (size_t t = first_tile; t < end_tile; ++t) {
      const size_t run = t / plan.run_tiles, at = t % plan.run_tiles;
      const size_t row = args.run * at / plan.run_tiles;
      tile.rows = args.run * (at + 1) / plan.run_tiles - row;
      tile.a = args.a + (*args.run_offsets)[run] + row;
      tile.c = c + (run * args.run + row) * args.n;
      args.kernels->outer(tile);
    }
  }
}

}  // namespace

size_t OuterPartials(size_t m, size_t k, size_t n) { return (GroupCount(m, k) - 1) * m * n; }

void FloatOuter(const FloatOuterArgs& args) {
  Plan plan = {};
  plan.args = &args;
  plan.m = args.run_offsets->size() * args.run;
  plan.segments = args.segment_offsets->size();
  plan.slice_segments = CeilDiv(args.slice, args.segment);
  plan.slices = CeilDiv(plan.segments, plan.slice_segments);
  plan.groups = std::min(GroupCount(plan.m, args.k), plan.slices);
  plan.run_tiles = CeilDiv(args.run, args.kernels->mr);
  const size_t tiles = args.run_offsets->size() * plan.run_tiles;
  plan.column_parts = CeilDiv(args.n, kPartPanels * args.kernels->nr);
  const double macs = static_cast<double>(plan.m) * static_cast<double>(args.k) * static_cast<double>(args.n);
  const size_t items = plan.groups * plan.column_parts * tiles;
  ForParts(args.threads, items, kMacNanoseconds * macs, [&](size_t first, size_t end, size_t) {
    // A part is some tiles of the first group and columns, all of the next ones, some of the last.
    while (first < end) {
      const size_t at = first / tiles, tile = first % tiles, last = std::min(tiles, tile + end - first);
      RunTiles(plan, at / plan.column_parts, at % plan.column_parts, tile, last);
      first += last - tile;
    }
  });
  const size_t count = plan.m * args.n;
  for (size_t group = 1; group < plan.groups; ++group) {
    args.kernels->binary(FloatBinary::kAdd, args.c, 1, args.partials + (group - 1) * count, 1, count, {-INFINITY, INFINITY},
                         args.c);
  }
}

void FloatOuterProduct(const FloatOuterMatrices& matrices) {
  const std::vector<ptrdiff_t> one_run = {0};
  const size_t slice = std::clamp(kSliceElements / matrices.n, kShortSlice, kOuterSlice);
  std::vector<ptrdiff_t> segments(CeilDiv(matrices.k, slice));
  for (size_t i = 0; i < segments.size(); ++i) segments[i] = static_cast<ptrdiff_t>(i * slice * matrices.m);
  FloatOuter({matrices.kernels, matrices.a, matrices.m, &one_run, matrices.k, slice, slice, &segments, matrices.m, matrices.b,
              matrices.n, matrices.c, matrices.partials, matrices.threads});
}

}  // namespace octensor
