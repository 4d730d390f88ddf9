// From the scales of a call to the per-channel arrays that epilogues read.
#ifndef OCTENSOR_OPS_REQUANT_PARAMS_H_
#define OCTENSOR_OPS_REQUANT_PARAMS_H_

#include <cstddef>

#include "kernels/kernel.h"

namespace octensor {

// One scale for every channel, unless there is an array with one for each of n channels.
struct Scales {
  double all = 0;
  const float* per_channel = nullptr;
  const double* per_channel_double = nullptr;

  bool has_one() const { return per_channel == nullptr && per_channel_double == nullptr; }
  double operator[](size_t i) const {
    return per_channel_double != nullptr ? per_channel_double[i] : per_channel != nullptr ? double{per_channel[i]} : all;
  }
};

// `first` and `second` are arrays of `padded` >= n entries each: scales, or multipliers and exponents, as epilogue->kind and
// ->numerics call for. Sets the epilogue's pointers and flags. Scales are finite and positive, and for fixed-point numerics
// below 2^30; no |accumulator| exceeds max_accumulator.
void PrepareRequant(const Scales& scales, size_t n, size_t padded, double max_accumulator, int32_t* first, int32_t* second,
                    Epilogue* epilogue);

}  // namespace octensor

#endif  // OCTENSOR_OPS_REQUANT_PARAMS_H_
