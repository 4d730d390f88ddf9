// The epilogue of the AVX-512 kernels: accumulators to int32, float32 or 8 bits, fused into the tile's store.
//
// Everything is in an anonymous namespace: each kernel's object file keeps its own copy, compiled with its own flags.
#ifndef OCTENSOR_KERNELS_AVX512_EPILOGUE_H_
#define OCTENSOR_KERNELS_AVX512_EPILOGUE_H_

#include <immintrin.h>

#include "kernels/inline.h"
#include "kernels/kernel.h"

namespace octensor {
namespace {

// Each of the next three requantizes vectors of 16 columns, those from column `n` of the whole matrix on.

// f32(x) * scale, rounded half to even by the conversion. The conversion turns anything from 2^31 up into INT32_MIN, so the
// product is bounded first where it may get there; below -2^31 INT32_MIN is right, for the packing saturates it.
struct OnnxRequant {
  static constexpr bool kIsUsual = true;
  __m512 scale;
  bool bound;

  OCTENSOR_INLINE OnnxRequant(const Epilogue& e, size_t n) : scale(_mm512_load_ps(e.scale + n)), bound(e.may_exceed_int32) {}
  OCTENSOR_INLINE __m512i operator()(__m512i x) const {
    __m512 f = _mm512_mul_ps(_mm512_cvtepi32_ps(x), scale);
    if (bound) f = _mm512_min_ps(f, _mm512_set1_ps(1024.0f));
    return _mm512_cvtps_epi32(f);
  }
};

// The fixed-point rules of core/requant.h for exponents -e below 0 and |x| < 2^30. Products are 64 bits wide, even and odd
// lanes apart; but AVX-512 work is cheapest on 32 bits, and the upper halves of the sums are all that is needed:
//   single: (x q + 2^(30+e)) >> (31+e)         = upper(x q + 2^(30+e)) >> (e-1)
//   tflite: (x q + 2^30 + 2^(30+e) - [x < 0] 2^31) >> (31+e)
//                                              = (upper(2x q + 2^31 + 2^(31+e)) - [x < 0]) >> e
// Doubling x costs an addition and moves the sign correction, 2^31, from the middle of the sum to the unit of the upper half.
// 2x fits since |x| < 2^30, and so does upper(..) <= 2^30 + 2^(e-1).
template <bool kTflite>
struct FixedRequant {
  static constexpr bool kIsUsual = kTflite;
  __m512i q_even, q_odd, round_even, round_odd, shift;

  OCTENSOR_INLINE FixedRequant(const Epilogue& e, size_t n) {
    const __m512i half = _mm512_set1_epi64(int64_t{1} << (kTflite ? 31 : 30));
    const __m512i right = _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_load_si512(e.exponent + n));
    q_even = _mm512_load_si512(e.multiplier + n);
    q_odd = _mm512_srli_epi64(q_even, 32);
    round_even = _mm512_sllv_epi64(half, _mm512_and_si512(right, _mm512_set1_epi64(0xffffffff)));
    round_odd = _mm512_sllv_epi64(half, _mm512_srli_epi64(right, 32));
    if (kTflite) {
      round_even = _mm512_add_epi64(round_even, half);
      round_odd = _mm512_add_epi64(round_odd, half);
    }
    shift = kTflite ? right : _mm512_sub_epi32(right, _mm512_set1_epi32(1));
  }
  OCTENSOR_INLINE __m512i operator()(__m512i x) const {
    const __m512i factor = kTflite ? _mm512_add_epi32(x, x) : x;
    const __m512i even = _mm512_add_epi64(_mm512_mul_epi32(factor, q_even), round_even);
    const __m512i odd = _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(factor, 32), q_odd), round_odd);
    const __m512 upper = _mm512_mask_movehdup_ps(_mm512_castsi512_ps(odd), 0x5555, _mm512_castsi512_ps(even));
    __m512i h = _mm512_castps_si512(upper);
    if (kTflite) h = _mm512_add_epi32(h, _mm512_srai_epi32(x, 31));
    return _mm512_srav_epi32(h, shift);
  }
};

