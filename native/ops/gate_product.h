// Rows of int8 times a constant int8 matrix, as int32: the sums of a recurrent layer's gates.
#ifndef OCTENSOR_OPS_GATE_PRODUCT_H_
#define OCTENSOR_OPS_GATE_PRODUCT_H_

#include <vector>

#include "core/aligned_buffer.h"
#include "ops/gemm_driver.h"
#include "ops/step.h"

namespace octensor {

class GateProduct {
 public:
  // weights: int8[columns, depth]; zero_points, bias: of each column; bias may be null. Call once.
  Status Pack(Isa isa, const uint8_t* weights, size_t columns, size_t depth, const int32_t* zero_points, int32_t x_zero_point,
              const int32_t* bias);

  // sums[row, column] = bias + the sum of (x - x_zero_point) (w - zero point), modulo 2^32, of `rows` rows that stand side by
  // side. `scratch`: scratch_bytes of as many threads.
  void Run(const int8_t* x, size_t rows, int32_t* sums, void* scratch, size_t threads) const;

  size_t columns() const { return weights_.n; }
  size_t scratch_bytes(size_t threads) const { return RoundUp(GemmRowBytes(weights_, threads), kAlignment); }
  size_t size_bytes() const { return weights_.size_bytes() + storage_.size_bytes(); }
  const char* kernel() const { return weights_.kernel->name; }

 private:
  PackedMatrix weights_;
  AlignedBuffer storage_;
  GemmColumns columns_ = {};
};

}  // namespace octensor

#endif  // OCTENSOR_OPS_GATE_PRODUCT_H_
