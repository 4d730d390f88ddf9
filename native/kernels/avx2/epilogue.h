// The epilogue of the AVX2 kernels: accumulators to int32, float32 or 8 bits, fused into the tile's store.
//
// Everything is in an anonymous namespace: each kernel's object file keeps its own copy, compiled with its own flags.
#ifndef OCTENSOR_KERNELS_AVX2_EPILOGUE_H_
#define OCTENSOR_KERNELS_AVX2_EPILOGUE_H_

#include <immintrin.h>
#include <string.h>

#include "kernels/general_requant.h"
#include "kernels/inline.h"
#include "kernels/kernel.h"

namespace octensor {
namespace {

// Each of the next four handles one vector of 8 columns, the ones from `n` on in the whole matrix.

// f32(x) * scale + bias, as the bits of a float; -0 added to anything changes nothing.
struct FloatScale {
  __m256 scale, bias;

  OCTENSOR_INLINE FloatScale(const Epilogue& e, size_t n)
      : scale(_mm256_loadu_ps(e.scale + n)), bias(e.bias != nullptr ? _mm256_loadu_ps(e.bias + n) : _mm256_set1_ps(-0.0f)) {}
  OCTENSOR_INLINE __m256i operator()(__m256i x) const {
    return _mm256_castps_si256(_mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(x), scale), bias));
  }
};

// f32(x) * scale, rounded half to even by the conversion. The conversion turns anything from 2^31 up into INT32_MIN, so the
// product is bounded first where it may get there; below -2^31 INT32_MIN is right, for the packing saturates it.
template <bool kBounded>
struct OnnxRequant {
  __m256 scale;

  OCTENSOR_INLINE OnnxRequant(const Epilogue& e, size_t n) : scale(_mm256_loadu_ps(e.scale + n)) {}
  OCTENSOR_INLINE __m256i operator()(__m256i x) const {
    const __m256 f = _mm256_mul_ps(_mm256_cvtepi32_ps(x), scale);
    return _mm256_cvtps_epi32(kBounded ? _mm256_min_ps(f, _mm256_set1_ps(1024.0f)) : f);
  }
};

// The fixed-point rules of core/requant.h for exponents below 0: p >> (31 + e) with p = x q + rounding in 64 bits, e >= 1.
// AVX2 has no arithmetic 64-bit shift, and needs none: p >> (31 + e) = (p >> 32) >> (e - 1) as floors compose, p >> 32 is
// the upper half of each 64-bit lane, and those halves, of even and odd columns side by side again, are shifted as int32.
template <bool kDoubleRounding>
struct FixedRequant {
  __m256i q_even, q_odd, rounding_even, rounding_odd, shift;

  OCTENSOR_INLINE FixedRequant(const Epilogue& e, size_t n) {
    const __m256i half = _mm256_set1_epi64x(int64_t{1} << 30);
    const __m256i exponent = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(e.exponent + n));
    const __m256i right = _mm256_sub_epi32(_mm256_setzero_si256(), exponent);
    shift = _mm256_sub_epi32(right, _mm256_set1_epi32(1));
    q_even = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(e.multiplier + n));
    q_odd = _mm256_srli_epi64(q_even, 32);
    rounding_even = _mm256_sllv_epi64(half, _mm256_and_si256(right, _mm256_set1_epi64x(0xffffffff)));
    rounding_odd = _mm256_sllv_epi64(half, _mm256_srli_epi64(right, 32));
    if (kDoubleRounding) {
      rounding_even = _mm256_add_epi64(rounding_even, half);
      rounding_odd = _mm256_add_epi64(rounding_odd, half);
    }
  }
  OCTENSOR_INLINE __m256i operator()(__m256i x) const {
    const __m256i x_odd = _mm256_srli_epi64(x, 32);
    __m256i even = _mm256_add_epi64(_mm256_mul_epi32(x, q_even), rounding_even);
    __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(x_odd, q_odd), rounding_odd);
    if (kDoubleRounding) {  // ties away from zero: less 2^31 where x < 0, which is just x's sign bit where it stands
      const __m256i sign = _mm256_set1_epi64x(0x80000000);
      even = _mm256_sub_epi64(even, _mm256_and_si256(x, sign));
      odd = _mm256_sub_epi64(odd, _mm256_and_si256(x_odd, sign));
    }
    return _mm256_srav_epi32(_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa), shift);
  }
};

struct GeneralRequant {
  const Epilogue& e;
  size_t n;

  OCTENSOR_INLINE GeneralRequant(const Epilogue& epilogue, size_t column) : e(epilogue), n(column) {}
  OCTENSOR_INLINE __m256i operator()(__m256i x) const {
    alignas(32) int32_t lanes[8];
    _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), x);
    RequantizeLanes(e, n, lanes, 8);
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(lanes));
  }
};

// One vector of columns after the other, so that the constants of only one are live beside the accumulators.
template <class Rule, int MR, int NV>
OCTENSOR_INLINE void Apply(__m256i (&acc)[MR][NV], const Epilogue& e, size_t n) {
  OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) {
    const Rule rule(e, n + 8 * v);
    OCTENSOR_UNROLL for (int i = 0; i < MR; ++i) acc[i][v] = rule(acc[i][v]);
  }
}

