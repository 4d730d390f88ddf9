// The definition of the elementwise kernels, element by element.
#include "kernels/elementwise.h"

#include <math.h>

#include "kernels/elementwise_scalar.h"

namespace octensor {

const ElementwiseKernels kElementwise_scalar = {
    "octensor_elementwise__scalar", Isa::kScalar, AddScalar, MulScalar, QuantizeScalar, MapScalar};

}  // namespace octensor
