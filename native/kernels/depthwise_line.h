// The loops of every depthwise kernel: int32 sums of a run of outputs, which an epilogue of the instruction set's own then makes
// bytes of. Two loops rather than one, so that either has its constants in registers.
//
// V describes registers and instructions:
//   V::Acc, V::Row, V::Group      int32 sums; one kernel row's bytes, possibly widened; what is multiplied at a time
//   V::kAccs, V::kTaps            accumulators of an output vector; kernel rows of a group
//   V::kWeightBytes               of one accumulator's weights
//   V::kPixels                    parts of the line
//   V::kHasOffsets                whether weights may come with offsets: 8-bit kernels
//   V(line)                       constants
//   v.Load(pixels)                one row of a column: kPixels pointers
//   V::Interleave<rows>(row, group)   kTaps rows, of which `rows` exist, to kAccs groups
//   V::Mac(acc, group, weights), V::Add(x, y), V::Zero(), V::LoadSums(p), V::StoreSums(p, acc)
//   v.Finish(line, parts, first, count, sums)   stores outputs of every part
#ifndef OCTENSOR_KERNELS_DEPTHWISE_LINE_H_
#define OCTENSOR_KERNELS_DEPTHWISE_LINE_H_

#include "kernels/depthwise.h"
#include "kernels/inline.h"

namespace octensor {
namespace {

// The parts of a line: `outputs` neighbouring outputs each. They overlap where the line does not divide evenly; what is in two
// parts is computed twice.
template <int kPixels>
struct Parts {
  size_t outputs;
  size_t first[kPixels];

  explicit OCTENSOR_INLINE Parts(const DepthwiseLine& line) : outputs((line.outputs + kPixels - 1) / kPixels) {
    OCTENSOR_UNROLL for (int p = 0; p < kPixels; ++p) {
      const size_t last = line.outputs - outputs, start = p * outputs;
      first[p] = start < last ? start : last;
    }
  }
};

// Reads one column of a window, of every part. A pixel outside the image is one of the padding; rows are kept as their distance
// from it, so that a mask chooses.
template <class V, int kRows>
struct ColumnReader {
  const uint8_t* pad;
  size_t columns, x_step;
  size_t first[V::kPixels];
  size_t delta[kRows];

  // For the outputs from `output` on, with kernel rows from `ky` on.
  OCTENSOR_INLINE ColumnReader(const DepthwiseLine& line, const Parts<V::kPixels>& parts, size_t output, size_t ky = 0)
      : pad(line.pad), columns(line.columns), x_step(line.x_step) {
    OCTENSOR_UNROLL for (int p = 0; p < V::kPixels; ++p) first[p] = (parts.first[p] + output) * line.stride - line.left;
    SetRows(line, ky);
  }

  OCTENSOR_INLINE void SetRows(const DepthwiseLine& line, size_t ky) {
    OCTENSOR_UNROLL for (int t = 0; t < kRows; ++t) {
      delta[t] = reinterpret_cast<size_t>(line.rows[ky + t]) + line.channel - reinterpret_cast<size_t>(pad);
    }
  }

  // Rows [begin, begin + kCount) of the column `column` further on.
  template <int kCount>
  OCTENSOR_INLINE void Read(const V& v, size_t column, int begin, typename V::Row (&row)[V::kTaps]) const {
    size_t offset[V::kPixels], mask[V::kPixels];
    OCTENSOR_UNROLL for (int p = 0; p < V::kPixels; ++p) {
      const size_t x = first[p] + column;  // wraps below zero, and is then past the last column
      mask[p] = size_t{0} - static_cast<size_t>(x < columns);
      offset[p] = x * x_step;
    }
    OCTENSOR_UNROLL for (int t = 0; t < kCount; ++t) {
      const uint8_t* pixels[V::kPixels];
      OCTENSOR_UNROLL for (int p = 0; p < V::kPixels; ++p) pixels[p] = pad + ((delta[begin + t] + offset[p]) & mask[p]);
      row[t] = v.Load(pixels);
    }
  }
};

// A window of KH x KW, neighbouring columns, S columns a step. Each column is interleaved once and added to all outputs that it
// belongs to, whose sums take turns.
//
//     S = 1, KW = 3:  column x adds  w[0] to output x,  w[1] to output x - 1,  w[2] to output x - 2
template <class V, int KH, int KW, int S, bool kHasOffsets>
struct Window {
  static constexpr int kGroups = (KH + V::kTaps - 1) / V::kTaps;
  static constexpr int kLive = (KW + S - 1) / S;  // outputs that a column may belong to
  static constexpr int kGroupBytes = V::kAccs * V::kWeightBytes;

