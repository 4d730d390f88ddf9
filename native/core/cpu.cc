#include "core/cpu.h"

#if defined(__x86_64__) || defined(_M_X64)
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace octensor {
namespace {

constexpr uint32_t Bit(Isa isa) { return static_cast<uint32_t>(isa); }

#if defined(__x86_64__) || defined(_M_X64)

struct Registers {
  uint32_t eax, ebx, ecx, edx;
};

Registers Cpuid(uint32_t leaf, uint32_t subleaf) {
  Registers r;
#if defined(_MSC_VER)
  int out[4];
  __cpuidex(out, static_cast<int>(leaf), static_cast<int>(subleaf));
  r = {static_cast<uint32_t>(out[0]), static_cast<uint32_t>(out[1]), static_cast<uint32_t>(out[2]),
       static_cast<uint32_t>(out[3])};
#else
  __cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
#endif
  return r;
}

// Which register states the operating system saves: extended control register 0.
uint64_t EnabledStates() {
#if defined(_MSC_VER)
  return _xgetbv(0);
#else
  uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t{high} << 32) | low;
#endif
}

constexpr bool Has(uint32_t reg, int bit) { return (reg >> bit & 1) != 0; }

// Bits from Intel's Software Developer's Manual, volume 2A, CPUID.
uint32_t Detect() {
  uint32_t isas = Bit(Isa::kScalar);
  if (Cpuid(0, 0).eax < 7) return isas;
  const Registers one = Cpuid(1, 0);
  const bool osxsave = Has(one.ecx, 27), avx = Has(one.ecx, 28), fma = Has(one.ecx, 12), f16c = Has(one.ecx, 29);
  if (!osxsave || !avx) return isas;
  const uint64_t states = EnabledStates();
  const bool ymm = (states & 0x6) == 0x6;    // SSE and AVX state
  const bool zmm = (states & 0xe6) == 0xe6;  // and opmask, upper halves, upper registers
  const Registers seven = Cpuid(7, 0);
  if (!ymm || !Has(seven.ebx, 5) || !fma || !f16c) return isas;
  isas |= Bit(Isa::kAvx2);
  const bool avx512 = Has(seven.ebx, 16) && Has(seven.ebx, 17) && Has(seven.ebx, 30) && Has(seven.ebx, 31);  // F DQ BW VL
  if (!zmm || !avx512) return isas;
  isas |= Bit(Isa::kAvx512);
  if (Has(seven.ecx, 11)) isas |= Bit(Isa::kAvx512Vnni);
  return isas;
}

bool DetectVbmi() { return Has(Cpuid(7, 0).ecx, 1); }

#elif defined(__aarch64__) || defined(_M_ARM64)

uint32_t Detect() {
  uint32_t isas = Bit(Isa::kScalar) | Bit(Isa::kNeon);  // Advanced SIMD is part of every AArch64 application profile
#if defined(__linux__)
  constexpr unsigned long kAsimdDp = 1ul << 20;  // HWCAP_ASIMDDP
  constexpr unsigned long kI8mm = 1ul << 13;     // HWCAP2_I8MM
  const bool dot = (getauxval(AT_HWCAP) & kAsimdDp) != 0;
  const bool i8mm = (getauxval(AT_HWCAP2) & kI8mm) != 0;
#elif defined(__APPLE__)
  const auto has = [](const char* name) {
    int value = 0;
    size_t size = sizeof(value);
    return sysctlbyname(name, &value, &size, nullptr, 0) == 0 && value != 0;
  };
  const bool dot = has("hw.optional.arm.FEAT_DotProd"), i8mm = has("hw.optional.arm.FEAT_I8MM");
#else
  const bool dot = false, i8mm = false;
#endif
  if (dot) isas |= Bit(Isa::kNeonDot);
  if (dot && i8mm) isas |= Bit(Isa::kNeonI8mm);
  return isas;
}

#else

uint32_t Detect() { return Bit(Isa::kScalar); }

#endif

#if !defined(__x86_64__) && !defined(_M_X64)
bool DetectVbmi() { return false; }
#endif

}  // namespace

uint32_t SupportedIsas() {
  static const uint32_t isas = Detect();
  return isas;
}

bool HasVbmi() {
  static const bool has = IsSupported(Isa::kAvx512Vnni) && DetectVbmi();
  return has;
}

}  // namespace octensor
