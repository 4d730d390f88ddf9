// Add and Mul of quantized tensors, 32 elements at a time. avx512/elementwise.cc is the same on 512 bits.
#include "kernels/elementwise.h"

#include "kernels/avx2/epilogue.h"
#include "kernels/elementwise_scalar.h"

namespace octensor {
namespace {

constexpr size_t kStep = 32;

// 16 bytes as int16 in order. Unpacking those with anything and packing again, both within 128-bit lanes, keeps the order.
OCTENSOR_INLINE __m256i Widen(__m128i bytes, __m256i zero_point) {
  return _mm256_sub_epi16(_mm256_cvtepu8_epi16(bytes), zero_point);
}

// One operand of a fixed-point Add whose factor is below 1/2: 16 differences d to M(d << 20), as the pairs of vectors that
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
  __m256i zero_point, low, pair, half, shift;

  OCTENSOR_INLINE AddFactor(FixedPoint m, int32_t z) {
    const auto low_part = static_cast<int16_t>(m.multiplier & 0xffff);
    const int32_t high = static_cast<int32_t>((int64_t{m.multiplier} - low_part) >> 16);
    const int right = m.multiplier == 0 ? 31 : -m.exponent;  // zero is zero at any shift
    zero_point = _mm256_set1_epi16(static_cast<int16_t>(z));
    low = _mm256_set1_epi16(low_part);
    pair = _mm256_set1_epi32(static_cast<int32_t>((static_cast<uint32_t>(-high) & 0xffff) | 1u << 16));
    half = _mm256_set1_epi32(right > 0 ? 1 << (right - 1) : 0);
    shift = _mm256_set1_epi32(right);
  }
  OCTENSOR_INLINE void operator()(__m128i bytes, __m256i* even, __m256i* odd) const {
    const __m256i negated = _mm256_sub_epi16(zero_point, _mm256_cvtepu8_epi16(bytes));
    __m256i rest;
    if (kTflite) {
      const __m256i d = _mm256_mullo_epi16(negated, _mm256_set1_epi16(-16));
      rest = _mm256_add_epi16(_mm256_mulhrs_epi16(d, low), _mm256_srai_epi16(d, 15));
    } else {
      rest = _mm256_mulhi_epi16(_mm256_mullo_epi16(negated, _mm256_set1_epi16(-32)), low);
    }
    const __m256i d = _mm256_slli_epi16(negated, 5);
    const __m256i x = _mm256_madd_epi16(_mm256_unpacklo_epi16(d, rest), pair);
    const __m256i z = _mm256_madd_epi16(_mm256_unpackhi_epi16(d, rest), pair);
    *even = _mm256_srav_epi32(_mm256_add_epi32(x, half), shift);
    *odd = _mm256_srav_epi32(_mm256_add_epi32(z, half), shift);
  }
};

// The operand whose factor is 1/2: d << 19, negated where `sign` is -1.
struct AddHalf {
  __m256i zero_point, factor;

  OCTENSOR_INLINE AddHalf(int32_t z, int sign)
      : zero_point(_mm256_set1_epi16(static_cast<int16_t>(z))), factor(_mm256_set1_epi16(static_cast<int16_t>(8 * sign))) {}
  OCTENSOR_INLINE void operator()(__m128i bytes, __m256i* even, __m256i* odd) const {
    const __m256i d = _mm256_mullo_epi16(Widen(bytes, zero_point), factor);
    *even = _mm256_unpacklo_epi16(_mm256_setzero_si256(), d);
    *odd = _mm256_unpackhi_epi16(_mm256_setzero_si256(), d);
  }
};

OCTENSOR_INLINE __m256i Load(const uint8_t* x) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x)); }
OCTENSOR_INLINE void Store(uint8_t* y, __m256i x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), x); }

