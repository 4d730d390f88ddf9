// C[i][j] = sum over k of A[k][i] B[k][j] in float32, where both matrices have a row for each k: gradients of weights, with a k
// for every pixel of a batch. Neither matrix is packed.
//
// A's columns are runs of neighbours, the rows of windows. The k's come in segments, the rows of images, at any offset in A and
// one after the other in B.
//
// Each element is summed in slices of about 256 k's, and those in up to 8 groups, both cut by the shape alone: bits do not
// depend on the number of threads. With s = 256, or the longest segment, + the slices of a group + the groups, |error| <= (s +
// 2) u / (1 - (s + 2) u) sum |a b|, u = 2^-24.
#ifndef OCTENSOR_OPS_FLOAT_OUTER_H_
#define OCTENSOR_OPS_FLOAT_OUTER_H_

#include <cstddef>
#include <vector>

#include "kernels/float.h"

namespace octensor {

struct FloatOuterArgs {
  const FloatKernels* kernels;
  const float* a;
  size_t run;  // columns of A in each run
  const std::vector<ptrdiff_t>* run_offsets;
  size_t k, slice, segment;  // segments of that many k's; the last one may be shorter if a segment is a slice or more
  const std::vector<ptrdiff_t>* segment_offsets;
  size_t a_step;   // from one k to the next, in elements
  const float* b;  // [k, n]
  size_t n;
  float* c;         // [runs * run, n]
  float* partials;  // OuterPartials(runs * run, k, n) floats
  size_t threads;
};

// k's of a slice, but where rows are long.
constexpr size_t kOuterSlice = 256;

size_t OuterPartials(size_t m, size_t k, size_t n);

void FloatOuter(const FloatOuterArgs& args);

// The same for a matrix A of [k, m].
struct FloatOuterMatrices {
  const FloatKernels* kernels;
  const float *a, *b;
  size_t m, k, n;
  float *c, *partials;
  size_t threads;
};
void FloatOuterProduct(const FloatOuterMatrices& matrices);

}  // namespace octensor

#endif  // OCTENSOR_OPS_FLOAT_OUTER_H_
