#include "kernels/transpose.h"

namespace octensor {

extern const TransposeKernels kTranspose_scalar;
#if defined(__x86_64__) || defined(_M_X64)
extern const TransposeKernels kTranspose_avx2;
#elif defined(__aarch64__) || defined(_M_ARM64)
extern const TransposeKernels kTranspose_neon;
#endif

namespace {

const TransposeKernels* const kList[] = {
#if defined(__x86_64__) || defined(_M_X64)
    &kTranspose_avx2,
#elif defined(__aarch64__) || defined(_M_ARM64)
    &kTranspose_neon,
#endif
    &kTranspose_scalar,
};

}  // namespace

const TransposeKernels* const* TransposeKernelList(size_t* count) {
  *count = sizeof(kList) / sizeof(kList[0]);
  return kList;
}

const TransposeKernels& FindTransposeKernels(Isa isa) {
  for (const TransposeKernels* kernels : kList) {
    // The bits of one architecture's sets are in the order of what they contain.
    if (static_cast<uint32_t>(kernels->isa) <= static_cast<uint32_t>(isa)) return *kernels;
  }
  return kTranspose_scalar;
}

}  // namespace octensor
