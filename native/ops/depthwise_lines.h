// What depthwise convolutions in either order of dimensions share: the lines that their kernel computes.
#ifndef OCTENSOR_OPS_DEPTHWISE_LINES_H_
#define OCTENSOR_OPS_DEPTHWISE_LINES_H_

#include <memory>

#include "ops/conv_geometry.h"
#include "ops/packed_depthwise.h"
#include "ops/step.h"

namespace octensor {

// Fewer multiply-accumulates than this are not worth handing over to other threads.
constexpr double kMinThreadedDepthwiseMacs = 1 << 20;

// A depthwise convolution, ready to run.
struct Depthwise {
  ConvGeometry geometry;
  Place x, y;
  uint8_t x_flip;
  PackedDepthwise packed;
  AlignedBuffer pad;  // a row of zero points

  size_t multiplier() const { return geometry.channels / geometry.depth; }
  // Of the kernel, rounded up to whole groups of taps.
  size_t row_count() const { return RoundUp(geometry.kernel[0], packed.kernel->taps); }
  // Rows of outputs that the narrowest vector has pixels of: what is computed together.
  size_t group_rows() const { return packed.kernel->lanes / kMinDepthwiseChannels; }
  const uint8_t* pad_row() const { return static_cast<const uint8_t*>(pad.data()); }
  double macs() const {
    return static_cast<double>(geometry.y_elements()) * static_cast<double>(geometry.kernel[0] * geometry.kernel[1]);
  }
  size_t size_bytes() const { return packed.size_bytes() + pad.size_bytes(); }

  // A line of any block, on pixels of x and y that are so many bytes apart: all but rows and y.
  DepthwiseLine Line(size_t x_step, size_t y_step) const {
    DepthwiseLine line = {};
    line.kernel_height = geometry.kernel[0];
    line.kernel_width = geometry.kernel[1];
    line.stride = geometry.strides[1];
    line.dilation = geometry.dilations[1];
    line.row_stride = geometry.strides[0];
    line.row_dilation = geometry.dilations[0];
    line.pad = pad_row();
    line.columns = geometry.width;
    line.left = geometry.pads[1];
    line.outputs = geometry.out_width;
    line.x_step = x_step;
    line.y_step = y_step;
    line.x_flip = x_flip;
    line.epilogue = &packed.epilogue;
    return line;
  }

  // Makes it one of block b, whose first channel is channel `channel` of a pixel of x.
  void SetBlock(size_t b, size_t channel, DepthwiseLine* line) const {
    const DepthwiseBlock& block = packed.blocks[b];
    line->channel = channel;
    line->pixels = block.pixels;
    line->channels = block.channels;
    line->weights = static_cast<const char*>(packed.weights.data()) + b * packed.block_bytes;
    const char* offsets = static_cast<const char*>(packed.offsets.data()) + b * packed.offset_bytes;
    line->offsets = packed.has_offsets ? offsets : nullptr;
    line->outliers = packed.outliers.data() + packed.first_outlier[b];
    line->outlier_count = packed.first_outlier[b + 1] - packed.first_outlier[b];
    line->lane0 = b * packed.kernel->lanes;
    line->init = packed.init + line->lane0;
  }
};

// The same on x [batches, depth, height, width] and y [batches, channels, out_height, out_width] where an instruction set has a
// kernel for planes and they are suited to it, else `step` stays empty. `zero_point` is that of x as uint8.
Status MakeDepthwisePlanes(const Depthwise& depthwise, const DepthwiseWeights& weights, uint8_t zero_point,
                           const StepEnvironment& environment, std::unique_ptr<Step>* step);

// In any case: on x [batches, depth, height, width] and y [batches, channels, out_height, out_width]; multiplier() is 1.
std::unique_ptr<Step> MakePlanarDepthwise(Depthwise depthwise, const StepEnvironment& environment);

}  // namespace octensor

#endif  // OCTENSOR_OPS_DEPTHWISE_LINES_H_
