#include "kernels/eager.h"

#include "kernels/avx512/float_vector.h"
#include "kernels/eager_rows.h"

namespace octensor {

extern const EagerKernels kEager_avx512;
const EagerKernels kEager_avx512 = MakeEagerKernels<Avx512>(Isa::kAvx512);

}  // namespace octensor
