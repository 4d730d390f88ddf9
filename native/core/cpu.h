// What the CPU can do.
#ifndef OCTENSOR_CORE_CPU_H_
#define OCTENSOR_CORE_CPU_H_

#include "core/isa.h"

namespace octensor {

// A mask of Isa bits that this CPU and its operating system support; kScalar always. Detected once.
uint32_t SupportedIsas();

inline bool IsSupported(Isa isa) { return (SupportedIsas() & static_cast<uint32_t>(isa)) != 0; }

// Byte permutations of AVX-512, which not every CPU with VNNI has; kernels that want them are few.
bool HasVbmi();

}  // namespace octensor

#endif  // OCTENSOR_CORE_CPU_H_
