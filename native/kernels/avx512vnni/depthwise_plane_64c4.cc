// u8 x s8 depthwise convolution of planes, 64 outputs at a time, on AVX-512 VNNI.
//
// Stride 1: a vector loaded j bytes further on has the quads of outputs j, 4 + j, 8 + j .. in its 16 lanes of four bytes, so
// accumulator j has those outputs. Stride 2: vectors 0 and 2 bytes further on have outputs 0, 2, 4 .. and 1, 3, 5 .., and two
// more of each 64 bytes later the other 32. Packing and one or two permutations bring outputs in order.
#include <immintrin.h>
#include <string.h>

#include "kernels/avx512/depthwise_store.h"
#include "kernels/depthwise_plane.h"

namespace octensor {
namespace {

OCTENSOR_INLINE __m512i Load(const uint8_t* p) { return _mm512_loadu_si512(p); }

// The bytes of a lane of 16, four of each accumulator.
OCTENSOR_INLINE __m512i ByteOrder(size_t stride) {
  return stride == 1 ? _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15))
                     : _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15));
}

// kQuads: their number, or 0 for any.
template <class Requant, size_t kStride, size_t kQuads>
OCTENSOR_NOINLINE void RunQuads(const DepthwisePlane& plane) {
  constexpr size_t kShifts[4] = {0, kStride == 1 ? 1 : 2, kStride == 1 ? 2 : 64, kStride == 1 ? 3 : 66};
  constexpr size_t kHeld = kQuads == 0 ? 1 : kQuads;
  const DepthwisePlane p = plane;
  const Epilogue e = *p.epilogue;
  const Avx512Bytes to_bytes(e);
  const Requant rule(e, p.lane0);
  const __m512i order = ByteOrder(kStride), init = _mm512_set1_epi32(p.init);
  const __m512i halves = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
  const auto weight = [&](size_t q) {
    int32_t quad;
    memcpy(&quad, p.weights[q], sizeof(quad));
    return _mm512_set1_epi32(quad);
  };
  __m512i held[kHeld];
  OCTENSOR_UNROLL for (size_t q = 0; q < kQuads; ++q) held[q] = weight(q);
  for (size_t first = 0; first < p.outputs; first += kPlaneRun) {
    const uint8_t* const x = p.x + first * kStride;
    __m512i acc[4] = {init, init, init, init};
    if constexpr (kQuads > 0) {
      OCTENSOR_UNROLL for (size_t q = 0; q < kQuads; ++q) {
        OCTENSOR_UNROLL for (size_t j = 0; j < 4; ++j) {
          acc[j] = _mm512_dpbusd_epi32(acc[j], Load(x + p.offsets[q] + kShifts[j]), held[q]);
        }
      }
    } else {
      for (size_t q = 0; q < p.quads; ++q) {
        const __m512i w = weight(q);
        OCTENSOR_UNROLL for (size_t j = 0; j < 4; ++j) {
          acc[j] = _mm512_dpbusd_epi32(acc[j], Load(x + p.offsets[q] + kShifts[j]), w);
        }
      }
    }
    OCTENSOR_UNROLL for (size_t j = 0; j < 4; ++j) acc[j] = rule(acc[j]);
    __m512i bytes = to_bytes(_mm512_packs_epi32(acc[0], acc[1]), _mm512_packs_epi32(acc[2], acc[3]));
    bytes = _mm512_shuffle_epi8(bytes, order);
    if (kStride == 2) bytes = _mm512_permutexvar_epi64(halves, bytes);
    _mm512_storeu_si512(p.y + first, bytes);
  }
}

struct Finish {
  template <class Requant>
  static void Run(const DepthwisePlane& plane) {
    const bool is_three = plane.quads == 3;
    if (plane.stride == 1) return is_three ? RunQuads<Requant, 1, 3>(plane) : RunQuads<Requant, 1, 0>(plane);
    is_three ? RunQuads<Requant, 2, 3>(plane) : RunQuads<Requant, 2, 0>(plane);
  }
};

void Run(const DepthwisePlane& plane) { ForRule<Finish>(*plane.epilogue, plane); }

// The first `count` bytes, at most 64.
OCTENSOR_INLINE __mmask64 First(size_t count) { return count >= 64 ? ~__mmask64{0} : (__mmask64{1} << count) - 1; }