// The same rules for any exponent and any x, as they stand there: all 64 bits of the sums. A sum may come near 2^31 where a
// channel's weights are nearly 0, for the scale of its bias is then tiny.
//   left = max(exponent, 0), e = max(-exponent, 0);  the tie and sign terms of tflite's second rounding are 0 where e is 0
template <bool kTflite>
struct GeneralRequant {
  static constexpr bool kIsUsual = false;
  struct Lanes {  // even or odd
    __m512i q, round, sign, shift;
  } even, odd;
  __m512i left;

  OCTENSOR_INLINE GeneralRequant(const Epilogue& e, size_t n) {
    const __m512i exponent = _mm512_load_si512(e.exponent + n), q = _mm512_load_si512(e.multiplier + n);
    left = _mm512_max_epi32(exponent, _mm512_setzero_si512());
    even = Prepare(q, _mm512_srai_epi64(_mm512_slli_epi64(exponent, 32), 32));
    odd = Prepare(_mm512_srli_epi64(q, 32), _mm512_srai_epi64(exponent, 32));
  }
  static OCTENSOR_INLINE Lanes Prepare(__m512i q, __m512i exponent) {
    const __m512i one = _mm512_set1_epi64(1), zero = _mm512_setzero_si512();
    if (!kTflite) {
      const __m512i shift = _mm512_sub_epi64(_mm512_set1_epi64(31), exponent);
      return {q, _mm512_sllv_epi64(one, _mm512_sub_epi64(shift, one)), zero, shift};
    }
    const __m512i right = _mm512_max_epi64(_mm512_sub_epi64(zero, exponent), zero), half = _mm512_set1_epi64(int64_t{1} << 30);
    const __mmask8 twice = _mm512_cmpgt_epi64_mask(right, zero);
    return {q, _mm512_mask_add_epi64(half, twice, half, _mm512_sllv_epi64(half, right)),
            _mm512_maskz_set1_epi64(twice, -(int64_t{1} << 31)), _mm512_add_epi64(right, _mm512_set1_epi64(31))};
  }
  static OCTENSOR_INLINE __m512i Scale(__m512i x, const Lanes& lanes) {
    const __m512i product = _mm512_mul_epi32(x, lanes.q);
    __m512i sum = _mm512_add_epi64(product, lanes.round);
    // product < 0 where x < 0, for q > 0; where q is 0 the sum is far from the next integer either way
    if (kTflite) sum = _mm512_add_epi64(sum, _mm512_and_si512(_mm512_srai_epi64(product, 63), lanes.sign));
    return _mm512_srav_epi64(sum, lanes.shift);
  }
  OCTENSOR_INLINE __m512i operator()(__m512i x) const {
    if (kTflite) x = _mm512_sllv_epi32(x, left);
    const __m512i low = Scale(x, even), high = Scale(_mm512_srli_epi64(x, 32), odd);
    if (kTflite) return _mm512_mask_blend_epi32(0xaaaa, low, _mm512_slli_epi64(high, 32));
    // single saturates
    const __m512i lows = _mm512_cvtepi32_epi64(_mm512_cvtsepi64_epi32(low));
    const __m512i highs = _mm512_cvtepi32_epi64(_mm512_cvtsepi64_epi32(high));
    return _mm512_mask_blend_epi32(0xaaaa, lows, _mm512_slli_epi64(highs, 32));
  }
};

// One row's bytes, the lowest NV * 16 of `bytes`, of which `columns` exist.
template <int NV>
OCTENSOR_INLINE void StoreRow(uint8_t* c, __m512i bytes, size_t columns) {
  if (columns < size_t{16} * NV) {
    const __mmask64 mask = (__mmask64{1} << columns) - 1;
    if (NV == 1) return _mm_mask_storeu_epi8(c, static_cast<__mmask16>(mask), _mm512_castsi512_si128(bytes));
    if (NV == 2) return _mm256_mask_storeu_epi8(c, static_cast<__mmask32>(mask), _mm512_castsi512_si256(bytes));
    return _mm512_mask_storeu_epi8(c, mask, bytes);
  }
  if (NV == 1) _mm_storeu_si128(reinterpret_cast<__m128i*>(c), _mm512_castsi512_si128(bytes));
  if (NV == 2) _mm256_storeu_si256(reinterpret_cast<__m256i*>(c), _mm512_castsi512_si256(bytes));
  if (NV == 3) {  // two plain stores: a masked one takes several times as long
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(c), _mm512_castsi512_si256(bytes));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(c + 32), _mm512_extracti32x4_epi32(bytes, 2));
  }
  if (NV == 4) _mm512_storeu_si512(c, bytes);
}

