// u8 x s8 depthwise convolution of small planes on AVX-512 VNNI with VBMI, whose byte permutation makes the quads of 16 outputs
// of 64 bytes in one instruction, padding included, and brings the outputs of a block in order.
#include <immintrin.h>
#include <string.h>

#include "kernels/avx512/depthwise_store.h"
#include "kernels/depthwise_small.h"

namespace octensor {
namespace {

// Of a row, the bytes that quads are picked out of: loads of 16 are seldom in two cache lines.
template <bool kNarrow>
OCTENSOR_INLINE __m512i LoadRow(const uint8_t* p, __m512i flip) {
  if (!kNarrow) return _mm512_xor_si512(_mm512_loadu_si512(p), flip);
  const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return _mm512_castsi128_si512(_mm_xor_si128(x, _mm512_castsi512_si128(flip)));
}

// kStep: that of the shape where groups share rows of quads, or 0 for any.
template <class Requant, size_t kStep, bool kNarrow>
OCTENSOR_NOINLINE void RunPlanes(const DepthwiseSmallPlanes& given) {
  const DepthwiseSmallPlanes p = given;
  const SmallPlaneShape s = *p.shape;
  const Epilogue e = *p.epilogue;
  const Avx512Bytes to_bytes(e);
  const __m512i indices = _mm512_loadu_si512(s.quads), order = _mm512_loadu_si512(s.order);
  const __m512i fill = _mm512_set1_epi8(static_cast<char>(p.fill)), flip = _mm512_set1_epi8(static_cast<char>(p.flip));
  const size_t step = kStep == 0 ? s.row_step : kStep;
  const auto quads_at = [&](const uint8_t* row, uint64_t inside) {
    return _mm512_mask_permutexvar_epi8(fill, inside, indices, LoadRow<kNarrow>(row, flip));
  };
  for (size_t i = 0; i < p.planes; ++i) {
    const Requant rule(e, p.lane0 + i * kSmallLanes);
    const __m512i init = _mm512_set1_epi32(p.init[i]);
    __m512i weights[kSmallTapRows];
    OCTENSOR_UNROLL for (size_t ky = 0; ky < kSmallTapRows; ++ky) {
      int32_t quad;
      memcpy(&quad, p.weights[i * kSmallTapRows + ky], sizeof(quad));
      weights[ky] = _mm512_set1_epi32(quad);
    }
    const uint8_t* x = p.x + i * p.x_step - s.top * s.row_bytes;
    const uint64_t* inside = s.inside;
    uint8_t* y = p.y + i * p.y_step;
    for (size_t block = 0; block < s.blocks; ++block) {
      __m512i acc[kSmallGroups] = {init, init, init, init};
      if constexpr (kStep > 0) {
        OCTENSOR_UNROLL for (size_t row = 0; row < (kSmallGroups - 1) * kStep + kSmallTapRows; ++row) {
          const __m512i quads = quads_at(x + row * s.row_bytes, inside[row]);
          OCTENSOR_UNROLL for (size_t group = 0; group < kSmallGroups; ++group) {
            const size_t ky = row - group * kStep;  // wraps below the group's first row
            if (ky < kSmallTapRows) acc[group] = _mm512_dpbusd_epi32(acc[group], quads, weights[ky]);
          }
        }
      } else {
        OCTENSOR_UNROLL for (size_t group = 0; group < kSmallGroups; ++group) {
          OCTENSOR_UNROLL for (size_t ky = 0; ky < kSmallTapRows; ++ky) {
            const size_t row = group * step + ky;
            acc[group] = _mm512_dpbusd_epi32(acc[group], quads_at(x + row * s.row_bytes, inside[row]), weights[ky]);
          }
        }
      }
      OCTENSOR_UNROLL for (size_t group = 0; group < kSmallGroups; ++group) acc[group] = rule(acc[group]);
      const __m512i bytes = to_bytes(_mm512_packs_epi32(acc[0], acc[1]), _mm512_packs_epi32(acc[2], acc[3]));
      _mm512_storeu_si512(y, _mm512_permutexvar_epi8(order, bytes));
      x += kSmallGroups * step * s.row_bytes;
      inside += kSmallGroups * step;
      y += kSmallGroups * s.group_bytes;
    }
  }
}

struct Finish {
  template <class Requant>
  static void Run(const DepthwiseSmallPlanes& planes) {
    planes.shape->quad_reach <= 16 ? RunSteps<Requant, true>(planes) : RunSteps<Requant, false>(planes);
  }
  template <class Requant, bool kNarrow>
  static void RunSteps(const DepthwiseSmallPlanes& planes) {
    const size_t step = planes.shape->row_step;
    if (step == 1) return RunPlanes<Requant, 1, kNarrow>(planes);
    step == 2 ? RunPlanes<Requant, 2, kNarrow>(planes) : RunPlanes<Requant, 0, kNarrow>(planes);
  }
};

void Run(const DepthwiseSmallPlanes& planes) { ForRule<Finish>(*planes.epilogue, planes); }

}  // namespace

extern const DepthwiseSmallKernel kDepthwiseSmall_16c4_avx512vbmi;
const DepthwiseSmallKernel kDepthwiseSmall_16c4_avx512vbmi = {"octensor_depthwise_small_u8s8_16c4__avx512vbmi",
                                                              Isa::kAvx512Vnni, Run};

}  // namespace octensor
