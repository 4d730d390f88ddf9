// Functions of float32 that have no instruction, for the vectors V of float_elementwise.h with, besides, Scale(x, n): x * 2^n,
// correctly rounded where x is about 1 and n an integer from -151 to 129.
//
// The coefficients minimise the largest relative error over an interval (Lawson's reweighted least squares in float64, then
// rounded to float32); errors are those of the function as it is computed here, relative to the exact result.
#ifndef OCTENSOR_KERNELS_FLOAT_FUNCTIONS_H_
#define OCTENSOR_KERNELS_FLOAT_FUNCTIONS_H_

#include "kernels/float_gemm.h"

namespace octensor {
namespace {

// c[0] + c[1] x + ... by Horner's rule.
template <class V, int kTerms>
OCTENSOR_INLINE typename V::Type Polynomial(typename V::Type x, const float (&c)[kTerms]) {
  typename V::Type y = V::Set(c[kTerms - 1]);
  OCTENSOR_UNROLL for (int i = kTerms - 2; i >= 0; --i) y = V::MultiplyAdd(y, x, V::Set(c[i]));
  return y;
}

template <class V>
OCTENSOR_INLINE typename V::Type Limit(typename V::Type x, float lo, float hi) {
  return V::Min(V::Set(hi), V::Max(V::Set(lo), x));
}

// e^x = 2^n e^r with |r| <= ln(2) / 2, within 2e-7. Results below the normal range lose bits, as they must.
template <class V>
OCTENSOR_INLINE typename V::Type Exp(typename V::Type x) {
  // (e^r - 1 - r) / r^2
  constexpr float kTerms[] = {0.5f, 0.16666518f, 0.041666206f, 0.00836889f, 0.0013950492f};
  x = Limit<V>(x, -104, 89);  // beyond, it is 0 and infinity
  const typename V::Type n = V::RoundHalfEven(V::Multiply(x, V::Set(1.44269504f)));
  // ln(2) in two parts, of which the first has so few bits that its products with n are exact.
  typename V::Type r = V::MultiplyAdd(n, V::Set(-0.693359375f), x);
  r = V::MultiplyAdd(n, V::Set(2.12194440e-4f), r);
  const typename V::Type y = V::MultiplyAdd(V::Multiply(r, r), Polynomial<V>(r, kTerms), r);
  return V::Scale(V::Add(y, V::Set(1)), n);
}

// Within 4e-7: near 0 a polynomial, for else the difference below cancels.
template <class V>
OCTENSOR_INLINE typename V::Type Tanh(typename V::Type x) {
  // (tanh(x) / x - 1) / x^2, of x^2
  constexpr float kTerms[] = {-0.33333284f, 0.13331491f, -0.053743497f, 0.020650588f, -0.005717045f};
  const typename V::Type one = V::Set(1), magnitude = V::Abs(x), square = V::Multiply(x, x);
  const typename V::Type near = V::MultiplyAdd(V::Multiply(x, square), Polynomial<V>(square, kTerms), x);
  const typename V::Type e = Exp<V>(V::Add(magnitude, magnitude));
  const typename V::Type far = V::Subtract(one, V::Divide(V::Set(2), V::Add(e, one)));
  return V::Select(V::Set(0.625f), magnitude, near, V::Select(x, V::Set(0), far, V::Negate(far)));
}

// 1 / (1 + e^-x), within 4e-7; below the normal range it is 0.
template <class V>
OCTENSOR_INLINE typename V::Type Logistic(typename V::Type x) {
  return V::Divide(V::Set(1), V::Add(V::Set(1), Exp<V>(V::Negate(x))));
}

// The error function, within 5e-7: x P(x^2) / Q(x^2).
template <class V>
OCTENSOR_INLINE typename V::Type Erf(typename V::Type x) {
  constexpr float kNumerator[] = {1.1283791f, 0.19040704f, 0.052748807f, 0.0037656433f, 0.0002848836f, 2.0500866e-06f};
  constexpr float kDenominator[] = {1.0f, 0.50207657f, 0.11410936f, 0.014969269f, 0.0011625425f, 3.809175e-05f};
  x = Limit<V>(x, -3.92f, 3.92f);  // 1 - erf(3.92) is half a unit in the last place of 1
  const typename V::Type square = V::Multiply(x, x);
  const typename V::Type numerator = V::Multiply(x, Polynomial<V>(square, kNumerator));
  return Limit<V>(V::Divide(numerator, Polynomial<V>(square, kDenominator)), -1, 1);
}

// x (1 + erf(x / sqrt(2))) / 2, within 5e-7 |x|.
template <class V>
OCTENSOR_INLINE typename V::Type Gelu(typename V::Type x) {
  const typename V::Type half = V::Multiply(x, V::Set(0.5f));
  return V::MultiplyAdd(half, Erf<V>(V::Multiply(x, V::Set(0.707106781f))), half);
}

// x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 = x logistic(2 sqrt(2 / pi) (x + 0.044715 x^3)), within 1e-6 |x|.
template <class V>
OCTENSOR_INLINE typename V::Type GeluTanh(typename V::Type x) {
  const typename V::Type slope = V::MultiplyAdd(V::Multiply(x, x), V::Set(0.0713548163f), V::Set(1.59576912f));
  return V::Multiply(x, Logistic<V>(V::Multiply(x, slope)));
}

// x logistic(alpha x)
template <class V>
OCTENSOR_INLINE typename V::Type Swish(typename V::Type x, typename V::Type alpha) {
  return V::Divide(x, V::Add(V::Set(1), Exp<V>(V::Negate(V::Multiply(x, alpha)))));
}

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_FLOAT_FUNCTIONS_H_
