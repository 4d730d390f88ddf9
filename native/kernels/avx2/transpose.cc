#include "kernels/transpose.h"

#include <immintrin.h>

#include "kernels/transpose_blocks.h"

namespace octensor {
namespace {

struct Avx2 {
  using Vector = __m128i;
  using Wide = __m256i;
  static constexpr bool kHasWide = true;
  // Of `vpshufb`, which makes 0 of an index with bit 7: which bytes of each of three registers become which of a result.
  struct Table {
    __m128i at[3][3];
  };

  static OCTENSOR_INLINE __m128i Load(const uint8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
  static OCTENSOR_INLINE void Store(uint8_t* p, __m128i v) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), v); }
  static OCTENSOR_INLINE __m128i Make(uint64_t low, uint64_t high) {
    return _mm_set_epi64x(static_cast<int64_t>(high), static_cast<int64_t>(low));
  }
  static OCTENSOR_INLINE uint64_t Low(__m128i v) { return static_cast<uint64_t>(_mm_cvtsi128_si64(v)); }
  static OCTENSOR_INLINE uint64_t High(__m128i v) { return static_cast<uint64_t>(_mm_extract_epi64(v, 1)); }

  static OCTENSOR_INLINE __m256i LoadWide(const uint8_t* a, const uint8_t* b) {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(Load(a)), Load(b), 1);
  }
  static OCTENSOR_INLINE void StoreWide(uint8_t* p, __m256i v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }

  template <size_t kBytes>
  static OCTENSOR_INLINE __m128i ZipLow(__m128i a, __m128i b) {
    if constexpr (kBytes == 1) return _mm_unpacklo_epi8(a, b);
    if constexpr (kBytes == 2) return _mm_unpacklo_epi16(a, b);
    if constexpr (kBytes == 4) return _mm_unpacklo_epi32(a, b);
    if constexpr (kBytes == 8) return _mm_unpacklo_epi64(a, b);
  }
  template <size_t kBytes>
  static OCTENSOR_INLINE __m128i ZipHigh(__m128i a, __m128i b) {
    if constexpr (kBytes == 1) return _mm_unpackhi_epi8(a, b);
    if constexpr (kBytes == 2) return _mm_unpackhi_epi16(a, b);
    if constexpr (kBytes == 4) return _mm_unpackhi_epi32(a, b);
    if constexpr (kBytes == 8) return _mm_unpackhi_epi64(a, b);
  }
  template <size_t kBytes>
  static OCTENSOR_INLINE __m256i ZipLow(__m256i a, __m256i b) {
    if constexpr (kBytes == 1) return _mm256_unpacklo_epi8(a, b);
    if constexpr (kBytes == 2) return _mm256_unpacklo_epi16(a, b);
    if constexpr (kBytes == 4) return _mm256_unpacklo_epi32(a, b);
    if constexpr (kBytes == 8) return _mm256_unpacklo_epi64(a, b);
  }
  template <size_t kBytes>
  static OCTENSOR_INLINE __m256i ZipHigh(__m256i a, __m256i b) {
    if constexpr (kBytes == 1) return _mm256_unpackhi_epi8(a, b);
    if constexpr (kBytes == 2) return _mm256_unpackhi_epi16(a, b);
    if constexpr (kBytes == 4) return _mm256_unpackhi_epi32(a, b);
    if constexpr (kBytes == 8) return _mm256_unpackhi_epi64(a, b);
  }

  static OCTENSOR_INLINE Table MakeTable(const uint8_t (&indexes)[3][16]) {
    Table table;
    for (int k = 0; k < 3; ++k) {
      for (int i = 0; i < 3; ++i) {
        // 0 to 15 keep their low bits, 16 to 47 reach bit 7, and what is below 0 has it and saturates.
        const __m128i own = _mm_sub_epi8(Load(indexes[k]), _mm_set1_epi8(static_cast<char>(16 * i)));
        table.at[k][i] = _mm_adds_epu8(own, _mm_set1_epi8(0x70));
      }
    }
    return table;
  }
  static OCTENSOR_INLINE void Permute(const Table& table, __m128i* v) {
    const __m128i a = v[0], b = v[1], c = v[2];
    for (int k = 0; k < 3; ++k) {
      v[k] = _mm_or_si128(_mm_or_si128(_mm_shuffle_epi8(a, table.at[k][0]), _mm_shuffle_epi8(b, table.at[k][1])),
                          _mm_shuffle_epi8(c, table.at[k][2]));
    }
  }
};

}  // namespace

extern const TransposeKernels kTranspose_avx2;
const TransposeKernels kTranspose_avx2 = {
    "octensor_transpose__avx2",
    Isa::kAvx2,
    {Transposer<Avx2, 1>::Run, Transposer<Avx2, 2>::Run, Transposer<Avx2, 4>::Run, Transposer<Avx2, 8>::Run}};

}  // namespace octensor
