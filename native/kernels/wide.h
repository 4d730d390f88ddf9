// The interface of kernels on int16 tensors: one table of functions for each ISA. But for two of them they are loops that
// compilers turn into vectors; what differs between ISAs is the flags that the same code (wide_rows.h) is compiled with.
#ifndef OCTENSOR_KERNELS_WIDE_H_
#define OCTENSOR_KERNELS_WIDE_H_

#include <stddef.h>
#include <stdint.h>

#include "core/isa.h"
#include "kernels/elementwise.h"

namespace octensor {

// What a real number becomes: round half even(x within [lo, hi]) + zero point, where the bounds are the output's less its zero
// point. |lo| and |hi| are at most 2^17.
struct WideOutput {
  IntegerType type;
  float lo, hi;
  int32_t zero_point;
};

// An int16 operand is scale * (q - zero_point).
struct WideOperand {
  float scale;
  int32_t zero_point;
};

struct WideKernels {
  const char* name;
  Isa isa;
  // x = 256 high + low
  void (*split)(const int16_t* x, int8_t* high, uint8_t* low, size_t n);
  // y = output(f32(256 sums + low + bias) * multipliers), the sum exact; `low` null: f32(sums + bias). lib/ops/join-sums.ts
  void (*join)(const WideOutput& output, const int32_t* sums, const int32_t* low, const double* bias, const float* multipliers,
               void* y, size_t n);
  // sums[p * n + c] = sum over t of x[t][p * step + c] * w[t][c], p < pixels, which int32 holds; `taps` is even. Packed
  // weights, here of 8 lanes (letters are channels, digits taps): blocks of so many channels, in them pairs of taps, in them
  // the two taps side by side, first of the lower four channels of each eight, then of the upper four. The last block has
  // zeros.
  //
  //     a0 a1 b0 b1 c0 c1 d0 d1 e0 e1 f0 f1 g0 g1 h0 h1 | a2 a3 b2 b3 ...      next block: i0 i1 j0 j1 ...
  size_t lanes;
  void (*depthwise)(const int16_t* const* x, size_t step, size_t pixels, const int16_t* w, size_t taps, int32_t* sums,
                    size_t n);
  // y = output((a + b) / scale), real numbers in float32; where a flag is set, the operand is one element. lib/ops/add-sub.ts
  void (*add)(const WideOutput& output, float scale, bool subtract, const WideOperand& a, const WideOperand& b,
              const int16_t* x, bool x_is_one, const int16_t* z, bool z_is_one, int16_t* y, size_t n);
  // y = output(scale * f32(x z)): lib/ops/mul.ts with zero points of 0
  void (*mul)(const WideOutput& output, float scale, const int16_t* x, bool x_is_one, const int16_t* z, bool z_is_one,
              int16_t* y, size_t n);
  // y = output(x / scale): lib/ops/quantize.ts
  void (*rescale)(const WideOutput& output, float scale, const WideOperand& a, const int16_t* x, void* y, size_t n);
  // y = output(hard swish(x) / scale), hard swish in float64, rounded to float32: lib/ops/hard-swish.ts
  void (*hard_swish)(const WideOutput& output, float scale, const WideOperand& a, const int16_t* x, void* y, size_t n);
};

// The best that an ISA can run.
const WideKernels& FindWideKernels(Isa isa);

}  // namespace octensor

#endif  // OCTENSOR_KERNELS_WIDE_H_
