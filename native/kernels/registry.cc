#include "kernels/registry.h"

#include <algorithm>
#include <cstring>

#include "core/cpu.h"
#include "kernels/depthwise_plane.h"
#include "kernels/depthwise_small.h"

namespace octensor {

#if defined(__x86_64__) || defined(_M_X64)
#define OCTENSOR_X64 1
#elif defined(__aarch64__) || defined(_M_ARM64)
#define OCTENSOR_ARM64 1
#endif

extern const GemmKernel kGemm_4x8c1_scalar;
extern const DepthwiseKernel kDepthwise_16c1_scalar;
extern const FloatKernels kFloat_4x8_scalar;
extern const EagerKernels kEager_scalar;
uint64_t PeakScalar(uint64_t rounds);
#if OCTENSOR_X64
extern const GemmKernel kGemm_6x16c2_avx2, kGemm_12x32c2_avx512, kGemm_6x64c4_avx512vnni;
extern const DepthwiseKernel kDepthwise_16c2_avx2, kDepthwise_32c2_avx512, kDepthwise_64c4_avx512vnni;
extern const DepthwisePlaneKernel kDepthwisePlane_64c4_avx512vnni;
extern const DepthwiseSmallKernel kDepthwiseSmall_16c4_avx512vbmi;
extern const FloatKernels kFloat_6x16_avx2, kFloat_14x32_avx512;
extern const EagerKernels kEager_avx2, kEager_avx512;
uint64_t PeakAvx2(uint64_t rounds), PeakAvx512(uint64_t rounds), PeakAvx512Vnni(uint64_t rounds);
#elif OCTENSOR_ARM64
extern const GemmKernel kGemm_8x8c1_neon, kGemm_8x8c4_neondot, kGemm_8x8c8_neoni8mm;
extern const DepthwiseKernel kDepthwise_16c1_neon, kDepthwise_16c4_neondot;
extern const FloatKernels kFloat_8x8_neon;
extern const EagerKernels kEager_neon;
uint64_t PeakNeon(uint64_t rounds), PeakNeonDot(uint64_t rounds), PeakNeonI8mm(uint64_t rounds);
#endif

namespace {

// Both lists: best first.
const IsaEntry kIsas[] = {
#if OCTENSOR_X64
    {Isa::kAvx512Vnni, "avx512vnni", PeakAvx512Vnni},
    {Isa::kAvx512, "avx512", PeakAvx512},
    {Isa::kAvx2, "avx2", PeakAvx2},
#elif OCTENSOR_ARM64
    {Isa::kNeonI8mm, "neoni8mm", PeakNeonI8mm},
    {Isa::kNeonDot, "neondot", PeakNeonDot},
    {Isa::kNeon, "neon", PeakNeon},
#endif
    {Isa::kScalar, "scalar", PeakScalar},
};

const GemmKernel* const kGemmKernels[] = {
#if OCTENSOR_X64
    &kGemm_6x64c4_avx512vnni,
    &kGemm_12x32c2_avx512,
    &kGemm_6x16c2_avx2,
#elif OCTENSOR_ARM64
    &kGemm_8x8c8_neoni8mm,
    &kGemm_8x8c4_neondot,
    &kGemm_8x8c1_neon,
#endif
    &kGemm_4x8c1_scalar,
};

const DepthwiseKernel* const kDepthwiseKernels[] = {
#if OCTENSOR_X64
    &kDepthwise_64c4_avx512vnni,
    &kDepthwise_32c2_avx512,
    &kDepthwise_16c2_avx2,
#elif OCTENSOR_ARM64
    &kDepthwise_16c4_neondot,
    &kDepthwise_16c1_neon,
#endif
    &kDepthwise_16c1_scalar,
};

const FloatKernels* const kFloatKernels[] = {
#if OCTENSOR_X64
    &kFloat_14x32_avx512,
    &kFloat_6x16_avx2,
#elif OCTENSOR_ARM64
    &kFloat_8x8_neon,
#endif
    &kFloat_4x8_scalar,
};

const EagerKernels* const kEagerKernels[] = {
#if OCTENSOR_X64
    &kEager_avx512,
    &kEager_avx2,
#elif OCTENSOR_ARM64
    &kEager_neon,
#endif
    &kEager_scalar,
};

size_t RankOf(Isa isa) {
  size_t rank = 0;
  while (kIsas[rank].isa != isa) ++rank;
  return rank;
}

// The first kernel of a list (best first) that a CPU with `isa` can run: its own, else that of the next lower ISA. Every list
// ends with a scalar kernel.
template <typename Kernel, size_t kCount>
const Kernel* FindBest(const Kernel* const (&kernels)[kCount], Isa isa) {
  const size_t rank = RankOf(isa);
  for (const Kernel* kernel : kernels) {
    if (RankOf(kernel->isa) >= rank) return kernel;
  }
  return nullptr;
}

}  // namespace

const IsaEntry* IsaList(size_t* count) {
  *count = sizeof(kIsas) / sizeof(kIsas[0]);
  return kIsas;
}

const GemmKernel* const* GemmKernels(size_t* count) {
  *count = sizeof(kGemmKernels) / sizeof(kGemmKernels[0]);
  return kGemmKernels;
}

const GemmKernel* FindGemmKernel(Isa isa) { return FindBest(kGemmKernels, isa); }

const DepthwiseKernel* const* DepthwiseKernels(size_t* count) {
  *count = sizeof(kDepthwiseKernels) / sizeof(kDepthwiseKernels[0]);
  return kDepthwiseKernels;
}

const DepthwiseKernel* FindDepthwiseKernel(Isa isa) { return FindBest(kDepthwiseKernels, isa); }

const DepthwiseKernel* FindWideDepthwiseKernel(Isa isa) {
  const DepthwiseKernel* const* end = kDepthwiseKernels + sizeof(kDepthwiseKernels) / sizeof(kDepthwiseKernels[0]);
  return *std::find_if(kDepthwiseKernels, end, [isa](const DepthwiseKernel* kernel) {
    return kernel->w_domain == BDomain::kS16 && RankOf(kernel->isa) >= RankOf(isa);
  });
}

const DepthwisePlaneKernel* FindDepthwisePlaneKernel(Isa isa) {
#if OCTENSOR_X64
  if (isa == kDepthwisePlane_64c4_avx512vnni.isa) return &kDepthwisePlane_64c4_avx512vnni;
#endif
  static_cast<void>(isa);
  return nullptr;
}

const DepthwiseSmallKernel* FindDepthwiseSmallKernel(Isa isa) {
#if OCTENSOR_X64
  if (isa == kDepthwiseSmall_16c4_avx512vbmi.isa && HasVbmi()) return &kDepthwiseSmall_16c4_avx512vbmi;
#endif
  static_cast<void>(isa);
  return nullptr;
}

const FloatKernels* const* FloatKernelList(size_t* count) {
  *count = sizeof(kFloatKernels) / sizeof(kFloatKernels[0]);
  return kFloatKernels;
}

const FloatKernels* FindFloatKernels(Isa isa) { return FindBest(kFloatKernels, isa); }

const EagerKernels* const* EagerKernelList(size_t* count) {
  *count = sizeof(kEagerKernels) / sizeof(kEagerKernels[0]);
  return kEagerKernels;
}

const EagerKernels* FindEagerKernels(Isa isa) { return FindBest(kEagerKernels, isa); }

const IsaEntry* FindIsa(const char* name) {
  for (const IsaEntry& entry : kIsas) {
    if (std::strcmp(entry.name, name) == 0) return &entry;
  }
  return nullptr;
}

const IsaEntry& BestIsa() {
  for (const IsaEntry& entry : kIsas) {
    if (IsSupported(entry.isa)) return entry;
  }
  return kIsas[sizeof(kIsas) / sizeof(kIsas[0]) - 1];  // scalar
}

}  // namespace octensor
