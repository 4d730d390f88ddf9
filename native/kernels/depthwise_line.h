// The loops of every depthwise kernel: int32 sums of a run of outputs, which an epilogue of the instruction set's own then
// makes bytes of. Two loops rather than one, so that either has its constants in registers.
//
// V describes registers and instructions:
//   V::Acc, V::Row, V::Group      int32 sums; one kernel row's bytes, possibly widened; what is multiplied at a time
//   V::kAccs, V::kTaps            accumulators of an output vector; kernel rows of a group
//   V::kAccLanes                  sums of an accumulator
//   V::Weight, V::kWeightBytes    one accumulator's weights
//   V::kRegisters                 of the machine
//   V::kPixels                    of a vector
//   V::kHasOffsets                whether weights may come with offsets, or outliers: 8-bit kernels
//   V::kIsSigned                  whether x is int8
//   V::kIsPartial                 pixels of fewer than kMinDepthwiseChannels channels
//   V(line)                       constants
//   v.Load(pixels)                one row of a column: kPixels pointers
//   V::Interleave<rows>(row, group)   kTaps rows, of which `rows` exist, to kAccs groups
//   V::Mac(acc, group, weight), V::LoadWeight(p), V::LoadSums(p), V::StoreSums(p, acc)
//   V::Pin(weight)                keeps the compiler from loading it again
//   v.Finish(line, first, count, sums)   stores outputs of every part
#ifndef OCTENSOR_KERNELS_DEPTHWISE_LINE_H_
#define OCTENSOR_KERNELS_DEPTHWISE_LINE_H_

#include "kernels/depthwise.h"
#include "kernels/inline.h"

namespace octensor {
namespace {

// Reads one column of kernel rows, of every pixel of a vector. Pixel p's row t is row p * kRowStride + t of those that the
// reader knows, so that pixels can share rows. A column outside the image is one of the padding; rows are kept as their
// distance from it, so that a mask chooses.
template <class V, int kRows, int kRowStride>
struct ColumnReader {
  static constexpr int kKnown = (V::kPixels - 1) * kRowStride + kRows;

  size_t pad;  // addresses as numbers, for they wrap
  size_t columns, x_step, first;
  size_t delta[kKnown];

  // For the outputs from `output` on, with kernel rows from `ky` on.
  OCTENSOR_INLINE ColumnReader(const DepthwiseLine& line, size_t output, size_t ky)
      : pad(reinterpret_cast<size_t>(line.pad)),
        columns(line.columns),
        x_step(line.x_step),
        first(output * line.stride - line.left) {
    SetRows(line, ky);
  }

  OCTENSOR_INLINE void SetRows(const DepthwiseLine& line, size_t ky) {
    const size_t row_count = (line.kernel_height + V::kTaps - 1) / V::kTaps * V::kTaps;
    OCTENSOR_UNROLL for (int p = 0; p < V::kPixels; ++p) {
      OCTENSOR_UNROLL for (int t = 0; t < kRows; ++t) {
        const uint8_t* row = line.rows[p * row_count + ky + t];
        delta[p * kRowStride + t] = reinterpret_cast<size_t>(row) + line.channel - pad;
      }
    }
  }

