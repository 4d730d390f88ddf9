// The interface of the kernels that only eager calls (ops/eager.h) use: one EagerKernels per ISA, made of the templates in
// eager_elementwise.h and eager_rows.h and of that ISA's vectors (kernels/<isa>/eager.cc).
//
// Results are those of TensorFlow.js's cpu backend, which computes in float64 and rounds once: NaN spreads as it does there,
// and zeros have the sign that they have there, but for kRound of -0.5, which is -0.
#ifndef OCTENSOR_KERNELS_EAGER_H_
#define OCTENSOR_KERNELS_EAGER_H_

#include <stddef.h>
#include <stdint.h>

#include "core/isa.h"

namespace octensor {

// p and q are parameters. Up to kClip rounded as the exact result is, but for kRsqrt (two roundings); errors of the functions
// after it are those of float_functions.h.
//   kRelu    clamp(x, 0, p), +0 of -0            kStep      1 where x > 0, else p; NaN stays
//   kClip    clamp(x, p, q), zeros stay          kLeakyRelu x < 0 ? p x : x
//   kElu     x >= 0 ? x : e^x - 1                kSelu      x >= 0 ? p x : q (e^x - 1)
enum class EagerUnary : uint8_t {
  kAbs,
  kNeg,
  kSqrt,
  kRsqrt,
  kSquare,
  kReciprocal,
  kFloor,
  kCeil,
  kRound,
  kSign,
  kRelu,
  kStep,
  kLeakyRelu,
  kClip,
  kElu,
  kSelu,
  kExp,
  kSigmoid,
  kTanh,
  kErf
};
constexpr size_t kEagerUnaryCount = static_cast<size_t>(EagerUnary::kErf) + 1;

// kSquaredDifference has two roundings; kPrelu is a < 0 ? a b : a, kEluGrad b >= 0 ? a : a (b + 1).
enum class EagerBinary : uint8_t { kAdd, kSub, kMul, kDiv, kMaximum, kMinimum, kSquaredDifference, kPrelu, kEluGrad };
constexpr size_t kEagerBinaryCount = static_cast<size_t>(EagerBinary::kEluGrad) + 1;

enum class EagerComparison : uint8_t { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual };
constexpr size_t kEagerComparisonCount = static_cast<size_t>(EagerComparison::kGreaterEqual) + 1;

// NaN among the elements makes a maximum or minimum NaN. Products are no kernel's: float32 could overflow on the way.
enum class EagerReduction : uint8_t { kSum, kMax, kMin, kProd };

// Two operands of `rows` rows of n elements. Strides of rows are any number of elements, also 0; steps in a row are 0 or 1.
struct EagerRows {
  size_t rows, n;
  const float* a;
  size_t a_row, a_step;
  const float* b;
  size_t b_row, b_step;
};

// A uniform grid: codes from qmin to qmax, `steps` steps between them; every second one where it is odd.
struct SnapGrid {
  float qmin, qmax, steps;
  bool is_odd;
};

// Which numbers of a grid have a gradient beside x, as sums of dy times a slope:
//   kRange  of parameters low, high, the ends: above, below
//   kStep   of parameters scale, zero point: of the scale, of what is outside
//   kSoft   of parameters bottom, delta, s, k, dk/da: of the high end, of the low end, of a
enum class SnapGradient : uint8_t { kRange, kStep, kSoft };
constexpr int kMaxSnapParameters = 5, kMaxSnapSums = 3;
constexpr int SnapParameters(SnapGradient mode) { return mode == SnapGradient::kSoft ? 5 : 2; }
constexpr int SnapSums(SnapGradient mode) { return mode == SnapGradient::kSoft ? 3 : 2; }

// x is [rows, n], with parameters for each of the n columns.
struct SnapRows {
  size_t rows, n;
  const float* x;
  const float* parameters[kMaxSnapParameters];
};

struct EagerKernels {
  Isa isa;
  // y[i] = op(x[i]); y may be x.
  void (*unary)(EagerUnary op, const float* x, size_t n, float p, float q, float* y);
  // Rows of y lie side by side; y may be an operand that has as many elements.
  void (*binary)(EagerBinary op, const EagerRows& rows, float* y);
  void (*compare)(EagerComparison op, const EagerRows& rows, uint8_t* y);
  // Of n elements side by side, at least one; sums in float32, so that n <= kMaxEagerRun.
  float (*reduce)(EagerReduction op, const float* x, size_t n);
  // y[c] = of x[r * pitch + c] over r < rows, c < n, at least one row; sums in float32, so that rows <= kMaxEagerRows.
  void (*reduce_rows)(EagerReduction op, const float* x, size_t pitch, size_t rows, size_t n, float* y);
  // y[r * n + c] = (x[r * n + c] - mean[c]) * factor[c] + offset[c]; y may be x.
  void (*normalize_rows)(const float* x, size_t rows, size_t n, const float* mean, const float* factor, const float* offset,
                         float* y);
  // y = scale (code(x / scale) - zero), parameters scale and zero; y may be x.
  void (*snap)(const SnapGrid& grid, const SnapRows& rows, float* y);
  // dx = dy dy/dx, sums[s][n] those of the mode; in float32, so that n = 1 with rows <= kMaxEagerRun, or rows <= kMaxEagerRows.
  void (*snap_gradient)(SnapGradient mode, const SnapGrid& grid, const SnapRows& rows, const float* dy, float* dx, float* sums);
};

constexpr size_t kMaxEagerRun = 2048;  // elements in a float32 sum, of which each lane has a part
constexpr size_t kMaxEagerRows = 128;  // likewise, one after the other

}  // namespace octensor

#endif  // OCTENSOR_KERNELS_EAGER_H_
