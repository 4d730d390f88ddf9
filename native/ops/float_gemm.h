// C[M,N] = clamp(bias[n] + sum over taps t and k of A[m][tap_offsets[t] + k] * B[t * K + k][n]) in float32: matrix products,
// and convolutions without an im2col buffer. Bits do not depend on threads or tiles; error bound in kernels/float.h.
#ifndef OCTENSOR_OPS_FLOAT_GEMM_H_
#define OCTENSOR_OPS_FLOAT_GEMM_H_

#include <cstddef>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/status.h"
#include "kernels/float.h"

namespace octensor {

// B in the layout of one ISA's kernel, and the bias padded to whole panels.
struct FloatPanels {
  const FloatKernels* kernels;
  size_t k, n;   // k: of all taps
  size_t panel;  // floats of every panel but the last
  const float* panels;
  const float* bias;
};

// Such panels, and the memory that they are in.
struct PackedFloats {
  const FloatKernels* kernels = nullptr;
  size_t k = 0, n = 0;  // k: of all taps
  size_t panel = 0;     // floats of every panel but the last
  AlignedBuffer panels, bias;

  FloatPanels view() const {
    return {kernels, k, n, panel, static_cast<const float*>(panels.data()), static_cast<const float*>(bias.data())};
  }
  size_t size_bytes() const { return panels.size_bytes() + bias.size_bytes(); }
};

// `b` is [n, k] row-major: a column's elements lie side by side. `bias` is n values or null.
Status PackFloats(const FloatKernels& kernels, const float* b, const float* bias, size_t k, size_t n, PackedFloats* packed);

// Where rows of A begin: row m is pixel m of images of height x width pixels, `row_step` and `column_step` elements apart.
struct FloatRows {
  const float* x;
  size_t width, height;
  size_t column_step, row_step, image_step;
};

struct FloatGemmArgs {
  FloatPanels b;
  FloatRows a;
  size_t m;
  const std::vector<ptrdiff_t>* tap_offsets;
  FloatBounds bounds;
  float* c;  // m rows, c_stride elements apart
  size_t c_stride;
  size_t threads;
};

void FloatGemm(const FloatGemmArgs& args);

}  // namespace octensor

#endif  // OCTENSOR_OPS_FLOAT_GEMM_H_
