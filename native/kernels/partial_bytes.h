// Vectors of 16 bytes of which only the first few are there.
#ifndef OCTENSOR_KERNELS_PARTIAL_BYTES_H_
#define OCTENSOR_KERNELS_PARTIAL_BYTES_H_

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels/inline.h"

namespace octensor {
namespace {

struct Bytes16 {
  uint64_t low, high;  // little-endian
};

// `count` bytes, fewer than 16; the rest is 0. Nothing past them is read.
OCTENSOR_INLINE Bytes16 ReadBytes(const uint8_t* p, size_t count) {
  uint64_t first = 0, rest = 0;
  if (count & 8) {
    memcpy(&first, p, 8);
    p += 8;
  }
  int shift = 0;
  if (count & 4) {
    uint32_t x;
    memcpy(&x, p, 4);
    rest = x;
    p += 4;
    shift = 32;
  }
  if (count & 2) {
    uint16_t x;
    memcpy(&x, p, 2);
    rest |= uint64_t{x} << shift;
    p += 2;
    shift += 16;
  }
  if (count & 1) rest |= uint64_t{*p} << shift;
  return count & 8 ? Bytes16{first, rest} : Bytes16{rest, 0};
}

// The first `count`, fewer than 16.
[[maybe_unused]] OCTENSOR_INLINE void WriteBytes(uint8_t* p, Bytes16 bytes, size_t count) {
  uint64_t rest = bytes.low;
  if (count & 8) {
    memcpy(p, &rest, 8);
    p += 8;
    rest = bytes.high;
  }
  if (count & 4) {
    memcpy(p, &rest, 4);
    p += 4;
    rest >>= 32;
  }
  if (count & 2) {
    memcpy(p, &rest, 2);
    p += 2;
    rest >>= 16;
  }
  if (count & 1) *p = static_cast<uint8_t>(rest);
}

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_PARTIAL_BYTES_H_
