#include "ops/float_products.h"

#include <algorithm>

#include "ops/float_gemm.h"
#include "ops/float_parts.h"

namespace octensor {
namespace {

constexpr double kPackNanoseconds = 0.5, kMacNanoseconds = 0.025;

FloatMatrix MatrixB(const FloatProducts& p, size_t i) {
  const float* data = p.b + i * p.k * p.n;
  return p.is_b_transposed ? FloatMatrix{data, 1, p.k} : FloatMatrix{data, p.n, 1};
}

// A single product is cut along both sides of y.
void MultiplyOne(const FloatProducts& p) {
  PackColumnsInParts(*p.kernels, MatrixB(p, p.pairs->b), p.k, p.n, p.threads, p.packed);
  const std::vector<ptrdiff_t> one_tap = {0};
  FloatGemmArgs args = {};
  args.b = {p.kernels, p.k, p.n, p.k * p.kernels->nr, p.packed, p.bias};
  args.a = {p.a + p.pairs->a * p.m * p.k, p.m, 1, p.k, 0, 0};
  args.m = p.m;
  args.tap_offsets = &one_tap;
  args.bounds = p.bounds;
  args.c = p.y;
  args.c_stride = p.n;
  args.threads = p.threads;
  FloatGemm(args);
}

}  // namespace

bool FindPairs(const FloatBatch& batch, size_t products, size_t a_count, size_t b_count, std::vector<FloatPair>* pairs) {
  pairs->resize(products);
  for (size_t product = 0; product < products; ++product) {
    int64_t a = 0, b = 0;
    size_t rest = product;
    for (size_t i = batch.rank; i-- > 0; rest /= static_cast<size_t>(batch.dims[i])) {
      const auto at = static_cast<int64_t>(rest % static_cast<size_t>(batch.dims[i]));
      a += at * batch.a_strides[i];
      b += at * batch.b_strides[i];
    }
    if (a < 0 || b < 0 || a >= static_cast<int64_t>(a_count) || b >= static_cast<int64_t>(b_count)) return false;
    (*pairs)[product] = {static_cast<size_t>(a), static_cast<size_t>(b)};
  }
  return true;
}

void MultiplyPairs(const FloatProducts& p) {
  if (p.count == 1) return MultiplyOne(p);
  const FloatKernels& kernels = *p.kernels;
  const size_t packed_floats = PackedBytes(kernels, p.k, p.n) / sizeof(float);
  const double b_size = static_cast<double>(p.k) * static_cast<double>(p.n);
  ForParts(p.threads, p.b_count, kPackNanoseconds * static_cast<double>(p.b_count) * b_size,
           [&](size_t first, size_t end, size_t) {
             for (size_t i = first; i < end; ++i) PackColumns(kernels, MatrixB(p, i), p.k, p.n, p.packed + i * packed_floats);
           });
  const size_t tiles = (p.m + kernels.mr - 1) / kernels.mr;
  const double macs = static_cast<double>(p.count) * static_cast<double>(p.m) * b_size;
  ForParts(p.threads, p.count * tiles, kMacNanoseconds * macs, [&](size_t first, size_t end, size_t) {
    // A part is some tiles of the first product, all of the next ones, some of the last.
    while (first < end) {
      const size_t product = first / tiles, tile = first % tiles, last = std::min(tiles, tile + end - first);
      const size_t row = p.m * tile / tiles, end_row = p.m * last / tiles;
      const FloatPair pair = p.pairs[product];
      MultiplyRows({&kernels, p.k, p.n, p.packed + pair.b * packed_floats, p.bias, p.bounds}, p.a + (pair.a * p.m + row) * p.k,
                   p.k, end_row - row, p.y + (product * p.m + row) * p.n, p.n);
      first += last - tile;
    }
  });
}

}  // namespace octensor
