// The interface of the float32 kernels: one FloatKernels per ISA, made of the templates in float_gemm.h, float_outer.h,
// float_depthwise.h, float_pool.h, float_elementwise.h, float_rows.h and float_statistics.h and of that ISA's vectors
// (kernels/<isa>/float.cc).
//
// Every output element is one chain of additions in a fixed order (bias, then taps, then k), whatever the tile, its place in
// the matrix or the thread: results are reproducible to the bit on one ISA. Between ISAs they differ, for products are fused
// with their addition where the ISA can do that. With n products, u = 2^-24 and 2nu < 1 (Higham, Accuracy and Stability of
// Numerical Algorithms, section 3.1; rounding the product as well adds one to the n + 1 roundings of the worst term):
//
//     |y - exact| <= (n + 2) u / (1 - (n + 2) u) * (|bias| + sum |a b|)
#ifndef OCTENSOR_KERNELS_FLOAT_H_
#define OCTENSOR_KERNELS_FLOAT_H_

#include <stddef.h>
#include <stdint.h>

#include "core/isa.h"

namespace octensor {

// Results below `lo` become lo, those above `hi` hi, and NaN stays: Math.min(Math.max(x, lo), hi), so that -0 becomes +0 where
// lo is +0. lo <= hi; both may be infinite.
struct FloatBounds {
  float lo, hi;
};

// `rows` rows (at most FloatKernels::mr) by n columns, which start at a panel's edge.
//   C[i][j] = clamp(bias[j] + sum over t < taps, k < K of a[i][tap_offsets[t] + k] * b[t * K + k][j])
// Packed B, for nr = 2: a0 b0 a1 b1 a2 b2 ... | c0 d0 c1 d1 ... (letters are columns, digits are k). The last panel holds the
// remaining columns, rounded up to a multiple of nr_step with zero columns.
struct FloatTile {
  size_t rows, n;
  size_t taps, k;
  const float* const* a;
  const ptrdiff_t* tap_offsets;  // in elements
  const float* b;                // the first panel; 64-byte aligned
  size_t b_panel;                // floats from one panel to the next
  const float* bias;             // offset to the tile's first column, padded to whole vectors
  FloatBounds bounds;
  float* c;         // the tile's first element
  size_t c_stride;  // in elements
};

// A product of which neither matrix is packed: rows of A lie side by side, as in the gradient of a matrix of weights.
//   C[i][j] = (adds ? C[i][j] : 0) + sum over t < taps, k < K of a[tap_offsets[t] + k * a_step + i] * b[(t * K + k) * b_step +
//   j]
// The sum over t and k starts from 0 and is one chain; C is added to it last.
struct FloatOuterTile {
  size_t rows, n;  // rows: at most FloatKernels::mr
  size_t taps, k;
  const float* a;
  const ptrdiff_t* tap_offsets;
  size_t a_step;
  const float* b;
  size_t b_step;
  bool adds;
  float* c;
  size_t c_stride;
};

// Neighbouring pixels of one row of a depthwise convolution's output.
//   y[p][c] = clamp(bias[c] + sum over ky, kx of x[ky * pitch + p * stride + kx * dilation][c] * w[ky * kernel_width + kx][c])
struct FloatDepthwiseRow {
  size_t channels;
  size_t kernel_height, kernel_width;
  size_t stride, dilation;  // along the row
  size_t pixels;
  const float* const* x;  // input pixels, `pitch` a row; those outside of the image are zeros
  size_t pitch;
  const float* w;  // channels padded to a multiple of FloatKernels::nr_step; 64-byte aligned, as is bias
  const float* bias;
  FloatBounds bounds;
  float* y;
  size_t y_step;  // from one pixel to the next, in elements
};

// What one row of dy, a depthwise convolution's output's gradient, adds to the gradient of the weights.
//   dw[ky * kernel_width + kx][c] += sum over p of x[ky * pitch + p * stride + kx * dilation][c] * dy[p][c]
// The sum starts from 0 and is one chain; dw is added to it last.
struct FloatDepthwiseGradientRow {
  size_t channels;
  size_t kernel_height, kernel_width;
  size_t stride, dilation;
  size_t pixels;
  const float* const* x;  // as in FloatDepthwiseRow
  size_t pitch;
  const float* dy;  // pixels lie side by side
  float* dw;        // taps lie `channels` apart
};

// One window of an image, the part of it that lies inside: `channels` of the image's `depth` channels.
struct FloatPoolWindow {
  size_t rows, columns, channels;
  size_t row_step, depth;  // in elements
  const float* x;
  const float* dy;  // gradients only
  float* y;         // the output's pixel; of gradients, what x's pixels are in dx
};

// Rounded as the exact result is, except kHardSwish (x * clamp(x + 3, 0, 6) / 6: three roundings) and those from kExp on, whose
// errors float_functions.h states. kRound takes ties to even and never gives -0. kLeakyRelu is x > 0 ? x : x * lo; kSwish is
// x * logistic(lo * x).
enum class FloatUnary : uint8_t {
  kClamp,
  kAbs,
  kNeg,
  kSqrt,
  kSquare,
  kFloor,
  kCeil,
  kRound,
  kLeakyRelu,
  kHardSwish,
  kExp,
  kTanh,
  kLogistic,
  kErf,
  kGelu,
  kGeluTanh,
  kSwish
};

// All rounded as the exact result is. kMax is a > b ? a : b, kMin a < b ? a : b, kPrelu a >= 0 ? a : a * b.
enum class FloatBinary : uint8_t { kAdd, kSub, kMul, kDiv, kMax, kMin, kPrelu };

// The factors are powers of two; all results are whole numbers up to 2^24.
struct FloatBins {
  float first, second, base, zero;
};

struct FloatKernels {
  const char* name;  // octensor_f32_<mr>x<nr>__<isa>
  Isa isa;
  uint8_t mr, nr, nr_step;
  void (*gemm)(const FloatTile& tile);
  void (*outer)(const FloatOuterTile& tile);
  void (*depthwise)(const FloatDepthwiseRow& row);
  void (*depthwise_gradient)(const FloatDepthwiseGradientRow& row);
  // y[c] = the largest of the window's x[c], NaN passed over, or their average, summed row by row.
  void (*pool_max)(const FloatPoolWindow& window);
  void (*pool_average)(const FloatPoolWindow& window);
  // Adds dy[c] to the first of the largest x[c]; to none where all are NaN or -Infinity. At most 2^24 pixels.
  void (*pool_max_gradient)(const FloatPoolWindow& window);
  // y[i] = op(x[i]); y may be x.
  void (*unary)(FloatUnary op, const float* x, size_t n, FloatBounds bounds, float* y);
  // y[i] = clamp(op(a[i * a_step], b[i * b_step])), steps 0 or 1; y may be an operand whose step is 1.
  void (*binary)(FloatBinary op, const float* a, size_t a_step, const float* b, size_t b_step, size_t n, FloatBounds bounds,
                 float* y);
  // Widens *lo ... *hi to contain all of x. NaN is passed over.
  void (*range)(const float* x, size_t n, float* lo, float* hi);
  // The same, and whether all of x are finite; where they are not, *lo and *hi may be anything.
  bool (*extent)(const float* x, size_t n, float* lo, float* hi);
  // With b = floor(|x[i]| * first * second), y[i] = base + b for x > 0, base - 1 - b for x < 0, zero for 0.
  void (*bins)(const float* x, size_t n, FloatBins bins, float* y);
  // In float32, so of at most kMaxFloatRun elements: sum x, and sum (x - mean)^2.
  float (*sum)(const float* x, size_t n);
  float (*squares)(const float* x, size_t n, float mean);
  // y[i] = e^((x[i] - max) beta), and their sum, likewise. y may be x.
  float (*exp_sum)(const float* x, size_t n, float max, float beta, float* y);
  // y[i] = (x[i] - mean) * inverse * scale[i] + bias[i]; y may be x.
  void (*normalize)(const float* x, size_t n, float mean, float inverse, const float* scale, const float* bias, float* y);
};

constexpr size_t kMaxFloatRun = 4096;

constexpr size_t kMaxFloatMr = 16;
constexpr size_t kMaxFloatNr = 32;

}  // namespace octensor

#endif  // OCTENSOR_KERNELS_FLOAT_H_
