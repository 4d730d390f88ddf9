// The interface of kernels that work on quantized tensors element by element. All 8-bit values are handled as uint8: int8 v is
// uint8 v + 128, so an operand is XORed with its flip (0x80 for int8, else 0), and zero points and bounds are 0 to 255.
#ifndef OCTENSOR_KERNELS_ELEMENTWISE_H_
#define OCTENSOR_KERNELS_ELEMENTWISE_H_

#include <stddef.h>
#include <stdint.h>

#include "core/isa.h"
#include "core/requant.h"
#include "kernels/kernel.h"

namespace octensor {

// y = clamp(quantize(a +- b)). The definition is kernels/scalar/elementwise.cc; lib/ops/add-sub.ts says where it is from.
struct AddParams {
  Numerics numerics;
  bool subtract;
  // Fixed point: not what vector code assumes, namely an output exponent below 0, and the factor 1/2 (multiplier 2^30, exponent
  // 0) for one operand and no more for the other. By their definition factors are s / (2 max(sa, sb)), so this is rare.
  bool general;
  uint8_t a_flip, b_flip, y_flip;
  uint8_t lo, hi;
  int32_t a_zero_point, b_zero_point, zero_point;
  FixedPoint a_scale, b_scale, y_scale;  // kTflite, kSingle; of differences << kAddSpareBits
  float a_real, b_real, y_real;          // kOnnx: the three scales; 255 times either of the first two is finite
};

constexpr int kAddSpareBits = 20;

// Whether the factor is 1/2, for which M(d << 20) is d << 19.
static inline bool IsHalf(FixedPoint m) { return m.exponent == 0 && m.multiplier == 1 << 30; }

// y = clamp(quantize(a * b)).
struct MulParams {
  Numerics numerics;
  bool general;  // fixed point: an exponent >= 0
  uint8_t a_flip, b_flip, y_flip;
  uint8_t lo, hi;
  int32_t a_zero_point, b_zero_point, zero_point;
  FixedPoint scale;       // kTflite, kSingle
  float real;             // kOnnx
  float real_zero_point;  // kOnnx: the output's own, of int8 or uint8, for it is added before the sum is rounded
};

enum class IntegerType : uint8_t { kInt8, kUint8, kInt16 };

// y = round(x / scale) + zero point, saturated; NaN is a real 0.
struct QuantizeParams {
  IntegerType type;
  bool half_even;  // else half away from zero
  float scale;
  int32_t zero_point;
  float lo, hi;  // of the quotient: the type's limits less the zero point
};

// Functions of one ISA; `n` elements each, of which nothing past the last is read or written. y may be a or b.
struct ElementwiseKernels {
  const char* name;
  Isa isa;
  void (*add)(const AddParams& params, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n);
  void (*mul)(const MulParams& params, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n);
  void (*quantize)(const QuantizeParams& params, const float* x, void* y, size_t n);  // y is of params.type
  void (*map)(const uint8_t* table, const uint8_t* x, uint8_t* y, size_t n);          // y[i] = table[x[i]], of 256 bytes
};

extern const ElementwiseKernels kElementwise_scalar;

// The best that an ISA can run.
const ElementwiseKernels& FindElementwiseKernels(Isa isa);

// Best first.
const ElementwiseKernels* const* ElementwiseKernelList(size_t* count);

}  // namespace octensor

#endif  // OCTENSOR_KERNELS_ELEMENTWISE_H_
