// Add and Mul of quantized tensors, 32 elements at a time; quantization; tables.
#include "kernels/elementwise.h"

#include "kernels/avx2/epilogue.h"
#include "kernels/elementwise_vector.h"

namespace octensor {
namespace {

constexpr size_t kStep = 32;

OCTENSOR_INLINE __m256i Load(const uint8_t* x) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x)); }
OCTENSOR_INLINE void Store(uint8_t* y, __m256i x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), x); }

struct Avx2Bytes {
  using Vector = __m256i;
  using Half = __m128i;
  using Real = __m256;
  template <bool kTflite>
  using Requant = FixedRequant<kTflite>;
  static constexpr int kLanes = 8;

  static OCTENSOR_INLINE Vector Set16(int16_t x) { return _mm256_set1_epi16(x); }
  static OCTENSOR_INLINE Vector Set32(int32_t x) { return _mm256_set1_epi32(x); }
  static OCTENSOR_INLINE Vector Add16(Vector a, Vector b) { return _mm256_add_epi16(a, b); }
  static OCTENSOR_INLINE Vector Sub16(Vector a, Vector b) { return _mm256_sub_epi16(a, b); }
  static OCTENSOR_INLINE Vector Mul16(Vector a, Vector b) { return _mm256_mullo_epi16(a, b); }
  static OCTENSOR_INLINE Vector MulHigh16(Vector a, Vector b) { return _mm256_mulhi_epi16(a, b); }
  static OCTENSOR_INLINE Vector MulRound16(Vector a, Vector b) { return _mm256_mulhrs_epi16(a, b); }
  static OCTENSOR_INLINE Vector AddSaturated16(Vector a, Vector b) { return _mm256_adds_epi16(a, b); }
  static OCTENSOR_INLINE Vector MulPairs(Vector a, Vector b) { return _mm256_madd_epi16(a, b); }
  static OCTENSOR_INLINE Vector ZipLow16(Vector a, Vector b) { return _mm256_unpacklo_epi16(a, b); }
  static OCTENSOR_INLINE Vector ZipHigh16(Vector a, Vector b) { return _mm256_unpackhi_epi16(a, b); }
  static OCTENSOR_INLINE Vector Add32(Vector a, Vector b) { return _mm256_add_epi32(a, b); }
  static OCTENSOR_INLINE Vector Sub32(Vector a, Vector b) { return _mm256_sub_epi32(a, b); }
  static OCTENSOR_INLINE Vector Mul32(Vector a, Vector b) { return _mm256_mullo_epi32(a, b); }
  static OCTENSOR_INLINE Vector ShiftRight32(Vector a, Vector b) { return _mm256_srav_epi32(a, b); }
  static OCTENSOR_INLINE Vector Pack32(Vector a, Vector b) { return _mm256_packs_epi32(a, b); }
  static OCTENSOR_INLINE Vector WidenBytes(Half x) { return _mm256_cvtepu8_epi16(x); }
  static OCTENSOR_INLINE Real SetReal(float x) { return _mm256_set1_ps(x); }
  static OCTENSOR_INLINE Real AddReal(Real a, Real b) { return _mm256_add_ps(a, b); }
  static OCTENSOR_INLINE Real SubReal(Real a, Real b) { return _mm256_sub_ps(a, b); }
  static OCTENSOR_INLINE Real MulReal(Real a, Real b) { return _mm256_mul_ps(a, b); }
  static OCTENSOR_INLINE Real DivReal(Real a, Real b) { return _mm256_div_ps(a, b); }
  static OCTENSOR_INLINE Real MinReal(Real a, Real b) { return _mm256_min_ps(a, b); }
  static OCTENSOR_INLINE Real ToReal(Vector x) { return _mm256_cvtepi32_ps(x); }
  static OCTENSOR_INLINE Vector ToInteger(Real x) { return _mm256_cvtps_epi32(x); }
  static OCTENSOR_INLINE Vector Sign16(Vector x) { return _mm256_srai_epi16(x, 15); }
  static OCTENSOR_INLINE Vector Times32(Vector x) { return _mm256_slli_epi16(x, 5); }

  // 32 int16 of two vectors to uint8 in order.
  static OCTENSOR_INLINE __m256i PackBytes(__m256i low, __m256i high) {
    return _mm256_permute4x64_epi64(_mm256_packus_epi16(low, high), 0xd8);
  }

  static OCTENSOR_INLINE __m128i Part(__m256i x, int half) {
    return half == 0 ? _mm256_castsi256_si128(x) : _mm256_extracti128_si256(x, 1);
  }

  template <bool kTflite>
  static OCTENSOR_INLINE bool FoldZeroPoint(int32_t, int, Requant<kTflite>*) {
    return false;
  }

  // y = clamp(body(a, b)), all as uint8, 32 at a time.
  template <class Params, class Body>
  static OCTENSOR_INLINE void ForEach(const Params& p, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n,
                                      const Body& body) {
    const __m256i a_flip = _mm256_set1_epi8(static_cast<char>(p.a_flip)),
                  b_flip = _mm256_set1_epi8(static_cast<char>(p.b_flip));
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

  // combine(x, z) of 32 bytes less their zero points as int32, 8 at a time; it returns integers, to which `zero_point` is
  // added.
  template <class Params, class Combine>
  static OCTENSOR_INLINE __m256i ByLanes(const Params& p, int32_t zero_point, __m256i x, __m256i z, const Combine& combine) {
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
};

using Elementwise = VectorElementwise<Avx2Bytes>;

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
const ElementwiseKernels kElementwise_avx2 = {
    "octensor_elementwise__avx2", Isa::kAvx2, Elementwise::Add, Elementwise::Mul, Quantize, Map};

}  // namespace octensor