  // Rows [begin, begin + kCount) of the column `column` further on.
  template <int kCount>
  OCTENSOR_INLINE void Read(const V& v, size_t column, int begin, typename V::Row (&row)[V::kTaps]) const {
    const size_t x = first + column;  // wraps below zero, and is then past the last column
    const size_t mask = size_t{0} - static_cast<size_t>(x < columns), offset = x * x_step;
    OCTENSOR_UNROLL for (int t = 0; t < kCount; ++t) {
      const uint8_t* pixels[V::kPixels];
      OCTENSOR_UNROLL for (int p = 0; p < V::kPixels; ++p) {
        pixels[p] = reinterpret_cast<const uint8_t*>(pad + ((delta[p * kRowStride + begin + t] + offset) & mask));
      }
      row[t] = v.Load(pixels);
    }
  }
};

// The first `kRows` rows of a window that is KW columns wide, without gaps, S columns a step. Columns are interleaved once and
// wait in registers, a slot each, for the outputs that they belong to:
//
//     S = 1, KW = 3:  output 0 multiplies slots 0 1 2, output 1 slots 1 2 0 (a new column is in 0), output 2 slots 2 0 1
//
// Where that leaves room some weights stay in registers too: with all of them in memory, loads would set the pace.
template <class V, int kRows, int KW, int S, bool kHasOffsets>
struct Band {
  static constexpr int kGroups = (kRows + V::kTaps - 1) / V::kTaps;
  static constexpr int kGroupBytes = V::kAccs * V::kWeightBytes;
  static constexpr int kWeights = KW * kGroups * V::kAccs;
  static constexpr int kFree = V::kRegisters - kWeights - 3 * V::kAccs;
  static constexpr int kHeld = kFree < 0 ? 0 : kFree < kWeights ? kFree : kWeights;

  V v;
  ColumnReader<V, kRows, S> reader;
  size_t column = 0;
  const char* weights;
  const char* offsets;
  size_t weights_step;  // bytes from one kernel column to the next
  typename V::Group slots[KW][kGroups][V::kAccs];
  typename V::Weight held[kHeld > 0 ? kHeld : 1];

  OCTENSOR_INLINE Band(const V& constants, const DepthwiseLine& line, size_t first, size_t group)
      : v(constants), reader(line, first, group * V::kTaps) {
    const size_t groups = (line.kernel_height + V::kTaps - 1) / V::kTaps;
    weights = static_cast<const char*>(line.weights) + group * kGroupBytes;
    offsets = static_cast<const char*>(line.offsets) + (kHasOffsets ? group * kGroupBytes : 0);
    weights_step = groups * kGroupBytes;
    OCTENSOR_UNROLL for (int i = 0; i < kHeld; ++i) {
      held[i] = V::LoadWeight(WeightAt(i));
      V::Pin(held[i]);
    }
    OCTENSOR_UNROLL for (int k = 0; k < KW - S; ++k) Read(k);
  }

  OCTENSOR_INLINE const char* WeightAt(int i) const {
    constexpr int kColumn = kGroups * V::kAccs;
    return weights + i / kColumn * weights_step + i % kColumn * V::kWeightBytes;
  }

  OCTENSOR_INLINE void Read(int slot) {
    OCTENSOR_UNROLL for (int g = 0; g < kGroups; ++g) {
      typename V::Row row[V::kTaps];
      if (g < kGroups - 1) {
        reader.template Read<V::kTaps>(v, column, g * V::kTaps, row);
        V::template Interleave<V::kTaps>(row, slots[slot][g]);
      } else {
        constexpr int kLast = kRows - (kGroups - 1) * V::kTaps;
        reader.template Read<kLast>(v, column, g * V::kTaps, row);
        V::template Interleave<kLast>(row, slots[slot][g]);
      }
    }
    ++column;
  }

