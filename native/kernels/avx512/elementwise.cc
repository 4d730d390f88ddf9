// Add and Mul of quantized tensors, 64 elements at a time.
#include "kernels/elementwise.h"

#include "kernels/avx512/epilogue.h"
#include "kernels/elementwise_scalar.h"

namespace octensor {
namespace {

constexpr size_t kStep = 64;

// 32 bytes as int16 in order. Unpacking those with anything and packing again, both within 128-bit lanes, keeps the order.
OCTENSOR_INLINE __m512i Widen(__m256i bytes, __m512i zero_point) {
  return _mm512_sub_epi16(_mm512_cvtepu8_epi16(bytes), zero_point);
}

// One operand of a fixed-point Add whose factor is below 1/2: 32 differences d to M(d << 20), as the pairs of vectors that
// unpacking makes of them.
//
//   tflite: ((d << 20) q + 2^30 + 2^(30+e) - [d < 0] 2^31) >> (31 + e)
//         = (((d q + 2^10) >> 11) + 2^(e-1) - [d < 0]) >> e
//   single: ((d << 20) q + 2^(30+e)) >> (31 + e) = (((d q) >> 11) + 2^(e-1)) >> e
//
// d has 9 bits, so 16-bit multiplications do: with q = high 2^16 + low, low in [-2^15, 2^15),
//   (d q + 2^10) >> 11 = 32 d high + ((d low + 2^10) >> 11)
// where the last term is a vpmulhrsw (or a vpmulhw, without the 2^10), and vpmaddwd adds the two. `high` can be 2^15, hence
// its sign and that of the difference are changed.
template <bool kTflite>
struct AddFactor {
  __m512i zero_point, low, pair, half, shift;

  OCTENSOR_INLINE AddFactor(FixedPoint m, int32_t z) {
    const auto low_part = static_cast<int16_t>(m.multiplier & 0xffff);
    const int32_t high = static_cast<int32_t>((int64_t{m.multiplier} - low_part) >> 16);
    const int right = m.multiplier == 0 ? 31 : -m.exponent;  // zero is zero at any shift
    zero_point = _mm512_set1_epi16(static_cast<int16_t>(z));
    low = _mm512_set1_epi16(low_part);
    pair = _mm512_set1_epi32(static_cast<int32_t>((static_cast<uint32_t>(-high) & 0xffff) | 1u << 16));
    half = _mm512_set1_epi32(right > 0 ? 1 << (right - 1) : 0);
    shift = _mm512_set1_epi32(right);
  }
  OCTENSOR_INLINE void operator()(__m256i bytes, __m512i* even, __m512i* odd) const {
    const __m512i negated = _mm512_sub_epi16(zero_point, _mm512_cvtepu8_epi16(bytes));
    __m512i rest;
    if (kTflite) {
      const __m512i d = _mm512_mullo_epi16(negated, _mm512_set1_epi16(-16));
      const __m512i sign = _mm512_mulhi_epi16(d, _mm512_set1_epi16(1));  // -1 or 0; multipliers have less to do than shifters
      rest = _mm512_add_epi16(_mm512_mulhrs_epi16(d, low), sign);
    } else {
      rest = _mm512_mulhi_epi16(_mm512_mullo_epi16(negated, _mm512_set1_epi16(-32)), low);
    }
    const __m512i d = _mm512_mullo_epi16(negated, _mm512_set1_epi16(32));
    const __m512i x = _mm512_madd_epi16(_mm512_unpacklo_epi16(d, rest), pair);
    const __m512i z = _mm512_madd_epi16(_mm512_unpackhi_epi16(d, rest), pair);
    *even = _mm512_srav_epi32(_mm512_add_epi32(x, half), shift);
    *odd = _mm512_srav_epi32(_mm512_add_epi32(z, half), shift);
  }
};

// The operand whose factor is 1/2: d << 19, negated where `sign` is -1.
struct AddHalf {
  __m512i zero_point, factor;

