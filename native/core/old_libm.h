// Asks for the versions of some functions of libm that glibc 2.28 has, the oldest that Node 20 runs on: by default the linker
// takes those of the machine that builds, which since glibc 2.29 differ in how they report errors. To be included by every file
// that calls one of them.
#ifndef OCTENSOR_CORE_OLD_LIBM_H_
#define OCTENSOR_CORE_OLD_LIBM_H_

#include <cmath>

#if defined(__GLIBC__) && defined(__x86_64__)
#define OCTENSOR_OLD_LIBM(name) __asm__(".symver " #name "," #name "@GLIBC_2.2.5")
#elif defined(__GLIBC__) && defined(__aarch64__)
#define OCTENSOR_OLD_LIBM(name) __asm__(".symver " #name "," #name "@GLIBC_2.17")
#else
#define OCTENSOR_OLD_LIBM(name) static_assert(true, "")
#endif

OCTENSOR_OLD_LIBM(exp);
OCTENSOR_OLD_LIBM(log);
OCTENSOR_OLD_LIBM(log2);
OCTENSOR_OLD_LIBM(pow);

#endif  // OCTENSOR_CORE_OLD_LIBM_H_
