#include "kernels/wide.h"

#include "kernels/wide_rows.h"

namespace octensor {

extern const WideKernels kWide_avx2;
const WideKernels kWide_avx2 = MakeWideKernels("octensor_wide__avx2", Isa::kAvx2);

}  // namespace octensor
