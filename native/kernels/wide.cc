#include "kernels/wide.h"

namespace octensor {

extern const WideKernels kWide_scalar;
#if defined(__x86_64__) || defined(_M_X64)
extern const WideKernels kWide_avx2, kWide_avx512;
#endif

namespace {

// Best first. What a CPU has whatever its age, the scalar ones are compiled for: all there is to have on arm64.
const WideKernels* const kList[] = {
#if defined(__x86_64__) || defined(_M_X64)
    &kWide_avx512,
    &kWide_avx2,
#endif
    &kWide_scalar,
};

}  // namespace

const WideKernels& FindWideKernels(Isa isa) {
  for (const WideKernels* kernels : kList) {
    // The bits of one architecture's sets are in the order of what they contain.
    if (static_cast<uint32_t>(kernels->isa) <= static_cast<uint32_t>(isa)) return *kernels;
  }
  return kWide_scalar;
}

}  // namespace octensor
