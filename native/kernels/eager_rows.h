// Reductions and normalizations of rows, for the vectors V of eager_elementwise.h.
#ifndef OCTENSOR_KERNELS_EAGER_ROWS_H_
#define OCTENSOR_KERNELS_EAGER_ROWS_H_

#include "kernels/eager_elementwise.h"
#include "kernels/eager_quantizer.h"

namespace octensor {
namespace {

template <class V, EagerReduction kOp>
OCTENSOR_INLINE typename V::Type Combine(typename V::Type a, typename V::Type b) {
  switch (kOp) {
    case EagerReduction::kSum:
      return V::Add(a, b);
    case EagerReduction::kMax:
      return Maximum<V>(a, b);
    default:
      return Minimum<V>(a, b);
  }
}

template <EagerReduction kOp>
OCTENSOR_INLINE float CombineOne(float a, float b) {
  switch (kOp) {
    case EagerReduction::kSum:
      return a + b;
    case EagerReduction::kMax:
      return a > b || a != a ? a : b;
    default:
      return a < b || a != a ? a : b;
  }
}

// Four chains of vectors where there are that many, then the lanes, then the rest.
template <class V, EagerReduction kOp>
float ReduceRun(const float* x, size_t n) {
  constexpr size_t kChains = 4, kBlock = kChains * V::kLanes;
  float result = x[0];
  size_t i = 1;
  if (n >= kBlock) {
    typename V::Type chain[kChains];
    OCTENSOR_UNROLL for (size_t c = 0; c < kChains; ++c) chain[c] = V::Load(x + c * V::kLanes);
    for (i = kBlock; i + kBlock <= n; i += kBlock) {
      OCTENSOR_UNROLL for (size_t c = 0; c < kChains; ++c) chain[c] = Combine<V, kOp>(chain[c], V::Load(x + i + c * V::kLanes));
    }
    float lanes[V::kLanes];
    V::Store(lanes, Combine<V, kOp>(Combine<V, kOp>(chain[0], chain[1]), Combine<V, kOp>(chain[2], chain[3])));
    result = lanes[0];
    for (int lane = 1; lane < V::kLanes; ++lane) result = CombineOne<kOp>(result, lanes[lane]);
  }
  for (; i < n; ++i) result = CombineOne<kOp>(result, x[i]);
  return result;
}

template <class V>
float EagerReduce(EagerReduction op, const float* x, size_t n) {
  static float (*const kRuns[])(const float*, size_t) = {ReduceRun<V, EagerReduction::kSum>, ReduceRun<V, EagerReduction::kMax>,
                                                         ReduceRun<V, EagerReduction::kMin>};
  return kRuns[static_cast<size_t>(op)](x, n);
}

// `kVectors` vectors of columns.
template <class V, EagerReduction kOp, int kVectors>
OCTENSOR_INLINE void ReduceColumns(const float* x, size_t pitch, size_t rows, float* y) {
  typename V::Type result[kVectors];
  OCTENSOR_UNROLL for (int v = 0; v < kVectors; ++v) result[v] = V::Load(x + v * V::kLanes);
  for (size_t r = 1; r < rows; ++r) {
    OCTENSOR_UNROLL for (int v = 0; v < kVectors; ++v) {
      result[v] = Combine<V, kOp>(result[v], V::Load(x + r * pitch + static_cast<size_t>(v) * V::kLanes));
    }
  }
  OCTENSOR_UNROLL for (int v = 0; v < kVectors; ++v) V::Store(y + v * V::kLanes, result[v]);
}

template <class V, EagerReduction kOp>
void ReduceRows(const float* x, size_t pitch, size_t rows, size_t n, float* y) {
  size_t c = 0;
  for (; c + 4 * V::kLanes <= n; c += 4 * V::kLanes) ReduceColumns<V, kOp, 4>(x + c, pitch, rows, y + c);
  for (; c + V::kLanes <= n; c += V::kLanes) ReduceColumns<V, kOp, 1>(x + c, pitch, rows, y + c);
  if (c == n) return;
  typename V::Type rest = V::LoadPart(x + c, n - c);
  for (size_t r = 1; r < rows; ++r) rest = Combine<V, kOp>(rest, V::LoadPart(x + r * pitch + c, n - c));
  V::StorePart(y + c, n - c, rest);
}

template <class V>
void EagerReduceRows(EagerReduction op, const float* x, size_t pitch, size_t rows, size_t n, float* y) {
  static void (*const kRows[])(const float*, size_t, size_t, size_t, float*) = {
      ReduceRows<V, EagerReduction::kSum>, ReduceRows<V, EagerReduction::kMax>, ReduceRows<V, EagerReduction::kMin>};
  kRows[static_cast<size_t>(op)](x, pitch, rows, n, y);
}

template <class V>
void EagerNormalizeRows(const float* x, size_t rows, size_t n, const float* mean, const float* factor, const float* offset,
                        float* y) {
  const auto finish = [](typename V::Type v, typename V::Type m, typename V::Type f, typename V::Type o) {
    return V::MultiplyAdd(V::Subtract(v, m), f, o);
  };
  for (size_t r = 0; r < rows; ++r, x += n, y += n) {
    size_t c = 0;
    for (; c + V::kLanes <= n; c += V::kLanes) {
      V::Store(y + c, finish(V::Load(x + c), V::Load(mean + c), V::Load(factor + c), V::Load(offset + c)));
    }
    if (c == n) continue;
    const size_t left = n - c;
    V::StorePart(y + c, left,
                 finish(V::LoadPart(x + c, left), V::LoadPart(mean + c, left), V::LoadPart(factor + c, left),
                        V::LoadPart(offset + c, left)));
  }
}

template <class V>
constexpr EagerKernels MakeEagerKernels(Isa isa) {
  return {isa,
          EagerMapUnary<V>,
          EagerMapBinary<V>,
          EagerCompareAll,
          EagerReduce<V>,
          EagerReduceRows<V>,
          EagerNormalizeRows<V>,
          SnapAll<V>,
          SnapGradientAll<V>};
}

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_EAGER_ROWS_H_
