// Add and Mul of quantized tensors, 64 elements at a time; quantization; tables.
#include "kernels/elementwise.h"

#include "kernels/avx512/epilogue.h"
#include "kernels/elementwise_vector.h"

namespace octensor {
namespace {

constexpr size_t kStep = 64;

struct Avx512Bytes {
  using Vector = __m512i;
  using Half = __m256i;
  using Real = __m512;
  template <bool kTflite>
  using Requant = FixedRequant<kTflite>;
  static constexpr int kLanes = 16;

  static OCTENSOR_INLINE Vector Set16(int16_t x) { return _mm512_set1_epi16(x); }
  static OCTENSOR_INLINE Vector Set32(int32_t x) { return _mm512_set1_epi32(x); }
  static OCTENSOR_INLINE Vector Add16(Vector a, Vector b) { return _mm512_add_epi16(a, b); }
  static OCTENSOR_INLINE Vector Sub16(Vector a, Vector b) { return _mm512_sub_epi16(a, b); }
  static OCTENSOR_INLINE Vector Mul16(Vector a, Vector b) { return _mm512_mullo_epi16(a, b); }
  static OCTENSOR_INLINE Vector MulHigh16(Vector a, Vector b) { return _mm512_mulhi_epi16(a, b); }
  static OCTENSOR_INLINE Vector MulRound16(Vector a, Vector b) { return _mm512_mulhrs_epi16(a, b); }
  static OCTENSOR_INLINE Vector AddSaturated16(Vector a, Vector b) { return _mm512_adds_epi16(a, b); }
  static OCTENSOR_INLINE Vector MulPairs(Vector a, Vector b) { return _mm512_madd_epi16(a, b); }
  static OCTENSOR_INLINE Vector ZipLow16(Vector a, Vector b) { return _mm512_unpacklo_epi16(a, b); }
  static OCTENSOR_INLINE Vector ZipHigh16(Vector a, Vector b) { return _mm512_unpackhi_epi16(a, b); }
  static OCTENSOR_INLINE Vector Add32(Vector a, Vector b) { return _mm512_add_epi32(a, b); }
  static OCTENSOR_INLINE Vector Sub32(Vector a, Vector b) { return _mm512_sub_epi32(a, b); }
  static OCTENSOR_INLINE Vector Mul32(Vector a, Vector b) { return _mm512_mullo_epi32(a, b); }
  static OCTENSOR_INLINE Vector ShiftRight32(Vector a, Vector b) { return _mm512_srav_epi32(a, b); }
  static OCTENSOR_INLINE Vector Pack32(Vector a, Vector b) { return _mm512_packs_epi32(a, b); }
  static OCTENSOR_INLINE Vector WidenBytes(Half x) { return _mm512_cvtepu8_epi16(x); }
  static OCTENSOR_INLINE Real SetReal(float x) { return _mm512_set1_ps(x); }
  static OCTENSOR_INLINE Real AddReal(Real a, Real b) { return _mm512_add_ps(a, b); }
  static OCTENSOR_INLINE Real SubReal(Real a, Real b) { return _mm512_sub_ps(a, b); }
  static OCTENSOR_INLINE Real MulReal(Real a, Real b) { return _mm512_mul_ps(a, b); }
  static OCTENSOR_INLINE Real DivReal(Real a, Real b) { return _mm512_div_ps(a, b); }
  static OCTENSOR_INLINE Real MinReal(Real a, Real b) { return _mm512_min_ps(a, b); }
  static OCTENSOR_INLINE Real ToReal(Vector x) { return _mm512_cvtepi32_ps(x); }
  static OCTENSOR_INLINE Vector ToInteger(Real x) { return _mm512_cvtps_epi32(x); }
  // Multipliers have less to do than shifters.
  static OCTENSOR_INLINE Vector Sign16(Vector x) { return _mm512_mulhi_epi16(x, _mm512_set1_epi16(1)); }
  static OCTENSOR_INLINE Vector Times32(Vector x) { return _mm512_mullo_epi16(x, _mm512_set1_epi16(32)); }

  // 64 int16 of two vectors to uint8 in order.
  static OCTENSOR_INLINE __m512i PackBytes(__m512i low, __m512i high) {
    return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), _mm512_packus_epi16(low, high));
  }

