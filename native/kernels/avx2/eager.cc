#include "kernels/eager.h"

#include "kernels/avx2/float_vector.h"
#include "kernels/eager_rows.h"

namespace octensor {

extern const EagerKernels kEager_avx2;
const EagerKernels kEager_avx2 = MakeEagerKernels<Avx2>(Isa::kAvx2);

}  // namespace octensor
