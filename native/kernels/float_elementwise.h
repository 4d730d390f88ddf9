// Element by element, for the vectors V of float_gemm.h with, besides, Add, Subtract, Multiply, Divide, Abs, Negate, Sqrt,
// Floor, Ceil and RoundHalfEven, and Select(x, y, a, b): x > y ? a : b, SelectAtLeast: x >= y ? a : b.
#ifndef OCTENSOR_KERNELS_FLOAT_ELEMENTWISE_H_
#define OCTENSOR_KERNELS_FLOAT_ELEMENTWISE_H_

#include "kernels/float_functions.h"

namespace octensor {
namespace {

template <class V, FloatUnary kOp>
OCTENSOR_INLINE typename V::Type Apply(typename V::Type x, const Bounds<V>& bounds) {
  switch (kOp) {
    case FloatUnary::kClamp:
      return bounds.Clamp(x);
    case FloatUnary::kAbs:
      return V::Abs(x);
    case FloatUnary::kNeg:
      return V::Negate(x);
    case FloatUnary::kSqrt:
      return V::Sqrt(x);
    case FloatUnary::kSquare:
      return V::Multiply(x, x);
    case FloatUnary::kFloor:
      return V::Floor(x);
    case FloatUnary::kCeil:
      return V::Ceil(x);
    case FloatUnary::kRound:
      return V::Add(V::RoundHalfEven(x), V::Set(0));
    case FloatUnary::kLeakyRelu:
      return V::Select(x, V::Set(0), x, V::Multiply(x, bounds.lo));
    case FloatUnary::kExp:
      return Exp<V>(x);
    case FloatUnary::kTanh:
      return Tanh<V>(x);
    case FloatUnary::kLogistic:
      return Logistic<V>(x);
    case FloatUnary::kErf:
      return Erf<V>(x);
    case FloatUnary::kGelu:
      return Gelu<V>(x);
    case FloatUnary::kGeluTanh:
      return GeluTanh<V>(x);
    case FloatUnary::kSwish:
      return Swish<V>(x, bounds.lo);
    default: {  // kHardSwish
      const typename V::Type gate = V::Min(V::Set(6), V::Max(V::Set(0), V::Add(x, V::Set(3))));
      return V::Divide(V::Multiply(x, gate), V::Set(6));
    }
  }
}

template <class V, FloatBinary kOp>
OCTENSOR_INLINE typename V::Type Apply(typename V::Type a, typename V::Type b) {
  switch (kOp) {
    case FloatBinary::kAdd:
      return V::Add(a, b);
    case FloatBinary::kSub:
      return V::Subtract(a, b);
    case FloatBinary::kMul:
      return V::Multiply(a, b);
    case FloatBinary::kDiv:
      return V::Divide(a, b);
    case FloatBinary::kMax:
      return V::Max(a, b);
    case FloatBinary::kMin:
      return V::Min(a, b);
    default:  // kPrelu
      return V::SelectAtLeast(a, V::Set(0), a, V::Multiply(a, b));
  }
}

template <class V, FloatUnary kOp>
void Map(const float* x, size_t n, const FloatBounds& limits, float* y) {
  const Bounds<V> bounds(limits);
  size_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) V::Store(y + i, Apply<V, kOp>(V::Load(x + i), bounds));
  if (i < n) V::StorePart(y + i, n - i, Apply<V, kOp>(V::LoadPart(x + i, n - i), bounds));
}

template <class V, FloatBinary kOp, bool kManyA, bool kManyB>
void Map(const float* a, const float* b, size_t n, const FloatBounds& limits, float* y) {
  const Bounds<V> bounds(limits);
  const typename V::Type first_a = V::Set(*a), first_b = V::Set(*b);
  size_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) {
    const typename V::Type p = kManyA ? V::Load(a + i) : first_a, q = kManyB ? V::Load(b + i) : first_b;
    V::Store(y + i, bounds.Clamp(Apply<V, kOp>(p, q)));
  }
  if (i < n) {
    const typename V::Type p = kManyA ? V::LoadPart(a + i, n - i) : first_a, q = kManyB ? V::LoadPart(b + i, n - i) : first_b;
    V::StorePart(y + i, n - i, bounds.Clamp(Apply<V, kOp>(p, q)));
  }
}

template <class V, FloatBinary kOp>
void Map(const float* a, size_t a_step, const float* b, size_t b_step, size_t n, const FloatBounds& bounds, float* y) {
  if (n == 0) return;
  if (a_step != 0)
    return b_step != 0 ? Map<V, kOp, true, true>(a, b, n, bounds, y) : Map<V, kOp, true, false>(a, b, n, bounds, y);
  return b_step != 0 ? Map<V, kOp, false, true>(a, b, n, bounds, y) : Map<V, kOp, false, false>(a, b, n, bounds, y);
}

template <class V>
void Unary(FloatUnary op, const float* x, size_t n, FloatBounds bounds, float* y) {
  static void (*const kMaps[])(const float*, size_t, const FloatBounds&, float*) = {
      Map<V, FloatUnary::kClamp>,     Map<V, FloatUnary::kAbs>,       Map<V, FloatUnary::kNeg>,  Map<V, FloatUnary::kSqrt>,
      Map<V, FloatUnary::kSquare>,    Map<V, FloatUnary::kFloor>,     Map<V, FloatUnary::kCeil>, Map<V, FloatUnary::kRound>,
      Map<V, FloatUnary::kLeakyRelu>, Map<V, FloatUnary::kHardSwish>, Map<V, FloatUnary::kExp>,  Map<V, FloatUnary::kTanh>,
      Map<V, FloatUnary::kLogistic>,  Map<V, FloatUnary::kErf>,       Map<V, FloatUnary::kGelu>, Map<V, FloatUnary::kGeluTanh>,
      Map<V, FloatUnary::kSwish>};
  kMaps[static_cast<size_t>(op)](x, n, bounds, y);
}

template <class V>
void Binary(FloatBinary op, const float* a, size_t a_step, const float* b, size_t b_step, size_t n, FloatBounds bounds,
            float* y) {
  static void (*const kMaps[])(const float*, size_t, const float*, size_t, size_t, const FloatBounds&, float*) = {
      Map<V, FloatBinary::kAdd>, Map<V, FloatBinary::kSub>, Map<V, FloatBinary::kMul>,  Map<V, FloatBinary::kDiv>,
      Map<V, FloatBinary::kMax>, Map<V, FloatBinary::kMin>, Map<V, FloatBinary::kPrelu>};
  kMaps[static_cast<size_t>(op)](a, a_step, b, b_step, n, bounds, y);
}

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_FLOAT_ELEMENTWISE_H_
