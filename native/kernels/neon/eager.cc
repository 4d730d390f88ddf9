#include "kernels/eager.h"

#include "kernels/eager_rows.h"
#include "kernels/neon/float_vector.h"

namespace octensor {

extern const EagerKernels kEager_neon;
const EagerKernels kEager_neon = MakeEagerKernels<Neon>(Isa::kNeon);

}  // namespace octensor