  OCTENSOR_INLINE AddHalf(int32_t z, int sign)
      : zero_point(_mm512_set1_epi16(static_cast<int16_t>(z))), factor(_mm512_set1_epi16(static_cast<int16_t>(8 * sign))) {}
  OCTENSOR_INLINE void operator()(__m256i bytes, __m512i* even, __m512i* odd) const {
    const __m512i d = _mm512_mullo_epi16(Widen(bytes, zero_point), factor);
    *even = _mm512_unpacklo_epi16(_mm512_setzero_si512(), d);
    *odd = _mm512_unpackhi_epi16(_mm512_setzero_si512(), d);
  }
};

// y = clamp(body(a, b)), all as uint8, 64 at a time.
template <class Params, class Body>
OCTENSOR_INLINE void ForEach64(const Params& p, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n, const Body& body) {
  const __m512i a_flip = _mm512_set1_epi8(static_cast<char>(p.a_flip)), b_flip = _mm512_set1_epi8(static_cast<char>(p.b_flip));
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

// 64 int16 of two vectors to uint8 in order.
OCTENSOR_INLINE __m512i PackBytes(__m512i low, __m512i high) {
  return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), _mm512_packus_epi16(low, high));
}

OCTENSOR_INLINE __m256i Part(__m512i x, int half) {
  return half == 0 ? _mm512_castsi512_si256(x) : _mm512_extracti64x4_epi64(x, 1);
}

// What epilogues read, of one channel that stands for 16.
struct OneChannel {
  alignas(64) int32_t multiplier[16], exponent[16];
  Epilogue epilogue;

