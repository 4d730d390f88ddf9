// Tells the core that it spins.
#ifndef OCTENSOR_CORE_PAUSE_H_
#define OCTENSOR_CORE_PAUSE_H_

#include <chrono>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace octensor {

inline void Pause() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__) && defined(__GNUC__)
  asm volatile("yield");
#endif
}

// How long a thread without work spins before it parks: long enough to catch the next layer or the next call of a busy caller,
// short enough not to be seen in a profile. Waking a parked thread costs 8 to 17 us.
constexpr std::chrono::microseconds kSpin{50};

// Spins until `ready()` or for kSpin; the last value of `ready()`.
template <typename Ready>
bool SpinUntil(Ready ready) {
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 64; ++i) {
      if (ready()) return true;
      Pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return ready();
}

}  // namespace octensor

#endif  // OCTENSOR_CORE_PAUSE_H_