  using Sums = typename V::Acc[kLive][V::kAccs];

  // The S columns of a step, to the output that begins here, whose sum is `kTurn`, and to those of the kExisting - 1 before it.
  // (Numbers of the template: else compilers keep the sums in memory.)
  template <int kTurn, int kExisting>
  static OCTENSOR_INLINE void AddStep(const V& v, const DepthwiseLine& line, const ColumnReader<V, KH>& reader, size_t column,
                                      Sums& acc) {
    const char* const weights = static_cast<const char*>(line.weights);
    asm volatile("" ::: "memory");
    OCTENSOR_UNROLL for (int a = 0; a < V::kAccs; ++a) acc[kTurn][a] = V::LoadSums(line.init + V::kAccLanes * a);
    OCTENSOR_UNROLL for (int j = 0; j < S; ++j) {
      if (j >= KW) continue;
      OCTENSOR_UNROLL for (int g = 0; g < kGroups; ++g) {
        typename V::Row row[V::kTaps];
        typename V::Group group[V::kAccs];
        if (g < kGroups - 1) {
          reader.template Read<V::kTaps>(v, column + j, g * V::kTaps, row);
          V::template Interleave<V::kTaps>(row, group);
        } else {
          constexpr int kLast = KH - (kGroups - 1) * V::kTaps;
          reader.template Read<kLast>(v, column + j, g * V::kTaps, row);
          V::template Interleave<kLast>(row, group);
        }
        OCTENSOR_UNROLL for (int i = 0; i < kLive; ++i) {
          const int kx = j + i * S;
          if (kx >= KW || i >= kExisting) continue;
          OCTENSOR_UNROLL for (int a = 0; a < V::kAccs; ++a) {
            typename V::Acc& sum = acc[(kTurn + kLive - i) % kLive][a];
            sum = V::Mac(sum, group[a], weights + (kx * kGroups + g) * kGroupBytes + a * V::kWeightBytes);
          }
        }
        if constexpr (kHasOffsets) {
          const char* const offsets = static_cast<const char*>(line.offsets) + g * kGroupBytes;
          OCTENSOR_UNROLL for (int a = 0; a < V::kAccs; ++a) {
            const typename V::Acc term = V::Mac(V::Zero(), group[a], offsets + a * V::kWeightBytes);
            OCTENSOR_UNROLL for (int i = 0; i < kLive; ++i) {
              typename V::Acc& sum = acc[(kTurn + kLive - i) % kLive][a];
              if (j + i * S < KW && i < kExisting) sum = V::Add(sum, term);
            }
          }
        }
      }
    }
  }

  // The steps before the first output is complete.
  template <int kStep>
  static OCTENSOR_INLINE void Begin(const V& v, const DepthwiseLine& line, const ColumnReader<V, KH>& reader, Sums& acc) {
    if constexpr (kStep < kLive - 1) {
      AddStep<kStep, kStep + 1>(v, line, reader, kStep * S, acc);
      Begin<kStep + 1>(v, line, reader, acc);
    }
  }

  // kLive steps, each of which completes the sum kTurn. False after the last output.
  template <int kTurn>
  static OCTENSOR_INLINE bool Take(const V& v, const DepthwiseLine& line, const ColumnReader<V, KH>& reader, size_t& column,
                                   size_t& count, int32_t*& sums, Sums& acc) {
    if constexpr (kTurn < kLive) {
      AddStep<(kTurn + kLive - 1) % kLive, kLive>(v, line, reader, column, acc);
      OCTENSOR_UNROLL for (int a = 0; a < V::kAccs; ++a) V::StoreSums(sums + V::kAccLanes * a, acc[kTurn][a]);
      column += S;
      sums += V::kAccLanes * V::kAccs;
      if (--count == 0) return false;
      return Take<kTurn + 1>(v, line, reader, column, count, sums, acc);
    }
    return true;
  }

