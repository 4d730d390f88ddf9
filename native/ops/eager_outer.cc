#include "ops/eager_outer.h"

#include <math.h>

#include <algorithm>

#include "ops/eager_memory.h"
#include "ops/float_outer.h"
#include "ops/float_parts.h"

namespace octensor {
namespace {

constexpr double kTransposeNanoseconds = 0.7, kMacNanoseconds = 0.03;
constexpr size_t kBlock = 32;  // of rows and columns: lines stay in the level-1 cache

void Finish(const FloatKernels& kernels, const EagerOuter& p, float* y) {
  if (p.bias != nullptr) {
    for (size_t i = 0; i < p.m; ++i, y += p.n) kernels.binary(FloatBinary::kAdd, y, 1, p.bias, 1, p.n, p.bounds, y);
  } else if (p.bounds.lo > -INFINITY || p.bounds.hi < INFINITY) {
    kernels.unary(FloatUnary::kClamp, y, p.m * p.n, p.bounds, y);
  }
}

}  // namespace

void TransposeMatrices(const float* x, size_t count, size_t rows, size_t columns, size_t threads, float* y) {
  const double elements = static_cast<double>(count) * static_cast<double>(rows) * static_cast<double>(columns);
  const size_t blocks = (rows + kBlock - 1) / kBlock;
  ForParts(threads, count * blocks, kTransposeNanoseconds * elements, [&](size_t first, size_t end, size_t) {
    for (size_t item = first; item < end; ++item) {
      const size_t at = item / blocks * rows * columns, row = item % blocks * kBlock, end_row = std::min(rows, row + kBlock);
      for (size_t j = 0; j < columns; ++j) {
        for (size_t i = row; i < end_row; ++i) y[at + j * rows + i] = x[at + i * columns + j];
      }
    }
  });
}

Status MultiplyOuter(const EagerCall& call, const EagerOuter& p) {
  const bool is_ready = p.is_a_transposed || p.m == 1;
  const size_t partials = OuterPartials(p.m, p.k, p.n);
  // One product is cut into parts, of several each is a part.
  const size_t inner_threads = p.count == 1 ? call.threads : 1, outer_threads = p.count == 1 ? 1 : call.threads;
  EagerMemory memory(call);
  const size_t all_partials = memory.AddFloats(outer_threads * partials);
  const size_t transposed = memory.AddFloats(is_ready ? 0 : p.a_count * p.m * p.k);
  const Status status = memory.Reserve();
  if (!status.ok()) return status;
  if (!is_ready) TransposeMatrices(p.a, p.a_count, p.m, p.k, call.threads, memory.At(transposed));
  const float* a = is_ready ? p.a : memory.At(transposed);
  const double macs = static_cast<double>(p.m) * static_cast<double>(p.k) * static_cast<double>(p.n);
  ForParts(outer_threads, p.count, kMacNanoseconds * macs * static_cast<double>(p.count),
           [&](size_t first, size_t end, size_t worker) {
             for (size_t i = first; i < end; ++i) {
               float* y = p.y + i * p.m * p.n;
               FloatOuterProduct({call.kernels, a + p.pairs[i].a * p.k * p.m, p.b + p.pairs[i].b * p.k * p.n, p.m, p.k, p.n, y,
                                  memory.At(all_partials) + worker * partials, inner_threads});
               Finish(*call.kernels, p, y);
             }
           });
  return {};
}

}  // namespace octensor
