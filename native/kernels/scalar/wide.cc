#include "kernels/wide.h"

#include "kernels/wide_rows.h"

namespace octensor {

extern const WideKernels kWide_scalar;
const WideKernels kWide_scalar = MakeWideKernels("octensor_wide__scalar", Isa::kScalar);

}  // namespace octensor
