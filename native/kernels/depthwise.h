// The interface of depthwise convolution kernels: a line of outputs of one block of channels. ops/depthwise.cc cuts a
// convolution into such lines, and packs weights in the order that a kernel declares.
//
// A kernel has `lanes` int32 accumulators an output vector. Lane i is the byte order[i] of the vector that it loads and stores,
// so that interleaving and packing within 128 bits need no permutation; every per-lane array (weights, init, the epilogue's) is
// in that order. A vector is one pixel of `lanes` channels, or 2 or 4 pixels of fewer: then its bytes are
//
//     pixel 0: c0 c1 .. c15 | pixel 1: c0 c1 .. c15 | pixel 2: ...
//
// where pixel p is one of output row p, and the line is as many rows of outputs.
//
// Weights of a block: [kernel column][group of `taps` kernel rows][lane][tap], rows past the last one zero.
#ifndef OCTENSOR_KERNELS_DEPTHWISE_H_
#define OCTENSOR_KERNELS_DEPTHWISE_H_

#include <stddef.h>
#include <stdint.h>

#include "kernels/kernel.h"

namespace octensor {

constexpr size_t kMaxDepthwisePixels = 4;
// The narrowest vector, in channels: tensors of fewer are loaded and stored in part.
constexpr size_t kMinDepthwiseChannels = 16;

// A weight that does not fit a kernel's 8 bits: what is missing of it.
struct DepthwiseOutlier {
  size_t lane;
  size_t pixel, channel;  // of the lane's byte in a vector
  size_t ky, kx;
  int32_t weight;
};

// y[p][o][c] = epilogue(init[c] + sum over kx, ky of (x[p][ky][o * stride + kx * dilation - left][c] ^ x_flip) * w[ky][kx][c])
struct DepthwiseLine {
  size_t kernel_height, kernel_width;
  size_t stride, dilation;  // along the line
  // Of the rows: where both are the line's own, row ky + stride of pixel p is row ky of pixel p + 1.
  size_t row_stride, row_dilation;
  // [pixel][kernel row]: column 0. Kernel rows are rounded up to a multiple of taps by any rows.
  const uint8_t* const* rows;
  const uint8_t* pad;  // what stands for columns outside the rows: a pixel of zero points
  size_t channel;      // the block's first one in a pixel of x
  size_t columns;      // of a row
  size_t left;         // columns of padding before the first
  size_t outputs;
  size_t x_step, y_step;            // bytes from one pixel to the next
  uint8_t* y[kMaxDepthwisePixels];  // output 0 of each row, the block's first channel
  uint8_t x_flip;
  size_t pixels;        // in a vector: 1, 2 or 4, at most lanes / kMinDepthwiseChannels
  size_t channels;      // of the block: lanes / pixels, or fewer if that is kMinDepthwiseChannels
  const void* weights;  // 64-byte aligned, like the rest
  // Null, or [group][lane][tap]: what to add to the weights of every kernel column.
  const void* offsets;
  const DepthwiseOutlier* outliers;  // of the block
  size_t outlier_count;
  const int32_t* init;
  const Epilogue* epilogue;
  size_t lane0;  // of the block in the epilogue's arrays
};

struct DepthwiseKernel {
  const char* name;  // octensor_depthwise_<x><w>_<lanes>c<taps>__<isa>
  Isa isa;
  uint8_t lanes;     // a power of two, at least kMinDepthwiseChannels
  uint8_t taps;      // kernel rows side by side
  ADomain x_domain;  // kU8 or kS8: x is XORed with 0x80 where it is the other
  BDomain w_domain;  // kS16: the weight less its zero point; kS8: that less an offset, which makes it fit
  const uint8_t* order;
  void (*run)(const DepthwiseLine& line);
};

}  // namespace octensor

#endif  // OCTENSOR_KERNELS_DEPTHWISE_H_