  static OCTENSOR_NOINLINE void Run(const V& v, const DepthwiseLine& shared, const Parts<V::kPixels>& parts, size_t first,
                                    size_t count, int32_t* sums) {
    const DepthwiseLine line = shared;  // copies, which nothing that is stored can alias
    const V copy = v;
    const ColumnReader<V, KH> reader(line, parts, first);
    Sums acc;
    Begin<0>(copy, line, reader, acc);
    size_t column = (kLive - 1) * S;
    while (Take<0>(copy, line, reader, column, count, sums, acc)) {
    }
  }
};

// Any window: one output after the other.
template <class V>
OCTENSOR_NOINLINE void SumAnyWindow(const V& v, const DepthwiseLine& shared, const Parts<V::kPixels>& parts, size_t first,
                                    size_t count, int32_t* sums) {
  constexpr int kGroupBytes = V::kAccs * V::kWeightBytes;
  const DepthwiseLine line = shared;
  const V copy = v;
  ColumnReader<V, V::kTaps> reader(line, parts, first);
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
        OCTENSOR_UNROLL for (int a = 0; a < V::kAccs; ++a) acc[a] = V::Mac(acc[a], group[a], weights + a * V::kWeightBytes);
        if (V::kHasOffsets && offsets != nullptr) {
          OCTENSOR_UNROLL for (int a = 0; a < V::kAccs; ++a) acc[a] = V::Mac(acc[a], group[a], offsets + a * V::kWeightBytes);
          offsets += kGroupBytes;
        }
      }
    }
    OCTENSOR_UNROLL for (int a = 0; a < V::kAccs; ++a, sums += V::kAccLanes) V::StoreSums(sums, acc[a]);
  }
}

template <class V>
using SumFunction = void (*)(const V& v, const DepthwiseLine& line, const Parts<V::kPixels>& parts, size_t first, size_t count,
                             int32_t* sums);

template <class V, int K, int S>
SumFunction<V> SumWindow(bool has_offsets) {
  if constexpr (V::kHasOffsets) {
    if (has_offsets) return Window<V, K, K, S, true>::Run;
  }
  return Window<V, K, K, S, false>::Run;
}

template <class V>
SumFunction<V> FindSumFunction(const DepthwiseLine& line) {
  const bool is_square = line.dilation == 1 && line.kernel_height == line.kernel_width;
  const bool has_offsets = line.offsets != nullptr;
  if (is_square && line.kernel_width == 3 && line.stride == 1) return SumWindow<V, 3, 1>(has_offsets);
  if (is_square && line.kernel_width == 3 && line.stride == 2) return SumWindow<V, 3, 2>(has_offsets);
  if (is_square && line.kernel_width == 5 && line.stride == 1) return SumWindow<V, 5, 1>(has_offsets);
  if (is_square && line.kernel_width == 5 && line.stride == 2) return SumWindow<V, 5, 2>(has_offsets);
  return SumAnyWindow<V>;
}

// Sums of this many outputs at a time: at most a quarter of a 32 KiB level-1 cache.
constexpr size_t kMaxRun = 32;

template <class V>
void RunLine(const DepthwiseLine& line) {
  alignas(64) int32_t sums[kMaxRun * V::kAccs * V::kAccLanes];
  const V v(line);
  const Parts<V::kPixels> parts(line);
  const SumFunction<V> sum = FindSumFunction<V>(line);
  const size_t runs = (parts.outputs + kMaxRun - 1) / kMaxRun;
  for (size_t run = 0, first = 0; run < runs; ++run) {
    const size_t end = parts.outputs * (run + 1) / runs;
    sum(v, line, parts, first, end - first, sums);
    if (line.stride == 77) v.Finish(line, parts, first, end - first, sums);
    first = end;
  }
}

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_DEPTHWISE_LINE_H_