// y = clamp(body(a, b)), all as uint8, 32 at a time.
template <class Params, class Body>
OCTENSOR_INLINE void ForEach32(const Params& p, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n, const Body& body) {
  const __m256i a_flip = _mm256_set1_epi8(static_cast<char>(p.a_flip)), b_flip = _mm256_set1_epi8(static_cast<char>(p.b_flip));
  const __m256i lo = _mm256_set1_epi8(static_cast<char>(p.lo)), hi = _mm256_set1_epi8(static_cast<char>(p.hi));
  const __m256i y_flip = _mm256_set1_epi8(static_cast<char>(p.y_flip));
  const auto run = [&](__m256i x, __m256i z) {  // lambdas of one or two calls are inlined
    const __m256i q = body(_mm256_xor_si256(x, a_flip), _mm256_xor_si256(z, b_flip));
    return _mm256_xor_si256(_mm256_min_epu8(_mm256_max_epu8(q, lo), hi), y_flip);
  };
  size_t i = 0;
  for (; i + kStep <= n; i += kStep) Store(y + i, run(Load(a + i), Load(b + i)));
  if (i == n) return;
  uint8_t x[kStep] = {}, z[kStep] = {};
  memcpy(x, a + i, n - i);
  memcpy(z, b + i, n - i);
  Store(x, run(Load(x), Load(z)));
  memcpy(y + i, x, n - i);
}

// 32 int16 of two vectors to uint8 in order.
OCTENSOR_INLINE __m256i PackBytes(__m256i low, __m256i high) {
  return _mm256_permute4x64_epi64(_mm256_packus_epi16(low, high), 0xd8);
}

OCTENSOR_INLINE __m128i Part(__m256i x, int half) {
  return half == 0 ? _mm256_castsi256_si128(x) : _mm256_extracti128_si256(x, 1);
}

// What epilogues read, of one channel that stands for 8.
struct OneChannel {
  alignas(32) int32_t multiplier[8], exponent[8];
  Epilogue epilogue;

