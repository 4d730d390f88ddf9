// Strided copies that are transpositions of matrices.
#ifndef OCTENSOR_OPS_TRANSPOSE_H_
#define OCTENSOR_OPS_TRANSPOSE_H_

#include <cstddef>
#include <memory>

#include "ops/step.h"

namespace octensor {

// One dimension of a copy; steps in bytes, of either sign.
struct CopyLoop {
  ptrdiff_t size, x_step, y_step;
};

constexpr size_t kMaxCopyRank = 8;

// The step for loops of which one walks along neighbours in x and another along neighbours in y, whatever the rest (batches of
// matrices); `bytes` is an element's size. Null for other loops and sizes.
std::unique_ptr<Step> MakeTransposeStep(Isa isa, Place x, Place y, const CopyLoop* loops, size_t rank, size_t bytes);

}  // namespace octensor

#endif  // OCTENSOR_OPS_TRANSPOSE_H_