  static OCTENSOR_INLINE __m256i Part(__m512i x, int half) {
    return half == 0 ? _mm512_castsi512_si256(x) : _mm512_extracti64x4_epi64(x, 1);
  }

  // It goes into what is added for rounding, whose upper half then stays below 2^31.
  template <bool kTflite>
  static OCTENSOR_INLINE bool FoldZeroPoint(int32_t zero_point, int right, Requant<kTflite>* requant) {
    if (right > 22) return false;
    const __m512i shifted = _mm512_set1_epi64(int64_t{zero_point} << ((kTflite ? 32 : 31) + right));
    requant->round_even = _mm512_add_epi64(requant->round_even, shifted);
    requant->round_odd = _mm512_add_epi64(requant->round_odd, shifted);
    return true;
  }

  // y = clamp(body(a, b)), all as uint8, 64 at a time.
  template <class Params, class Body>
  static OCTENSOR_INLINE void ForEach(const Params& p, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n,
                                      const Body& body) {
    const __m512i a_flip = _mm512_set1_epi8(static_cast<char>(p.a_flip)),
                  b_flip = _mm512_set1_epi8(static_cast<char>(p.b_flip));
    const __m512i lo = _mm512_set1_epi8(static_cast<char>(p.lo)), hi = _mm512_set1_epi8(static_cast<char>(p.hi));
    const __m512i y_flip = _mm512_set1_epi8(static_cast<char>(p.y_flip));
    const bool clamps = p.lo != 0 || p.hi != 255;
    const auto run = [&](__m512i x, __m512i z) {
      __m512i q = body(_mm512_xor_si512(x, a_flip), _mm512_xor_si512(z, b_flip));
      if (clamps) q = _mm512_min_epu8(_mm512_max_epu8(q, lo), hi);
      return _mm512_xor_si512(q, y_flip);
    };
    size_t i = 0;
    for (; i + kStep <= n; i += kStep) _mm512_storeu_si512(y + i, run(_mm512_loadu_si512(a + i), _mm512_loadu_si512(b + i)));
    if (i == n) return;
    const __mmask64 mask = (__mmask64{1} << (n - i)) - 1;
    const __m512i q = run(_mm512_maskz_loadu_epi8(mask, a + i), _mm512_maskz_loadu_epi8(mask, b + i));
    _mm512_mask_storeu_epi8(y + i, mask, q);
  }

  // combine(x, z) of 64 bytes less their zero points as int32, 16 at a time; it returns integers, to which `zero_point` is
  // added.
  template <class Params, class Combine>
  static OCTENSOR_INLINE __m512i ByLanes(const Params& p, int32_t zero_point, __m512i x, __m512i z, const Combine& combine) {
    const __m512i x_zero = _mm512_set1_epi32(p.a_zero_point), z_zero = _mm512_set1_epi32(p.b_zero_point);
    const __m512i y_zero = _mm512_set1_epi16(static_cast<int16_t>(zero_point));
    const __m128i xs[4] = {_mm512_castsi512_si128(x), _mm512_extracti32x4_epi32(x, 1), _mm512_extracti32x4_epi32(x, 2),
                           _mm512_extracti32x4_epi32(x, 3)};
    const __m128i zs[4] = {_mm512_castsi512_si128(z), _mm512_extracti32x4_epi32(z, 1), _mm512_extracti32x4_epi32(z, 2),
                           _mm512_extracti32x4_epi32(z, 3)};
    __m512i q[4];
    OCTENSOR_UNROLL for (int i = 0; i < 4; ++i) {
      q[i] =
          combine(_mm512_sub_epi32(_mm512_cvtepu8_epi32(xs[i]), x_zero), _mm512_sub_epi32(_mm512_cvtepu8_epi32(zs[i]), z_zero));
    }
    const __m512i low = _mm512_adds_epi16(_mm512_packs_epi32(q[0], q[1]), y_zero);
    const __m512i high = _mm512_adds_epi16(_mm512_packs_epi32(q[2], q[3]), y_zero);
    return _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
                                    _mm512_packus_epi16(low, high));
  }
};

using Elementwise = VectorElementwise<Avx512Bytes>;