// How 16-bit values become the output's bytes.
enum class Bytes {
  kInt8,    // all of int8: packed as such, without the detour by uint8
  kUint8,   // all of uint8
  kBounded  // clamped to less, then flipped if it is int8
};

// Four vectors of 16 int32 at a time become 64 bytes: saturating packs interleave 128-bit lanes, one permute puts them back.
//   packs_epi32(q0, q1), packs_epi32(q2, q3), packus: lane l holds q0[4l..4l+3] q1[..] q2[..] q3[..]
// They are one row of three or four vectors, or two rows of two, or four of one.
template <Bytes kBytes, int MR, int NV>
OCTENSOR_INLINE void PackAndStore(const __m512i (&q)[MR][NV], const GemmTile& tile, uint8_t* c, size_t columns) {
  constexpr int kSlots = NV == 3 ? 4 : NV;  // of a row
  const Epilogue& e = *tile.epilogue;
  const __m512i zero_point =
      _mm512_set1_epi16(static_cast<int16_t>(kBytes == Bytes::kInt8 ? e.zero_point - 128 : e.zero_point));
  const __m512i lo = _mm512_set1_epi8(static_cast<char>(e.lo));
  const __m512i hi = _mm512_set1_epi8(static_cast<char>(e.hi));
  const __m512i flip = _mm512_set1_epi8(static_cast<char>(e.output_flip));
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  OCTENSOR_UNROLL for (int first = 0; first < MR; first += 4 / kSlots) {
    __m512i four[4];
    OCTENSOR_UNROLL for (int u = 0; u < 4; ++u) {
      const int row = first + u / kSlots, v = u % kSlots;
      four[u] = q[row < MR ? row : first][v < NV ? v : 0];  // what is not there is not stored either
    }
    const __m512i low = _mm512_adds_epi16(_mm512_packs_epi32(four[0], four[1]), zero_point);
    const __m512i high = _mm512_adds_epi16(_mm512_packs_epi32(four[2], four[3]), zero_point);
    __m512i bytes = kBytes == Bytes::kInt8 ? _mm512_packs_epi16(low, high) : _mm512_packus_epi16(low, high);
    if (kBytes == Bytes::kBounded) bytes = _mm512_xor_si512(_mm512_min_epu8(_mm512_max_epu8(bytes, lo), hi), flip);
    bytes = _mm512_permutexvar_epi32(order, bytes);
    StoreRow<NV>(c + first * tile.c_stride_bytes, bytes, columns);
    if (NV == 2 && first + 1 < MR) {
      bytes = _mm512_castsi256_si512(_mm512_extracti64x4_epi64(bytes, 1));
      StoreRow<NV>(c + (first + 1) * tile.c_stride_bytes, bytes, columns);
    }
    if (NV == 1) {
      const __m128i rest[3] = {_mm512_extracti32x4_epi32(bytes, 1), _mm512_extracti32x4_epi32(bytes, 2),
                               _mm512_extracti32x4_epi32(bytes, 3)};
      OCTENSOR_UNROLL for (int r = 1; r < 4; ++r) {
        if (first + r < MR) StoreRow<NV>(c + (first + r) * tile.c_stride_bytes, _mm512_castsi128_si512(rest[r - 1]), columns);
      }
    }
  }
}

template <class Requant, int MR, int NV>
OCTENSOR_INLINE void StoreQuantized(__m512i (&acc)[MR][NV], const GemmTile& tile, uint8_t* c, size_t j, size_t columns) {
  const Epilogue& e = *tile.epilogue;
  // Column by column, so that the constants of only one vector are live beside the accumulators.
  OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) {
    const Requant requant(e, tile.n0 + j + 16 * v);
    OCTENSOR_UNROLL for (int i = 0; i < MR; ++i) acc[i][v] = requant(acc[i][v]);
  }
  // Clamping to all there is changes nothing: rules that are rarely used do without code of their own for that.
  if (!Requant::kIsUsual || e.lo != 0 || e.hi != 255) return PackAndStore<Bytes::kBounded>(acc, tile, c + j, columns);
  if constexpr (Requant::kIsUsual) {
    if (e.output_flip != 0) return PackAndStore<Bytes::kInt8>(acc, tile, c + j, columns);
    PackAndStore<Bytes::kUint8>(acc, tile, c + j, columns);
  }
}

