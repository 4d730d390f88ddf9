// The softmax of one row, for steps that have rows of their own.
#ifndef OCTENSOR_OPS_FLOAT_SOFTMAX_H_
#define OCTENSOR_OPS_FLOAT_SOFTMAX_H_

#include <cstddef>

#include "kernels/float.h"

namespace octensor {

// y[i] = e^(beta (x[i] - max x)), and their sum; y may be x.
double Exponentials(const FloatKernels& kernels, const float* x, size_t length, float beta, float* y);

// y[i] = e^(beta x[i]) / sum of e^(beta x[j]); y may be x.
void SoftmaxRow(const FloatKernels& kernels, const float* x, size_t length, float beta, float* y);

}  // namespace octensor

#endif  // OCTENSOR_OPS_FLOAT_SOFTMAX_H_
