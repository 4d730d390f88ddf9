// Depthwise weights in the layout of one kernel, with the starting values and scales of every lane.
#ifndef OCTENSOR_OPS_PACKED_DEPTHWISE_H_
#define OCTENSOR_OPS_PACKED_DEPTHWISE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/status.h"
#include "kernels/depthwise.h"

namespace octensor {

struct DepthwiseWeights {
  const uint8_t* data;  // [kernel_height, kernel_width, channels]
  bool is_signed;
  size_t kernel_height, kernel_width, channels;
  const int32_t* zero_points;  // one, or one per channel; each within the range of the element type
  bool zero_point_per_channel;
  const int32_t* bias;        // null, or one per channel
  const double* multipliers;  // one per channel, as PrepareRequant wants them
};

// Neighbouring channels that one call of the kernel computes. Where channels do not divide evenly, blocks overlap.
struct DepthwiseBlock {
  size_t channel;
  size_t pixels, channels;  // of a vector; see DepthwiseLine
};

struct PackedDepthwise {
  const DepthwiseKernel* kernel = nullptr;
  std::vector<DepthwiseBlock> blocks;
  size_t block_bytes = 0;   // of a block's weights
  size_t offset_bytes = 0;  // likewise of offsets
  bool has_offsets = false;
  std::vector<DepthwiseOutlier> outliers;  // of block after block, which begin at:
  std::vector<size_t> first_outlier;       // one entry more than blocks
  AlignedBuffer weights, offsets;
  AlignedBuffer lanes;  // int32[3][blocks * kernel->lanes]: init, and the two arrays of the epilogue
  const int32_t* init = nullptr;
  Epilogue epilogue = {};  // all but the numbers of the output

  size_t size_bytes() const { return weights.size_bytes() + offsets.size_bytes() + lanes.size_bytes(); }
};

// The weight of channel c at tap `tap`, less its zero point.
int32_t CenteredWeight(const DepthwiseWeights& weights, size_t tap, size_t c);

// No |sum| is larger, whatever x is; sums beyond int32 wrap, to at most 2^31.
double MaxDepthwiseAccumulator(const DepthwiseWeights& weights);

// Whether all weights fit an 8-bit kernel: those of a channel within 8 bits of each other (always), around an offset of 8 bits.
bool FitsEightBits(const DepthwiseWeights& weights);

// `x_zero_point` as the kernel's x_domain has it. Weights that do not fit 8 bits need a kernel of kS16.
Status PackDepthwise(const DepthwiseKernel& kernel, const DepthwiseWeights& weights, int32_t x_zero_point, Numerics numerics,
                     PackedDepthwise* packed);

}  // namespace octensor

#endif  // OCTENSOR_OPS_PACKED_DEPTHWISE_H_
