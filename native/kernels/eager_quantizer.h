// Rounding to a grid as fake quantizers do it, and the gradients of that, for the vectors V of eager_elementwise.h.
// Definitions, in TensorFlow.js operators, are those of lib/qat/quantizers/: every operation here is one of theirs, rounded as
// it is there.
#ifndef OCTENSOR_KERNELS_EAGER_QUANTIZER_H_
#define OCTENSOR_KERNELS_EAGER_QUANTIZER_H_

#include "kernels/eager_elementwise.h"

namespace octensor {
namespace {

// A vector of codes; NaN stays NaN.
template <class V>
OCTENSOR_INLINE typename V::Type Codes(typename V::Type v, typename V::Type zero, const SnapGrid& grid) {
  const typename V::Type qmin = V::Set(grid.qmin), qmax = V::Set(grid.qmax);
  typename V::Type code;
  if (grid.is_odd) {
    const typename V::Type half = V::Set(0.5f);
    const typename V::Type index = V::Floor(V::Add(V::Multiply(V::Subtract(v, qmin), half), half));
    code = V::Add(V::Multiply(index, V::Set(2)), qmin);
  } else {
    code = V::Add(V::RoundHalfEven(v), zero);
  }
  return V::Select(code, qmax, qmax, V::Select(qmin, code, qmin, code));
}

template <class V>
OCTENSOR_INLINE typename V::Type Snap(typename V::Type x, typename V::Type scale, typename V::Type zero, const SnapGrid& grid) {
  return V::Multiply(V::Subtract(Codes<V>(V::Divide(x, scale), zero, grid), zero), scale);
}

// Vectors that are `step` elements apart, of the first `left` lanes each.
template <class V>
OCTENSOR_NOINLINE void SnapVectors(const SnapGrid& grid, typename V::Type scale, typename V::Type zero, const float* x,
                                   size_t count, size_t step, size_t left, float* y) {
  const bool is_whole = left == V::kLanes;
  for (size_t i = 0; i < count; ++i, x += step, y += step) {
    const typename V::Type snapped = Snap<V>(is_whole ? V::Load(x) : V::LoadPart(x, left), scale, zero, grid);
    is_whole ? V::Store(y, snapped) : V::StorePart(y, left, snapped);
  }
}

template <class V>
void SnapAll(const SnapGrid& grid, const SnapRows& rows, float* y) {
  const float* const* p = rows.parameters;
  if (rows.n == 1) {
    const typename V::Type scale = V::Set(p[0][0]), zero = V::Set(p[1][0]);
    const size_t whole = rows.rows / V::kLanes, done = whole * V::kLanes;
    SnapVectors<V>(grid, scale, zero, rows.x, whole, V::kLanes, V::kLanes, y);
    if (done < rows.rows) SnapVectors<V>(grid, scale, zero, rows.x + done, 1, 0, rows.rows - done, y + done);
    return;
  }
  for (size_t c = 0; c < rows.n; c += V::kLanes) {
    const size_t left = rows.n - c < V::kLanes ? rows.n - c : V::kLanes;
    const typename V::Type scale = V::LoadPart(p[0] + c, left), zero = V::LoadPart(p[1] + c, left);
    SnapVectors<V>(grid, scale, zero, rows.x + c, rows.rows, rows.n, left, y + c);
  }
}

// How much one element's y changes with x, and with each number that has a gradient.
template <class V>
struct Slopes {
  typename V::Type x, sums[kMaxSnapSums];
};

// 1 where a > b, else 0.
template <class V>
OCTENSOR_INLINE typename V::Type IsGreater(typename V::Type a, typename V::Type b) {
  return V::Select(a, b, V::Set(1), V::Set(0));
}

// Outlined: the rest around it is long enough for a compiler.
template <class V>
OCTENSOR_NOINLINE typename V::Type TanhOf(typename V::Type x) {
  return Tanh<V>(x);
}

template <class V, SnapGradient kMode>
OCTENSOR_INLINE Slopes<V> SlopesOf(typename V::Type x, const typename V::Type* p, const SnapGrid& grid) {
  const typename V::Type one = V::Set(1);
  if (kMode == SnapGradient::kRange) {
    const typename V::Type above = IsGreater<V>(x, p[1]), below = IsGreater<V>(p[0], x);
    return {V::Subtract(one, V::Add(above, below)), {above, below}};
  }
  if (kMode == SnapGradient::kStep) {
    const typename V::Type quotient = V::Divide(x, p[0]), v = V::Add(quotient, p[1]);
    const typename V::Type outside = V::Add(IsGreater<V>(V::Set(grid.qmin), v), IsGreater<V>(v, V::Set(grid.qmax)));
    const typename V::Type inside = V::Subtract(one, outside);
    return {inside, {V::Subtract(Codes<V>(quotient, p[1], grid), V::Multiply(v, inside)), outside}};
  }
  // kSoft: the names are those of lib/qat/quantizers/dsq.ts
  const typename V::Type half = V::Set(0.5f), zero = V::Set(0), n = V::Set(grid.steps);
  const typename V::Type bottom = p[0], delta = p[1], s = p[2], k = p[3], k_slope = p[4];
  const typename V::Type v = V::Divide(V::Subtract(x, bottom), delta);
  const typename V::Type c = V::Select(v, n, n, V::Select(zero, v, zero, v));
  const typename V::Type last = V::Set(grid.steps - 1), floor = V::Floor(c);
  const typename V::Type offset = V::Subtract(V::Subtract(c, V::Select(floor, last, last, floor)), half);
  const typename V::Type t = TanhOf<V>(V::Multiply(k, offset)), half_s = V::Multiply(s, half);
  const typename V::Type soft = V::Add(V::Subtract(c, offset), V::Multiply(half_s, t));
  const typename V::Type inside = V::SelectAtLeast(v, c, V::SelectAtLeast(c, v, one, zero), zero);
  const typename V::Type bend = V::Subtract(one, V::Multiply(t, t));
  const typename V::Type g = V::Multiply(V::Multiply(V::Multiply(half_s, k), bend), inside);
  const typename V::Type per_high = V::Divide(V::Subtract(soft, V::Multiply(g, c)), n);
  const typename V::Type per_low = V::Subtract(V::Subtract(one, g), per_high);
  const typename V::Type by_s = V::Multiply(V::Multiply(half_s, s), t);
  const typename V::Type by_k = V::Multiply(V::Multiply(V::Multiply(half_s, bend), offset), k_slope);
  return {g, {per_high, per_low, V::Multiply(delta, V::Add(by_s, by_k))}};
}

// As SnapVectors; adds to the sums of each lane. Lanes that are not there have a gradient of 0, and finite slopes where the
// numbers of the grid are the same for all.
template <class V, SnapGradient kMode>
OCTENSOR_NOINLINE void AddVectors(const SnapGrid& grid, const typename V::Type* p, const float* x, const float* dy,
                                  size_t count, size_t step, size_t left, float* dx, typename V::Type* sums) {
  const bool is_whole = left == V::kLanes;
  for (size_t i = 0; i < count; ++i, x += step, dy += step, dx += step) {
    const typename V::Type gradient = is_whole ? V::Load(dy) : V::LoadPart(dy, left);
    const Slopes<V> slopes = SlopesOf<V, kMode>(is_whole ? V::Load(x) : V::LoadPart(x, left), p, grid);
    const typename V::Type result = V::Multiply(gradient, slopes.x);
    is_whole ? V::Store(dx, result) : V::StorePart(dx, left, result);
    for (int s = 0; s < SnapSums(kMode); ++s) sums[s] = V::Add(sums[s], V::Multiply(gradient, slopes.sums[s]));
  }
}

// Numbers that all elements share.
template <class V, SnapGradient kMode>
void SnapGradientRun(const SnapGrid& grid, const SnapRows& rows, const float* dy, float* dx, float* sums) {
  constexpr int kSums = SnapSums(kMode), kParameters = SnapParameters(kMode);
  typename V::Type p[kParameters], total[kSums];
  for (int i = 0; i < kParameters; ++i) p[i] = V::Set(rows.parameters[i][0]);
  for (int i = 0; i < kSums; ++i) total[i] = V::Set(0);
  const size_t whole = rows.rows / V::kLanes, done = whole * V::kLanes;
  AddVectors<V, kMode>(grid, p, rows.x, dy, whole, V::kLanes, V::kLanes, dx, total);
  if (done < rows.rows) AddVectors<V, kMode>(grid, p, rows.x + done, dy + done, 1, 0, rows.rows - done, dx + done, total);
  for (int s = 0; s < kSums; ++s) {
    float lanes[V::kLanes];
    V::Store(lanes, total[s]);
    sums[s] = lanes[0];
    for (int lane = 1; lane < V::kLanes; ++lane) sums[s] += lanes[lane];
  }
}

// Numbers of each column.
template <class V, SnapGradient kMode>
void SnapGradientColumns(const SnapGrid& grid, const SnapRows& rows, const float* dy, float* dx, float* sums) {
  constexpr int kSums = SnapSums(kMode), kParameters = SnapParameters(kMode);
  const size_t n = rows.n;
  for (size_t c = 0; c < n; c += V::kLanes) {
    const size_t left = n - c < V::kLanes ? n - c : V::kLanes;
    typename V::Type p[kParameters], total[kSums];
    for (int i = 0; i < kParameters; ++i) p[i] = V::LoadPart(rows.parameters[i] + c, left);
    for (int i = 0; i < kSums; ++i) total[i] = V::Set(0);
    AddVectors<V, kMode>(grid, p, rows.x + c, dy + c, rows.rows, n, left, dx + c, total);
    for (int i = 0; i < kSums; ++i) V::StorePart(sums + static_cast<size_t>(i) * n + c, left, total[i]);
  }
}

template <class V, SnapGradient kMode>
void SnapGradientOf(const SnapGrid& grid, const SnapRows& rows, const float* dy, float* dx, float* sums) {
  if (rows.n == 1) return SnapGradientRun<V, kMode>(grid, rows, dy, dx, sums);
  SnapGradientColumns<V, kMode>(grid, rows, dy, dx, sums);
}

template <class V>
void SnapGradientAll(SnapGradient mode, const SnapGrid& grid, const SnapRows& rows, const float* dy, float* dx, float* sums) {
  static void (*const kModes[])(const SnapGrid&, const SnapRows&, const float*, float*, float*) = {
      SnapGradientOf<V, SnapGradient::kRange>, SnapGradientOf<V, SnapGradient::kStep>, SnapGradientOf<V, SnapGradient::kSoft>};
  kModes[static_cast<size_t>(mode)](grid, rows, dy, dx, sums);
}

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_EAGER_QUANTIZER_H_