  // KW outputs, from kTurn on, until there are none left.
  template <int kTurn>
  OCTENSOR_INLINE bool Take(size_t& count, const int32_t*& init, size_t init_step, int32_t*& sums) {
    if constexpr (kTurn < KW) {
      OCTENSOR_UNROLL for (int k = KW > S ? KW - S : 0; k < KW; ++k) Read((kTurn * S + k) % KW);
      typename V::Acc acc[V::kAccs];
      OCTENSOR_UNROLL for (int a = 0; a < V::kAccs; ++a) acc[a] = V::LoadSums(init + V::kAccLanes * a);
      OCTENSOR_UNROLL for (int i = 0; i < kWeights; ++i) {
        const int k = i / (kGroups * V::kAccs), g = i / V::kAccs % kGroups, a = i % V::kAccs;
        const typename V::Weight weight = i < kHeld ? held[i < kHeld ? i : 0] : V::LoadWeight(WeightAt(i));
        acc[a] = V::Mac(acc[a], slots[(kTurn * S + k) % KW][g][a], weight);
      }
      if constexpr (kHasOffsets) {
        OCTENSOR_UNROLL for (int i = 0; i < kWeights; ++i) {
          const int k = i / (kGroups * V::kAccs), g = i / V::kAccs % kGroups, a = i % V::kAccs;
          const typename V::Weight weight = V::LoadWeight(offsets + g * kGroupBytes + a * V::kWeightBytes);
          acc[a] = V::Mac(acc[a], slots[(kTurn * S + k) % KW][g][a], weight);
        }
      }
      OCTENSOR_UNROLL for (int a = 0; a < V::kAccs; ++a) V::StoreSums(sums + V::kAccLanes * a, acc[a]);
      sums += V::kAccLanes * V::kAccs;
      init += init_step;
      if (--count == 0) return false;
      return Take<kTurn + 1>(count, init, init_step, sums);
    }
    return true;
  }