// Int32 sums as they are, or times a float scale and plus a bias; -0 added to anything changes nothing.
template <int MR, int NV, bool kFloat>
OCTENSOR_INLINE void StoreWide(const __m512i (&acc)[MR][NV], const GemmTile& tile, uint8_t* c, size_t j, size_t columns) {
  c += j * sizeof(int32_t);
  OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) {
    const size_t left = columns > size_t{16} * v ? columns - 16 * v : 0;
    const __mmask16 mask = left >= 16 ? 0xffff : static_cast<__mmask16>((1u << left) - 1);
    const size_t n = tile.n0 + j + 16 * v;
    const float* biases = tile.epilogue->bias;
    const __m512 scale = kFloat ? _mm512_load_ps(tile.epilogue->scale + n) : _mm512_setzero_ps();
    const __m512 bias = kFloat && biases != nullptr ? _mm512_load_ps(biases + n) : _mm512_set1_ps(-0.0f);
    OCTENSOR_UNROLL for (int i = 0; i < MR; ++i) {
      const __m512i x =
          kFloat ? _mm512_castps_si512(_mm512_add_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(acc[i][v]), scale), bias)) : acc[i][v];
      _mm512_mask_storeu_epi32(c + i * tile.c_stride_bytes + 64 * v, mask, x);
    }
  }
}

// The rare rules need registers of their own; here they take none from the loops before the store.
template <int MR, int NV>
OCTENSOR_NOINLINE void StoreGeneral(const __m512i (&sums)[MR][NV], const GemmTile& tile, uint8_t* c, size_t j, size_t columns) {
  __m512i acc[MR][NV];
  for (int i = 0; i < MR; ++i) {
    for (int v = 0; v < NV; ++v) acc[i][v] = sums[i][v];
  }
  if (tile.epilogue->numerics == Numerics::kTflite) return StoreQuantized<GeneralRequant<true>>(acc, tile, c, j, columns);
  StoreQuantized<GeneralRequant<false>>(acc, tile, c, j, columns);
}

// Stores the accumulators of MR rows and NV * 16 columns, the tile's columns from j on; those at or past tile.n are dropped.
// `c` is the first of the rows.
template <int MR, int NV>
OCTENSOR_INLINE void StoreTile(__m512i (&acc)[MR][NV], const GemmTile& tile, uint8_t* c, size_t j) {
  static_assert(NV >= 1 && NV <= 4, "StoreQuantized packs up to four vectors at a time");
  const Epilogue& e = *tile.epilogue;
  const size_t columns = tile.n - j < size_t{16} * NV ? tile.n - j : size_t{16} * NV;
  switch (e.kind) {
    case OutputKind::kInt32:
      return StoreWide<MR, NV, false>(acc, tile, c, j, columns);
    case OutputKind::kFloat32:
      return StoreWide<MR, NV, true>(acc, tile, c, j, columns);
    case OutputKind::kQuantized:
      if (e.numerics == Numerics::kOnnx) return StoreQuantized<OnnxRequant>(acc, tile, c, j, columns);
      if (e.general_fixed_point) {
        __m512i sums[MR][NV];  // of which somebody else may have the address
        OCTENSOR_UNROLL for (int i = 0; i < MR; ++i) { OCTENSOR_UNROLL for (int v = 0; v < NV; ++v) sums[i][v] = acc[i][v]; }
        return StoreGeneral<MR, NV>(sums, tile, c, j, columns);
      }
      if (e.numerics == Numerics::kTflite) return StoreQuantized<FixedRequant<true>>(acc, tile, c, j, columns);
      return StoreQuantized<FixedRequant<false>>(acc, tile, c, j, columns);
  }
}

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_AVX512_EPILOGUE_H_
