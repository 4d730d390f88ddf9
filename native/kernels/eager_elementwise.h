// Element by element, for the vectors V of float_elementwise.h with, besides, And and Or of bits.
#ifndef OCTENSOR_KERNELS_EAGER_ELEMENTWISE_H_
#define OCTENSOR_KERNELS_EAGER_ELEMENTWISE_H_

#include "kernels/eager.h"
#include "kernels/float_functions.h"

namespace octensor {
namespace {

// e^x - 1 within 6e-7 of the exact result: near 0 by the polynomial of Exp, for the difference cancels there.
template <class V>
OCTENSOR_INLINE typename V::Type ExpMinusOne(typename V::Type x) {
  constexpr float kTerms[] = {0.5f, 0.16666518f, 0.041666206f, 0.00836889f, 0.0013950492f};  // as in Exp
  const typename V::Type near = V::MultiplyAdd(V::Multiply(x, x), Polynomial<V>(x, kTerms), x);
  return V::Select(V::Set(0.34f), V::Abs(x), near, V::Subtract(Exp<V>(x), V::Set(1)));
}

// Math.max: NaN of either, and +0 of two zeros that differ.
template <class V>
OCTENSOR_INLINE typename V::Type Maximum(typename V::Type a, typename V::Type b) {
  const typename V::Type most = V::SelectAtLeast(a, b, V::SelectAtLeast(b, a, V::And(a, b), a), b);
  return V::SelectAtLeast(a, a, most, a);
}

// Math.min, likewise.
template <class V>
OCTENSOR_INLINE typename V::Type Minimum(typename V::Type a, typename V::Type b) {
  const typename V::Type least = V::SelectAtLeast(b, a, V::SelectAtLeast(a, b, V::Or(a, b), a), b);
  return V::SelectAtLeast(a, a, least, a);
}

template <class V, EagerUnary kOp>
OCTENSOR_INLINE typename V::Type Apply(typename V::Type x, typename V::Type p, typename V::Type q) {
  const typename V::Type zero = V::Set(0), one = V::Set(1);
  switch (kOp) {
    case EagerUnary::kAbs:
      return V::Abs(x);
    case EagerUnary::kNeg:
      return V::Negate(x);
    case EagerUnary::kSqrt:
      return V::Sqrt(x);
    case EagerUnary::kRsqrt:
      return V::Divide(one, V::Sqrt(x));
    case EagerUnary::kSquare:
      return V::Multiply(x, x);
    case EagerUnary::kReciprocal:
      return V::Divide(one, x);
    case EagerUnary::kFloor:
      return V::Floor(x);
    case EagerUnary::kCeil:
      return V::Ceil(x);
    case EagerUnary::kRound:
      return V::RoundHalfEven(x);
    case EagerUnary::kSign:
      return V::Select(x, zero, one, V::Select(zero, x, V::Set(-1), zero));
    case EagerUnary::kRelu:
      return V::Add(V::Min(p, V::Max(zero, x)), zero);
    case EagerUnary::kStep:
      return V::Select(x, zero, one, V::SelectAtLeast(x, x, p, x));
    case EagerUnary::kLeakyRelu:
      return V::Select(zero, x, V::Multiply(p, x), x);
    case EagerUnary::kClip:
      return V::Select(x, q, q, V::Select(p, x, p, x));
    case EagerUnary::kElu:
      return V::SelectAtLeast(x, zero, x, ExpMinusOne<V>(x));
    case EagerUnary::kSelu:
      return V::SelectAtLeast(x, zero, V::Multiply(p, x), V::Multiply(q, ExpMinusOne<V>(x)));
    case EagerUnary::kExp:
      return Exp<V>(x);
    case EagerUnary::kSigmoid:
      return Logistic<V>(x);
    case EagerUnary::kTanh:
      return Tanh<V>(x);
    default:  // kErf
      return Erf<V>(x);
  }
}

template <class V, EagerBinary kOp>
OCTENSOR_INLINE typename V::Type Apply(typename V::Type a, typename V::Type b) {
  const typename V::Type zero = V::Set(0);
  switch (kOp) {
    case EagerBinary::kAdd:
      return V::Add(a, b);
    case EagerBinary::kSub:
      return V::Subtract(a, b);
    case EagerBinary::kMul:
      return V::Multiply(a, b);
    case EagerBinary::kDiv:
      return V::Divide(a, b);
    case EagerBinary::kMaximum:
      return Maximum<V>(a, b);
    case EagerBinary::kMinimum:
      return Minimum<V>(a, b);
    case EagerBinary::kSquaredDifference: {
      const typename V::Type d = V::Subtract(a, b);
      return V::Multiply(d, d);
    }
    case EagerBinary::kPrelu:
      return V::Select(zero, a, V::Multiply(a, b), a);
    default:  // kEluGrad
      return V::SelectAtLeast(b, zero, a, V::Multiply(a, V::Add(b, V::Set(1))));
  }
}

template <class V, EagerUnary kOp>
void EagerMap(const float* x, size_t n, float p, float q, float* y) {
  const typename V::Type first = V::Set(p), second = V::Set(q);
  size_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) V::Store(y + i, Apply<V, kOp>(V::Load(x + i), first, second));
  if (i < n) V::StorePart(y + i, n - i, Apply<V, kOp>(V::LoadPart(x + i, n - i), first, second));
}

template <class V, EagerBinary kOp, bool kManyA, bool kManyB>
void EagerMap(const EagerRows& rows, float* y) {
  const size_t n = rows.n;
  const float* a = rows.a;
  const float* b = rows.b;
  for (size_t r = 0; r < rows.rows; ++r, a += rows.a_row, b += rows.b_row, y += n) {
    const typename V::Type first_a = V::Set(*a), first_b = V::Set(*b);
    size_t i = 0;
    for (; i + V::kLanes <= n; i += V::kLanes) {
      V::Store(y + i, Apply<V, kOp>(kManyA ? V::Load(a + i) : first_a, kManyB ? V::Load(b + i) : first_b));
    }
    if (i == n) continue;
    const typename V::Type p = kManyA ? V::LoadPart(a + i, n - i) : first_a, q = kManyB ? V::LoadPart(b + i, n - i) : first_b;
    V::StorePart(y + i, n - i, Apply<V, kOp>(p, q));
  }
}

template <EagerComparison kOp>
OCTENSOR_INLINE uint8_t Compare(float a, float b) {
  switch (kOp) {
    case EagerComparison::kEqual:
      return a == b;
    case EagerComparison::kNotEqual:
      return a != b;
    case EagerComparison::kLess:
      return a < b;
    case EagerComparison::kLessEqual:
      return a <= b;
    case EagerComparison::kGreater:
      return a > b;
    default:
      return a >= b;
  }
}

// Plain loops, which compilers make vectors of.
template <EagerComparison kOp, bool kManyA, bool kManyB>
void EagerCompare(const EagerRows& rows, uint8_t* y) {
  const size_t n = rows.n;  // which bytes that are stored might else change, as far as a compiler knows
  const float* a = rows.a;
  const float* b = rows.b;
  for (size_t r = 0; r < rows.rows; ++r, a += rows.a_row, b += rows.b_row, y += n) {
    const float first_a = *a, first_b = *b;
    for (size_t i = 0; i < n; ++i) y[i] = Compare<kOp>(kManyA ? a[i] : first_a, kManyB ? b[i] : first_b);
  }
}

template <class V>
void EagerMapUnary(EagerUnary op, const float* x, size_t n, float p, float q, float* y) {
  using Op = EagerUnary;
  static void (*const kMaps[kEagerUnaryCount])(const float*, size_t, float, float, float*) = {
      EagerMap<V, Op::kAbs>,       EagerMap<V, Op::kNeg>,        EagerMap<V, Op::kSqrt>,  EagerMap<V, Op::kRsqrt>,
      EagerMap<V, Op::kSquare>,    EagerMap<V, Op::kReciprocal>, EagerMap<V, Op::kFloor>, EagerMap<V, Op::kCeil>,
      EagerMap<V, Op::kRound>,     EagerMap<V, Op::kSign>,       EagerMap<V, Op::kRelu>,  EagerMap<V, Op::kStep>,
      EagerMap<V, Op::kLeakyRelu>, EagerMap<V, Op::kClip>,       EagerMap<V, Op::kElu>,   EagerMap<V, Op::kSelu>,
      EagerMap<V, Op::kExp>,       EagerMap<V, Op::kSigmoid>,    EagerMap<V, Op::kTanh>,  EagerMap<V, Op::kErf>};
  kMaps[static_cast<size_t>(op)](x, n, p, q, y);
}

template <class V, EagerBinary kOp>
void EagerMapSteps(const EagerRows& rows, float* y) {
  if (rows.a_step != 0)
    return rows.b_step != 0 ? EagerMap<V, kOp, true, true>(rows, y) : EagerMap<V, kOp, true, false>(rows, y);
  return rows.b_step != 0 ? EagerMap<V, kOp, false, true>(rows, y) : EagerMap<V, kOp, false, false>(rows, y);
}

template <class V>
void EagerMapBinary(EagerBinary op, const EagerRows& rows, float* y) {
  using Op = EagerBinary;
  static void (*const kMaps[kEagerBinaryCount])(const EagerRows&, float*) = {EagerMapSteps<V, Op::kAdd>,
                                                                             EagerMapSteps<V, Op::kSub>,
                                                                             EagerMapSteps<V, Op::kMul>,
                                                                             EagerMapSteps<V, Op::kDiv>,
                                                                             EagerMapSteps<V, Op::kMaximum>,
                                                                             EagerMapSteps<V, Op::kMinimum>,
                                                                             EagerMapSteps<V, Op::kSquaredDifference>,
                                                                             EagerMapSteps<V, Op::kPrelu>,
                                                                             EagerMapSteps<V, Op::kEluGrad>};
  if (rows.n > 0) kMaps[static_cast<size_t>(op)](rows, y);
}

template <EagerComparison kOp>
void EagerCompareSteps(const EagerRows& rows, uint8_t* y) {
  if (rows.a_step != 0)
    return rows.b_step != 0 ? EagerCompare<kOp, true, true>(rows, y) : EagerCompare<kOp, true, false>(rows, y);
  return rows.b_step != 0 ? EagerCompare<kOp, false, true>(rows, y) : EagerCompare<kOp, false, false>(rows, y);
}

inline void EagerCompareAll(EagerComparison op, const EagerRows& rows, uint8_t* y) {
  using Op = EagerComparison;
  static void (*const kMaps[kEagerComparisonCount])(const EagerRows&, uint8_t*) = {
      EagerCompareSteps<Op::kEqual>,     EagerCompareSteps<Op::kNotEqual>, EagerCompareSteps<Op::kLess>,
      EagerCompareSteps<Op::kLessEqual>, EagerCompareSteps<Op::kGreater>,  EagerCompareSteps<Op::kGreaterEqual>};
  if (rows.n > 0) kMaps[static_cast<size_t>(op)](rows, y);
}

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_EAGER_ELEMENTWISE_H_