// Vectors for rows of any width, and for rows of at most 32 bytes, whose stores then end in the next cache line less often.
struct Wide {
  static constexpr size_t kBytes = 64;
  static OCTENSOR_INLINE __m512i Set(uint8_t x) { return _mm512_set1_epi8(static_cast<char>(x)); }
  static OCTENSOR_INLINE __m512i Load(const uint8_t* p) { return _mm512_loadu_si512(p); }
  static OCTENSOR_INLINE __m512i LoadFirst(__m512i others, size_t count, const uint8_t* p) {
    return _mm512_mask_loadu_epi8(others, First(count), p);
  }
  static OCTENSOR_INLINE __m512i Xor(__m512i a, __m512i b) { return _mm512_xor_si512(a, b); }
  static OCTENSOR_INLINE void Store(uint8_t* p, __m512i x) { _mm512_storeu_si512(p, x); }
  static OCTENSOR_INLINE void StoreFirst(uint8_t* p, size_t count, __m512i x) { _mm512_mask_storeu_epi8(p, First(count), x); }
};

struct Narrow {
  static constexpr size_t kBytes = 32;
  static OCTENSOR_INLINE __mmask32 Mask(size_t count) { return static_cast<__mmask32>(First(count)); }
  static OCTENSOR_INLINE __m256i Set(uint8_t x) { return _mm256_set1_epi8(static_cast<char>(x)); }
  static OCTENSOR_INLINE __m256i Load(const uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  static OCTENSOR_INLINE __m256i LoadFirst(__m256i others, size_t count, const uint8_t* p) {
    return _mm256_mask_loadu_epi8(others, Mask(count), p);
  }
  static OCTENSOR_INLINE __m256i Xor(__m256i a, __m256i b) { return _mm256_xor_si256(a, b); }
  static OCTENSOR_INLINE void Store(uint8_t* p, __m256i x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x); }
  static OCTENSOR_INLINE void StoreFirst(uint8_t* p, size_t count, __m256i x) { _mm256_mask_storeu_epi8(p, Mask(count), x); }
};

// What a row writes past its end, the next one overwrites where that has pixels.
template <class V>
void LoadVectors(const uint8_t* from, uint8_t* to, const PlaneRows& given, uint8_t flip, uint8_t fill) {
  const PlaneRows r = given;  // a copy, which the bytes that are stored are known to be apart from
  const auto flips = V::Set(flip), filling = V::Set(fill ^ flip);
  const size_t whole = r.width / V::kBytes * V::kBytes;
  for (size_t row = 0; row < r.rows; ++row, from += r.from_step, to += r.to_step) {
    for (size_t i = 0; i < whole; i += V::kBytes) V::Store(to + i, V::Xor(V::Load(from + i), flips));
    V::Store(to + whole, V::Xor(V::LoadFirst(filling, r.width - whole, from + whole), flips));
  }
}

template <class V>
void StoreVectors(const uint8_t* from, uint8_t* to, const PlaneRows& given) {
  const PlaneRows r = given;
  const size_t reach = (r.width + V::kBytes - 1) / V::kBytes * V::kBytes;  // of whole vectors
  const size_t size = r.rows * r.width, free_rows = size < reach ? 0 : (size - reach) / r.width + 1;
  size_t row = 0;
  for (; row < free_rows; ++row, from += r.from_step, to += r.width) {
    for (size_t i = 0; i < r.width; i += V::kBytes) V::Store(to + i, V::Load(from + i));
  }
  for (; row < r.rows; ++row, from += r.from_step, to += r.width) {
    for (size_t i = 0; i < r.width; i += V::kBytes) V::StoreFirst(to + i, r.width - i, V::Load(from + i));
  }
}

void LoadRows(const uint8_t* from, uint8_t* to, const PlaneRows& rows, uint8_t flip, uint8_t fill) {
  rows.width <= Narrow::kBytes ? LoadVectors<Narrow>(from, to, rows, flip, fill)
                               : LoadVectors<Wide>(from, to, rows, flip, fill);
}

void StoreRows(const uint8_t* from, uint8_t* to, const PlaneRows& rows) {
  rows.width <= Narrow::kBytes ? StoreVectors<Narrow>(from, to, rows) : StoreVectors<Wide>(from, to, rows);
}

}  // namespace

extern const DepthwisePlaneKernel kDepthwisePlane_64c4_avx512vnni;
const DepthwisePlaneKernel kDepthwisePlane_64c4_avx512vnni = {"octensor_depthwise_plane_u8s8_64c4__avx512vnni",
                                                              Isa::kAvx512Vnni, Run, LoadRows, StoreRows};

}  // namespace octensor
