#include "kernels/elementwise.h"

namespace octensor {

#if defined(__x86_64__) || defined(_M_X64)
extern const ElementwiseKernels kElementwise_avx2, kElementwise_avx512;
#elif defined(__aarch64__) || defined(_M_ARM64)
extern const ElementwiseKernels kElementwise_neon;
#endif

namespace {

const ElementwiseKernels* const kList[] = {
#if defined(__x86_64__) || defined(_M_X64)
    &kElementwise_avx512,
    &kElementwise_avx2,
#elif defined(__aarch64__) || defined(_M_ARM64)
    &kElementwise_neon,
#endif
    &kElementwise_scalar,
};

}  // namespace

const ElementwiseKernels* const* ElementwiseKernelList(size_t* count) {
  *count = sizeof(kList) / sizeof(kList[0]);
  return kList;
}

const ElementwiseKernels& FindElementwiseKernels(Isa isa) {
  for (const ElementwiseKernels* kernels : kList) {
    // The bits of one architecture's sets are in the order of what they contain.
    if (static_cast<uint32_t>(kernels->isa) <= static_cast<uint32_t>(isa)) return *kernels;
  }
  return kElementwise_scalar;
}

}  // namespace octensor
