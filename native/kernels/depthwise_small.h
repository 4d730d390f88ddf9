// The interface of depthwise convolution kernels for small planes, 3 rows of taps on rows of at most 16 outputs. Nothing is
// copied: the pixels that a vector of sums needs are picked out of the 64 bytes that begin with a row of the image.
//
//     a b c d            a group is as many rows of outputs as fit a vector of 16 sums; it reads three runs of 64 bytes, one
//     e f g h            for each row of taps: a quad of each sum's four neighbours in that row. What lies outside the plane
//     i j k l            is the fill, whatever the memory there holds.
#ifndef OCTENSOR_KERNELS_DEPTHWISE_SMALL_H_
#define OCTENSOR_KERNELS_DEPTHWISE_SMALL_H_

#include <stddef.h>
#include <stdint.h>

#include "kernels/kernel.h"

namespace octensor {

constexpr size_t kSmallLanes = 16;  // sums of a group
constexpr size_t kSmallGroups = 4;  // computed at a time: a block
constexpr size_t kSmallTapRows = 3;
constexpr size_t kSmallReach = kSmallLanes * 4;  // bytes that are read from the beginning of a row, and that a block writes

// What is the same for all planes.
struct SmallPlaneShape {
  size_t row_bytes;    // of the image
  size_t top;          // rows of padding above
  size_t row_step;     // rows of the image from one group's first window to the next one's
  size_t blocks;       // of a plane
  size_t group_bytes;  // outputs of a group
  size_t quad_reach;   // bytes of a row's that quads are in, at most kSmallReach
  // Of the quads of a group whose windows begin at row `i - top` of the image, i < Rows(), a bit for each byte that is inside.
  const uint64_t* inside;
  const uint8_t* quads;  // [64] where each byte of those quads is, from the beginning of that row
  const uint8_t* order;  // [64] where each output of a block is among the packed sums: see kernels for their order

  size_t Rows() const { return (blocks * kSmallGroups - 1) * row_step + kSmallTapRows; }
};

// Where the byte of sum `lane` of group `group` is after packing four vectors to bytes, 128 bits of each at a time.
constexpr size_t PackedPlace(size_t group, size_t lane) { return lane / 4 * 16 + group * 4 + lane % 4; }

// Planes one after the other. Reads `top` rows before a plane and kSmallReach bytes from its last row on; writes whole blocks.
struct DepthwiseSmallPlanes {
  const SmallPlaneShape* shape;
  size_t planes;
  const uint8_t* x;
  size_t x_step;  // bytes from plane to plane
  uint8_t* y;
  size_t y_step;
  const int8_t (*weights)[4];  // [planes, kSmallTapRows]
  const int32_t* init;         // [planes]
  const Epilogue* epilogue;
  size_t lane0;  // of the first plane; the next one's are kSmallLanes further on
  uint8_t flip;  // x is XORed with it,
  uint8_t fill;  // and what is outside, after that, is this
};

struct DepthwiseSmallKernel {
  const char* name;  // octensor_depthwise_small_u8s8_<sums>c<taps>__<instruction set>
  Isa isa;
  void (*run)(const DepthwiseSmallPlanes& planes);
};

// The best that an ISA and this CPU can run, or null where there is none.
const DepthwiseSmallKernel* FindDepthwiseSmallKernel(Isa isa);

}  // namespace octensor

#endif  // OCTENSOR_KERNELS_DEPTHWISE_SMALL_H_
