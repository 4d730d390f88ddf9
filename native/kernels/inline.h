// What kernels ask of the compiler: accumulators are arrays, and live in registers only where functions are inlined and loops
// over them are unrolled early.
#ifndef OCTENSOR_KERNELS_INLINE_H_
#define OCTENSOR_KERNELS_INLINE_H_

#if defined(_MSC_VER)
#define OCTENSOR_INLINE __forceinline
#define OCTENSOR_NOINLINE __declspec(noinline)
#define OCTENSOR_UNROLL
#define OCTENSOR_FORGET(pointer)
#else
#define OCTENSOR_INLINE inline __attribute__((always_inline))
#define OCTENSOR_NOINLINE __attribute__((noinline))
#define OCTENSOR_UNROLL _Pragma("GCC unroll 64")
// The compiler no longer knows where a pointer came from.
#define OCTENSOR_FORGET(pointer) asm("" : "+r"(pointer))
#endif

#endif  // OCTENSOR_KERNELS_INLINE_H_