  explicit OneChannel(FixedPoint m) : epilogue() {
    for (int i = 0; i < 8; ++i) {
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
  const FixedRequant<kTflite> requant(channel.epilogue, 0);
  const __m256i zero_point = _mm256_set1_epi16(static_cast<int16_t>(p.zero_point));
  const AddHalf half(p.a_zero_point, sign), other_half(p.b_zero_point, 1);
  const AddFactor<kTflite> factor(p.b_scale, p.b_zero_point);
  ForEach32(p, a, b, y, n, [&](__m256i x, __m256i z) {
    __m256i words[2];
    OCTENSOR_UNROLL for (int part = 0; part < 2; ++part) {
      __m256i u[2], v[2];
      half(Part(x, part), &u[0], &u[1]);
      if (kBothHalf) {
        other_half(Part(z, part), &v[0], &v[1]);
      } else {
        factor(Part(z, part), &v[0], &v[1]);
      }
      OCTENSOR_UNROLL for (int i = 0; i < 2; ++i) {
        u[i] = requant(kSubtract ? _mm256_sub_epi32(u[i], v[i]) : _mm256_add_epi32(u[i], v[i]));
      }
      words[part] = _mm256_adds_epi16(_mm256_packs_epi32(u[0], u[1]), zero_point);
    }
    return PackBytes(words[0], words[1]);
  });
}

// combine(x, z) of 32 bytes less their zero points as int32, 8 at a time; it returns integers, to which `zero_point` is added.
template <class Params, class Combine>
OCTENSOR_INLINE __m256i By8(const Params& p, int32_t zero_point, __m256i x, __m256i z, const Combine& combine) {
  const __m256i x_zero = _mm256_set1_epi32(p.a_zero_point), z_zero = _mm256_set1_epi32(p.b_zero_point);
  const __m256i y_zero = _mm256_set1_epi16(static_cast<int16_t>(zero_point));
  const __m128i xs[2] = {Part(x, 0), Part(x, 1)}, zs[2] = {Part(z, 0), Part(z, 1)};
  __m256i q[4];
  OCTENSOR_UNROLL for (int i = 0; i < 4; ++i) {
    const __m128i u = i % 2 == 0 ? xs[i / 2] : _mm_srli_si128(xs[i / 2], 8);
    const __m128i v = i % 2 == 0 ? zs[i / 2] : _mm_srli_si128(zs[i / 2], 8);
    q[i] = combine(_mm256_sub_epi32(_mm256_cvtepu8_epi32(u), x_zero), _mm256_sub_epi32(_mm256_cvtepu8_epi32(v), z_zero));
  }
  const __m256i low = _mm256_adds_epi16(_mm256_packs_epi32(q[0], q[1]), y_zero);
  const __m256i high = _mm256_adds_epi16(_mm256_packs_epi32(q[2], q[3]), y_zero);
  return _mm256_permutevar8x32_epi32(_mm256_packus_epi16(low, high), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

template <bool kSubtract>
OCTENSOR_NOINLINE void AddOnnx(const AddParams& p, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n) {
  const __m256 scale_a = _mm256_set1_ps(p.a_real), scale_b = _mm256_set1_ps(p.b_real), scale_y = _mm256_set1_ps(p.y_real);
  ForEach32(p, a, b, y, n, [&](__m256i x, __m256i z) {
    return By8(p, p.zero_point, x, z, [&](__m256i left, __m256i right) {
      const __m256 u = _mm256_mul_ps(_mm256_cvtepi32_ps(left), scale_a), v = _mm256_mul_ps(_mm256_cvtepi32_ps(right), scale_b);
      const __m256 quotient = _mm256_div_ps(kSubtract ? _mm256_sub_ps(u, v) : _mm256_add_ps(u, v), scale_y);
      return _mm256_cvtps_epi32(_mm256_min_ps(quotient, _mm256_set1_ps(1024.0f)));  // as in OnnxRequant
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
  const __m256i a_zero = _mm256_set1_epi16(static_cast<int16_t>(p.a_zero_point));
  const __m256i b_zero = _mm256_set1_epi16(static_cast<int16_t>(p.b_zero_point));
  const __m256i y_zero = _mm256_set1_epi16(static_cast<int16_t>(p.zero_point));
  ForEach32(p, a, b, y, n, [&](__m256i x, __m256i z) {
    __m256i words[2];
    OCTENSOR_UNROLL for (int part = 0; part < 2; ++part) {
      const __m256i u = Widen(Part(x, part), a_zero), v = Widen(Part(z, part), b_zero);
      const __m256i low = _mm256_mullo_epi16(u, v), high = _mm256_mulhi_epi16(u, v);
      const __m256i first = requant(_mm256_unpacklo_epi16(low, high)), second = requant(_mm256_unpackhi_epi16(low, high));
      words[part] = _mm256_adds_epi16(_mm256_packs_epi32(first, second), y_zero);
    }
    return PackBytes(words[0], words[1]);
  });
}

OCTENSOR_NOINLINE void MulOnnx(const MulParams& p, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n) {
  const __m256 scale = _mm256_set1_ps(p.real), zero = _mm256_set1_ps(p.real_zero_point);
  ForEach32(p, a, b, y, n, [&](__m256i x, __m256i z) {
    return By8(p, p.y_flip, x, z, [&](__m256i left, __m256i right) {
      const __m256 product = _mm256_cvtepi32_ps(_mm256_mullo_epi32(left, right));
      const __m256 real = _mm256_add_ps(_mm256_mul_ps(product, scale), zero);
      return _mm256_cvtps_epi32(_mm256_min_ps(real, _mm256_set1_ps(1024.0f)));
    });
  });
}

void Mul(const MulParams& p, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n) {
  if (p.numerics == Numerics::kOnnx) return MulOnnx(p, a, b, y, n);
  if (p.general) return MulScalar(p, a, b, y, n);
  return p.numerics == Numerics::kTflite ? MulFixed<true>(p, a, b, y, n) : MulFixed<false>(p, a, b, y, n);
}

// Rounds half away from zero: 1/2 less one unit in its last place takes halves over the next integer, and nothing below a half.
OCTENSOR_INLINE __m256i RoundAway(__m256 q) {
  const __m256 sign = _mm256_and_ps(q, _mm256_set1_ps(-0.0f));
  return _mm256_cvttps_epi32(_mm256_add_ps(q, _mm256_or_ps(sign, _mm256_set1_ps(0.49999997f))));
}

// 16 elements.
template <bool kHalfEven>
OCTENSOR_INLINE void Quantize16(const QuantizeParams& p, const float* x, void* y) {
  __m256i q[2];
  OCTENSOR_UNROLL for (int i = 0; i < 2; ++i) {
    const __m256 quotient = _mm256_div_ps(_mm256_loadu_ps(x + 8 * i), _mm256_set1_ps(p.scale));
    // Of a NaN and a number: the second operand.
    __m256 bounded = _mm256_min_ps(_mm256_set1_ps(p.hi), _mm256_max_ps(_mm256_set1_ps(p.lo), quotient));
    bounded = _mm256_and_ps(bounded, _mm256_cmp_ps(bounded, bounded, _CMP_ORD_Q));
    q[i] = _mm256_add_epi32(kHalfEven ? _mm256_cvtps_epi32(bounded) : RoundAway(bounded), _mm256_set1_epi32(p.zero_point));
  }
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(q[0], q[1]), 0xd8);
  const __m128i low = _mm256_castsi256_si128(words), high = _mm256_extracti128_si256(words, 1);
  if (p.type == IntegerType::kInt16) {
    _mm256_storeu_si256(static_cast<__m256i*>(y), words);
  } else {
    const bool is_signed = p.type == IntegerType::kInt8;
    _mm_storeu_si128(static_cast<__m128i*>(y), is_signed ? _mm_packs_epi16(low, high) : _mm_packus_epi16(low, high));
  }
}

template <bool kHalfEven>
void QuantizeAll(const QuantizeParams& p, const float* x, void* y, size_t n) {
  const size_t bytes = p.type == IntegerType::kInt16 ? 2 : 1;
  uint8_t* to = static_cast<uint8_t*>(y);
  size_t i = 0;
  for (; i + 16 <= n; i += 16) Quantize16<kHalfEven>(p, x + i, to + i * bytes);
  if (i == n) return;
  float rest[16] = {};
  uint8_t integers[32];
  memcpy(rest, x + i, (n - i) * sizeof(float));
  Quantize16<kHalfEven>(p, rest, integers);
  memcpy(to + i * bytes, integers, (n - i) * bytes);
}

void Quantize(const QuantizeParams& p, const float* x, void* y, size_t n) {
  return p.half_even ? QuantizeAll<true>(p, x, y, n) : QuantizeAll<false>(p, x, y, n);
}

// A shuffle finds one of 16 bytes, and gives 0 for an index with bit 7: of the table's 16 parts each adds the bytes whose upper
// half is its number. Saturating keeps the others' bit 7 set.
OCTENSOR_INLINE __m256i Map32(const __m256i (&parts)[16], __m256i x) {
  const __m256i limit = _mm256_set1_epi8(0x70);
  __m256i y = _mm256_setzero_si256();
  OCTENSOR_UNROLL for (int i = 0; i < 16; ++i) {
    const __m256i index = _mm256_adds_epu8(_mm256_xor_si256(x, _mm256_set1_epi8(static_cast<char>(16 * i))), limit);
    y = _mm256_or_si256(y, _mm256_shuffle_epi8(parts[i], index));
  }
  return y;
}

void Map(const uint8_t* table, const uint8_t* x, uint8_t* y, size_t n) {
  __m256i parts[16];
  for (int i = 0; i < 16; ++i) {
    parts[i] = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table + 16 * i)));
  }
  size_t i = 0;
  for (; i + kStep <= n; i += kStep) Store(y + i, Map32(parts, Load(x + i)));
  for (; i < n; ++i) y[i] = table[x[i]];
}

}  // namespace

extern const ElementwiseKernels kElementwise_avx2;
const ElementwiseKernels kElementwise_avx2 = {"octensor_elementwise__avx2", Isa::kAvx2, Add, Mul, Quantize, Map};

}  // namespace octensor