  explicit OneChannel(FixedPoint m) : epilogue() {
    for (int i = 0; i < 16; ++i) {
      multiplier[i] = m.multiplier;
      exponent[i] = m.multiplier == 0 ? -31 : m.exponent;
    }
    epilogue.multiplier = multiplier;
    epilogue.exponent = exponent;
  }
};

// a has the factor 1/2, times `sign`; b has any, or 1/2 as well.
template <bool kTflite, bool kBothHalf, bool kSubtract>
OCTENSOR_NOINLINE void AddFixed(const AddParams& p, int sign, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n) {
  const OneChannel channel(p.y_scale);
  FixedRequant<kTflite> requant(channel.epilogue, 0);
  // The zero point goes into what is added for rounding, whose upper half then stays below 2^31.
  const int right = -channel.exponent[0];
  const bool is_folded = right <= 22;
  if (is_folded) {
    const __m512i shifted = _mm512_set1_epi64(int64_t{p.zero_point} << ((kTflite ? 32 : 31) + right));
    requant.round_even = _mm512_add_epi64(requant.round_even, shifted);
    requant.round_odd = _mm512_add_epi64(requant.round_odd, shifted);
  }
  const __m512i zero_point = _mm512_set1_epi16(static_cast<int16_t>(p.zero_point));
  const AddHalf half(p.a_zero_point, sign), other_half(p.b_zero_point, 1);
  const AddFactor<kTflite> factor(p.b_scale, p.b_zero_point);
  ForEach64(p, a, b, y, n, [&](__m512i x, __m512i z) {
    __m512i words[2];
    OCTENSOR_UNROLL for (int part = 0; part < 2; ++part) {
      __m512i u[2], v[2];
      half(Part(x, part), &u[0], &u[1]);
      if (kBothHalf) {
        other_half(Part(z, part), &v[0], &v[1]);
      } else {
        factor(Part(z, part), &v[0], &v[1]);
      }
      OCTENSOR_UNROLL for (int i = 0; i < 2; ++i) {
        u[i] = requant(kSubtract ? _mm512_sub_epi32(u[i], v[i]) : _mm512_add_epi32(u[i], v[i]));
      }
      words[part] = _mm512_packs_epi32(u[0], u[1]);
      if (!is_folded) words[part] = _mm512_adds_epi16(words[part], zero_point);
    }
    return PackBytes(words[0], words[1]);
  });
}

// combine(x, z) of 64 bytes less their zero points as int32, 16 at a time; it returns integers, to which `zero_point` is added.
template <class Params, class Combine>
OCTENSOR_INLINE __m512i By16(const Params& p, int32_t zero_point, __m512i x, __m512i z, const Combine& combine) {
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

template <bool kSubtract>
OCTENSOR_NOINLINE void AddOnnx(const AddParams& p, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n) {
  const __m512 scale_a = _mm512_set1_ps(p.a_real), scale_b = _mm512_set1_ps(p.b_real), scale_y = _mm512_set1_ps(p.y_real);
  ForEach64(p, a, b, y, n, [&](__m512i x, __m512i z) {
    return By16(p, p.zero_point, x, z, [&](__m512i left, __m512i right) {
      const __m512 u = _mm512_mul_ps(_mm512_cvtepi32_ps(left), scale_a), v = _mm512_mul_ps(_mm512_cvtepi32_ps(right), scale_b);
      const __m512 quotient = _mm512_div_ps(kSubtract ? _mm512_sub_ps(u, v) : _mm512_add_ps(u, v), scale_y);
      return _mm512_cvtps_epi32(_mm512_min_ps(quotient, _mm512_set1_ps(1024.0f)));  // as in OnnxRequant
    });
  });
}

template <bool kTflite>
void AddFixedOf(const AddParams& p, bool a_is_half, bool b_is_half, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n) {
  if (!a_is_half) {  // a - b is -b + a
    AddParams swapped = p;
    swapped.a_flip = p.b_flip, swapped.a_zero_point = p.b_zero_point, swapped.a_scale = p.b_scale;
    swapped.b_flip = p.a_flip, swapped.b_zero_point = p.a_zero_point, swapped.b_scale = p.a_scale;
    return AddFixed<kTflite, false, false>(swapped, p.subtract ? -1 : 1, b, a, y, n);
  }
  if (b_is_half) {
    return p.subtract ? AddFixed<kTflite, true, true>(p, 1, a, b, y, n) : AddFixed<kTflite, true, false>(p, 1, a, b, y, n);
  }
  return p.subtract ? AddFixed<kTflite, false, true>(p, 1, a, b, y, n) : AddFixed<kTflite, false, false>(p, 1, a, b, y, n);
}

void Add(const AddParams& p, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n) {
  if (p.numerics == Numerics::kOnnx) return p.subtract ? AddOnnx<true>(p, a, b, y, n) : AddOnnx<false>(p, a, b, y, n);
  if (p.general) return AddScalar(p, a, b, y, n);
  const bool a_is_half = IsHalf(p.a_scale), b_is_half = IsHalf(p.b_scale);
  return p.numerics == Numerics::kTflite ? AddFixedOf<true>(p, a_is_half, b_is_half, a, b, y, n)
                                         : AddFixedOf<false>(p, a_is_half, b_is_half, a, b, y, n);
}

template <bool kTflite>
OCTENSOR_NOINLINE void MulFixed(const MulParams& p, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n) {
  const OneChannel channel(p.scale);
  const FixedRequant<kTflite> requant(channel.epilogue, 0);
  const __m512i a_zero = _mm512_set1_epi16(static_cast<int16_t>(p.a_zero_point));
  const __m512i b_zero = _mm512_set1_epi16(static_cast<int16_t>(p.b_zero_point));
  const __m512i y_zero = _mm512_set1_epi16(static_cast<int16_t>(p.zero_point));
  ForEach64(p, a, b, y, n, [&](__m512i x, __m512i z) {
    __m512i words[2];
    OCTENSOR_UNROLL for (int part = 0; part < 2; ++part) {
      const __m512i u = Widen(Part(x, part), a_zero), v = Widen(Part(z, part), b_zero);
      const __m512i low = _mm512_mullo_epi16(u, v), high = _mm512_mulhi_epi16(u, v);
      const __m512i first = requant(_mm512_unpacklo_epi16(low, high)), second = requant(_mm512_unpackhi_epi16(low, high));
      words[part] = _mm512_adds_epi16(_mm512_packs_epi32(first, second), y_zero);
    }
    return PackBytes(words[0], words[1]);
  });
}

OCTENSOR_NOINLINE void MulOnnx(const MulParams& p, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n) {
  const __m512 scale = _mm512_set1_ps(p.real), zero = _mm512_set1_ps(p.real_zero_point);
  ForEach64(p, a, b, y, n, [&](__m512i x, __m512i z) {
    return By16(p, p.y_flip, x, z, [&](__m512i left, __m512i right) {
      const __m512 product = _mm512_cvtepi32_ps(_mm512_mullo_epi32(left, right));
      const __m512 real = _mm512_add_ps(_mm512_mul_ps(product, scale), zero);
      return _mm512_cvtps_epi32(_mm512_min_ps(real, _mm512_set1_ps(1024.0f)));
    });
  });
}

void Mul(const MulParams& p, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n) {
  if (p.numerics == Numerics::kOnnx) return MulOnnx(p, a, b, y, n);
  if (p.general) return MulScalar(p, a, b, y, n);
  return p.numerics == Numerics::kTflite ? MulFixed<true>(p, a, b, y, n) : MulFixed<false>(p, a, b, y, n);
}

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
const ElementwiseKernels kElementwise_avx512 = {"octensor_elementwise__avx512", Isa::kAvx512, Add, Mul, Quantize, Map};

}  // namespace octensor