  static OCTENSOR_NOINLINE void Run(const V& v, const DepthwiseLine& line, size_t first, size_t count, size_t group,
                                    int32_t* sums) {
    Band band(v, line, first, group);
    const int32_t* init = group == 0 ? line.init : sums;
    const size_t init_step = group == 0 ? 0 : V::kAccLanes * V::kAccs;
    while (band.template Take<0>(count, init, init_step, sums)) {
    }
  }
};

// K x K, as many rows at a time as columns of them fit the registers.
template <class V, int K, int S, bool kHasOffsets>
void SumWindow(const V& v, const DepthwiseLine& line, size_t first, size_t count, int32_t* sums) {
  constexpr int kGroups = (V::kRegisters - 3 * V::kAccs) / (K * V::kAccs);
  constexpr int kMost = kGroups * V::kTaps, kBand = kMost < K ? kMost : K, kRest = K % kBand;
  for (size_t row = 0; row + kBand <= K; row += kBand) {
    Band<V, kBand, K, S, kHasOffsets>::Run(v, line, first, count, row / V::kTaps, sums);
  }
  if constexpr (kRest > 0) {
    Band<V, kRest, K, S, kHasOffsets>::Run(v, line, first, count, (K - kRest) / V::kTaps, sums);
  }
}

// Any window: one output after the other.
template <class V>
OCTENSOR_NOINLINE void SumAnyWindow(const V& v, const DepthwiseLine& shared, size_t first, size_t count, int32_t* sums) {
  constexpr int kGroupBytes = V::kAccs * V::kWeightBytes;
  const DepthwiseLine line = shared;
  const V copy = v;
  ColumnReader<V, V::kTaps, V::kTaps> reader(line, first, 0);
  for (size_t output = 0; output < count; ++output) {
    const char* weights = static_cast<const char*>(line.weights);
    typename V::Acc acc[V::kAccs];
    OCTENSOR_UNROLL for (int a = 0; a < V::kAccs; ++a) acc[a] = V::LoadSums(line.init + V::kAccLanes * a);
    for (size_t kx = 0; kx < line.kernel_width; ++kx) {
      const char* offsets = static_cast<const char*>(line.offsets);
      for (size_t ky = 0; ky < line.kernel_height; ky += V::kTaps, weights += kGroupBytes) {
        typename V::Row row[V::kTaps];
        typename V::Group group[V::kAccs];
        reader.SetRows(line, ky);
        reader.template Read<V::kTaps>(copy, output * line.stride + kx * line.dilation, 0, row);
        V::template Interleave<V::kTaps>(row, group);
        OCTENSOR_UNROLL for (int a = 0; a < V::kAccs; ++a) acc[a] =
            V::Mac(acc[a], group[a], V::LoadWeight(weights + a * V::kWeightBytes));
        if (V::kHasOffsets && offsets != nullptr) {
          OCTENSOR_UNROLL for (int a = 0; a < V::kAccs; ++a) {
            acc[a] = V::Mac(acc[a], group[a], V::LoadWeight(offsets + a * V::kWeightBytes));
          }
          offsets += kGroupBytes;
        }
      }
    }
    OCTENSOR_UNROLL for (int a = 0; a < V::kAccs; ++a, sums += V::kAccLanes) V::StoreSums(sums, acc[a]);
  }
}

template <class V>
using SumFunction = void (*)(const V& v, const DepthwiseLine& line, size_t first, size_t count, int32_t* sums);

template <class V, int S>
SumFunction<V> FindWindow3(bool has_offsets) {
  if constexpr (V::kHasOffsets) {
    if (has_offsets) return SumWindow<V, 3, S, true>;
  }
  return SumWindow<V, 3, S, false>;
}

template <class V>
SumFunction<V> FindSumFunction(const DepthwiseLine& line) {
  const bool is_plain =
      line.kernel_height == line.kernel_width && line.row_stride == line.stride && line.dilation == 1 && line.row_dilation == 1;
  const bool has_offsets = line.offsets != nullptr;
  if (is_plain && line.kernel_width == 3 && line.stride == 1) return FindWindow3<V, 1>(has_offsets);
  if (is_plain && line.kernel_width == 3 && line.stride == 2) return FindWindow3<V, 2>(has_offsets);
  if constexpr (!V::kIsPartial) {
    if (is_plain && line.kernel_width == 5 && line.stride == 1 && !has_offsets) return SumWindow<V, 5, 1, false>;
    if (is_plain && line.kernel_width == 5 && line.stride == 2 && !has_offsets) return SumWindow<V, 5, 2, false>;
  }
  return SumAnyWindow<V>;
}

// There is hardly ever more than one in a whole tensor, so one lane after the other is fast enough.
template <class V>
OCTENSOR_NOINLINE void AddOutliers(const DepthwiseLine& line, size_t first, size_t count, int32_t* sums) {
  const size_t row_count = (line.kernel_height + V::kTaps - 1) / V::kTaps * V::kTaps;
  for (size_t o = 0; o < line.outlier_count; ++o) {
    const DepthwiseOutlier& outlier = line.outliers[o];
    const uint8_t* row = line.rows[outlier.pixel * row_count + outlier.ky];
    for (size_t i = 0; i < count; ++i) {
      const size_t x = (first + i) * line.stride + outlier.kx * line.dilation - line.left;  // wraps below zero
      const uint8_t* pixel = x < line.columns ? row + x * line.x_step + line.channel : line.pad;
      const uint8_t byte = pixel[outlier.channel] ^ line.x_flip;
      const int32_t value = V::kIsSigned ? static_cast<int8_t>(byte) : byte;
      uint32_t sum = static_cast<uint32_t>(sums[i * V::kAccs * V::kAccLanes + outlier.lane]);
      sum += static_cast<uint32_t>(outlier.weight * value);
      sums[i * V::kAccs * V::kAccLanes + outlier.lane] = static_cast<int32_t>(sum);
    }
  }
}

// Sums of this many outputs at a time: at most a quarter of a 32 KiB level-1 cache.
constexpr size_t kMaxRun = 32;

template <class V>
void RunLine(const DepthwiseLine& line) {
  alignas(64) int32_t sums[kMaxRun * V::kAccs * V::kAccLanes];
  const V v(line);
  const SumFunction<V> sum = FindSumFunction<V>(line);
  const size_t runs = (line.outputs + kMaxRun - 1) / kMaxRun;
  for (size_t run = 0, first = 0; run < runs; ++run) {
    const size_t end = line.outputs * (run + 1) / runs;
    sum(v, line, first, end - first, sums);
    if (line.outlier_count > 0) AddOutliers<V>(line, first, end - first, sums);
    v.Finish(line, first, end - first, sums);
    first = end;
  }
}

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_DEPTHWISE_LINE_H_
