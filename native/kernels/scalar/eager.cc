#include "kernels/eager.h"

#include "kernels/eager_rows.h"
#include "kernels/scalar/float_vector.h"

namespace octensor {

extern const EagerKernels kEager_scalar;
const EagerKernels kEager_scalar = MakeEagerKernels<Scalar>(Isa::kScalar);

}  // namespace octensor