// The first `columns` of 32-bit values of each row.
template <int MR, int NV>
OCTENSOR_INLINE void StoreWords(const __m256i (&acc)[MR][NV], char* c, size_t c_stride_bytes, size_t columns) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) {
    const int left = static_cast<int>(columns) - 8 * v;
    const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(left), lane);
    OCTENSOR_UNROLL for (int i = 0; i < MR; ++i) {
      char* p = c + i * c_stride_bytes + 32 * v;
      if (left >= 8) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), acc[i][v]);
      } else if (left > 0) {
        _mm256_maskstore_epi32(reinterpret_cast<int*>(p), mask, acc[i][v]);
      }
    }
  }
}

// The first `columns` bytes of x, at most 16.
OCTENSOR_INLINE void StoreBytes(uint8_t* c, __m128i x, size_t columns) {
  if (columns >= 16) return _mm_storeu_si128(reinterpret_cast<__m128i*>(c), x);
  if (columns & 8) {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(c), x);
    x = _mm_srli_si128(x, 8);
    c += 8;
  }
  uint64_t rest = static_cast<uint64_t>(_mm_cvtsi128_si64(x));
  if (columns & 4) {
    memcpy(c, &rest, 4);
    rest >>= 32;
    c += 4;
  }
  if (columns & 2) {
    memcpy(c, &rest, 2);
    rest >>= 16;
    c += 2;
  }
  if (columns & 1) *c = static_cast<uint8_t>(rest);
}

// Two rows at a time become 32 bytes. The saturating packs interleave 128-bit lanes, one permute puts them back:
//   packs_epi32(r0, r1) of either row, packus: lane l holds r0.v0[4l..4l+3] r0.v1[..] r1.v0[..] r1.v1[..]
template <int MR, int NV>
OCTENSOR_INLINE void StoreQuantized(const __m256i (&acc)[MR][NV], const Epilogue& e, uint8_t* c, size_t c_stride_bytes,
                                    size_t columns) {
  const bool is_plain_int8 = e.output_flip != 0 && e.lo == 0 && e.hi == 255;  // packed as such, without the detour by uint8
  const bool clamps_or_flips = !is_plain_int8 && (e.output_flip != 0 || e.lo != 0 || e.hi != 255);
  const __m256i zero_point = _mm256_set1_epi16(static_cast<int16_t>(is_plain_int8 ? e.zero_point - 128 : e.zero_point));
  const __m256i lo = _mm256_set1_epi8(static_cast<char>(e.lo));
  const __m256i hi = _mm256_set1_epi8(static_cast<char>(e.hi));
  const __m256i flip = _mm256_set1_epi8(static_cast<char>(e.output_flip));
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  OCTENSOR_UNROLL for (int i = 0; i < MR; i += 2) {
    const int next = i + 1 < MR ? i + 1 : i;
    const __m256i row0 = _mm256_adds_epi16(_mm256_packs_epi32(acc[i][0], acc[i][NV - 1]), zero_point);
    const __m256i row1 = _mm256_adds_epi16(_mm256_packs_epi32(acc[next][0], acc[next][NV - 1]), zero_point);
    __m256i bytes = is_plain_int8 ? _mm256_packs_epi16(row0, row1) : _mm256_packus_epi16(row0, row1);
    if (clamps_or_flips) bytes = _mm256_xor_si256(_mm256_min_epu8(_mm256_max_epu8(bytes, lo), hi), flip);
    bytes = _mm256_permutevar8x32_epi32(bytes, order);
    StoreBytes(c + i * c_stride_bytes, _mm256_castsi256_si128(bytes), columns);
    if (i + 1 < MR) StoreBytes(c + next * c_stride_bytes, _mm256_extracti128_si256(bytes, 1), columns);
  }
}

// Stores the accumulators of MR rows and NV * 8 columns, the tile's columns from j on; those at or past tile.n are dropped.
template <int MR, int NV>
OCTENSOR_INLINE void StoreTile(__m256i (&acc)[MR][NV], const GemmTile& tile, size_t j) {
  static_assert(NV == 1 || NV == 2, "StoreQuantized packs one or two vectors a row");
  const Epilogue& e = *tile.epilogue;
  const size_t columns = tile.n - j < size_t{8} * NV ? tile.n - j : size_t{8} * NV;
  const size_t n = tile.n0 + j;
  if (e.kind != OutputKind::kQuantized) {
    if (e.kind == OutputKind::kFloat32) Apply<FloatScale>(acc, e, n);
    return StoreWords(acc, static_cast<char*>(tile.c) + j * sizeof(int32_t), tile.c_stride_bytes, columns);
  }
  if (e.numerics == Numerics::kOnnx) {
    e.may_exceed_int32 ? Apply<OnnxRequant<true>>(acc, e, n) : Apply<OnnxRequant<false>>(acc, e, n);
  } else if (e.general_fixed_point) {
    Apply<GeneralRequant>(acc, e, n);
  } else {
    e.numerics == Numerics::kTflite ? Apply<FixedRequant<true>>(acc, e, n) : Apply<FixedRequant<false>>(acc, e, n);
  }
  StoreQuantized(acc, e, static_cast<uint8_t*>(tile.c) + j, tile.c_stride_bytes, columns);
}

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_AVX2_EPILOGUE_H_