// Rounds half away from zero: 1/2 less one unit in its last place takes halves over the next integer, and nothing below a half.
OCTENSOR_INLINE __m512i RoundAway(__m512 q) {
  const __m512 sign = _mm512_and_ps(q, _mm512_set1_ps(-0.0f));
  return _mm512_cvttps_epi32(_mm512_add_ps(q, _mm512_or_ps(sign, _mm512_set1_ps(0.49999997f))));
}

template <bool kHalfEven>
void QuantizeAll(const QuantizeParams& p, const float* x, void* y, size_t n) {
  const __m512 scale = _mm512_set1_ps(p.scale), lo = _mm512_set1_ps(p.lo), hi = _mm512_set1_ps(p.hi);
  const __m512i zero_point = _mm512_set1_epi32(p.zero_point);
  const bool is_wide = p.type == IntegerType::kInt16;
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 mask = n - i >= 16 ? 0xffff : static_cast<__mmask16>((1u << (n - i)) - 1);
    __m512 q = _mm512_div_ps(_mm512_maskz_loadu_ps(mask, x + i), scale);
    q = _mm512_min_ps(hi, _mm512_max_ps(lo, q));  // of a NaN and a number: the second operand
    q = _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(q, q, _CMP_ORD_Q), q);
    const __m512i integers = _mm512_add_epi32(kHalfEven ? _mm512_cvtps_epi32(q) : RoundAway(q), zero_point);
    if (is_wide) {
      _mm512_mask_cvtepi32_storeu_epi16(static_cast<int16_t*>(y) + i, mask, integers);
    } else if (mask == 0xffff) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(static_cast<uint8_t*>(y) + i), _mm512_cvtepi32_epi8(integers));
    } else {
      _mm512_mask_cvtepi32_storeu_epi8(static_cast<uint8_t*>(y) + i, mask, integers);
    }
  }
}

void Quantize(const QuantizeParams& p, const float* x, void* y, size_t n) {
  return p.half_even ? QuantizeAll<true>(p, x, y, n) : QuantizeAll<false>(p, x, y, n);
}

// Without vpermb: the table is 128 words, of which vpermi2w finds one of 64 by bits 1 to 6 of a byte; bit 7 chooses between two
// of those, bit 0 between the bytes of the word.
OCTENSOR_INLINE __m512i Find(const __m512i (&table)[4], __m512i index, __mmask32 upper) {
  const __m512i low = _mm512_permutex2var_epi16(table[0], index, table[1]);
  const __m512i high = _mm512_permutex2var_epi16(table[2], index, table[3]);
  return _mm512_mask_mov_epi16(low, upper, high);
}

void Map(const uint8_t* table, const uint8_t* x, uint8_t* y, size_t n) {
  const __m512i words[4] = {_mm512_loadu_si512(table), _mm512_loadu_si512(table + 64), _mm512_loadu_si512(table + 128),
                            _mm512_loadu_si512(table + 192)};
  const __m512i eight = _mm512_set1_epi16(8), odd_bytes = _mm512_set1_epi16(static_cast<int16_t>(0xff00));
  for (size_t i = 0; i < n; i += kStep) {
    const __mmask64 mask = n - i >= kStep ? ~__mmask64{0} : (__mmask64{1} << (n - i)) - 1;
    const __m512i pair = _mm512_maskz_loadu_epi8(mask, x + i);  // two elements a word
    const __m512i even = Find(words, _mm512_srli_epi16(pair, 1), _mm512_test_epi16_mask(pair, _mm512_set1_epi16(0x80)));
    const __m512i odd = Find(words, _mm512_srli_epi16(pair, 9), _mm512_movepi16_mask(pair));
    // An even element's byte comes down, an odd one's goes up; what is beside it is masked away.
    const __m512i down = _mm512_srlv_epi16(even, _mm512_and_si512(_mm512_slli_epi16(pair, 3), eight));
    const __m512i up = _mm512_sllv_epi16(odd, _mm512_andnot_si512(_mm512_srli_epi16(pair, 5), eight));
    _mm512_mask_storeu_epi8(y + i, mask, _mm512_ternarylogic_epi32(odd_bytes, up, down, 0xca));
  }
}

}  // namespace

extern const ElementwiseKernels kElementwise_avx512;
const ElementwiseKernels kElementwise_avx512 = {
    "octensor_elementwise__avx512", Isa::kAvx512, Elementwise::Add, Elementwise::Mul, Quantize, Map};

}  // namespace octensor
