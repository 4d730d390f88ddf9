#include "kernels/wide.h"

#include "kernels/wide_rows.h"

namespace octensor {

extern const WideKernels kWide_avx512;
const WideKernels kWide_avx512 = MakeWideKernels("octensor_wide__avx512", Isa::kAvx512);

}  // namespace octensor
