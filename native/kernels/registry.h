// The kernels that this build contains, best first. One line in registry.cc registers a kernel: dispatch, `octensor doctor`,
// the benchmark and the parity suite all read this list.
#ifndef OCTENSOR_KERNELS_REGISTRY_H_
#define OCTENSOR_KERNELS_REGISTRY_H_

#include "kernels/depthwise.h"
#include "kernels/eager.h"
#include "kernels/float.h"
#include "kernels/kernel.h"

namespace octensor {

struct IsaEntry {
  Isa isa;
  const char* name;  // as in the API: "avx512vnni"
  PeakFunction peak;
};

// Best first.
const IsaEntry* IsaList(size_t* count);
const GemmKernel* const* GemmKernels(size_t* count);

// The best kernel that a CPU with this ISA can run: the ISA's own, or that of the next lower one. `isa` is one of IsaList.
const GemmKernel* FindGemmKernel(Isa isa);

// Likewise; the wide one takes weights that do not fit 8 bits after subtraction of their zero point.
const DepthwiseKernel* const* DepthwiseKernels(size_t* count);
const DepthwiseKernel* FindDepthwiseKernel(Isa isa);
const DepthwiseKernel* FindWideDepthwiseKernel(Isa isa);

const FloatKernels* const* FloatKernelList(size_t* count);
const FloatKernels* FindFloatKernels(Isa isa);

const EagerKernels* const* EagerKernelList(size_t* count);
const EagerKernels* FindEagerKernels(Isa isa);

// The ISA of that name, or null.
const IsaEntry* FindIsa(const char* name);

// The best ISA that this CPU has and this build has kernels for.
const IsaEntry& BestIsa();

}  // namespace octensor

#endif  // OCTENSOR_KERNELS_REGISTRY_H_
