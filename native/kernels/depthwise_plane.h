// The interface of depthwise convolution kernels that work on one channel at a time, a plane of pixels side by side, as ONNX
// has them. A plane is copied with its padding around it, row after row, so that it is one line of pixels and so are its
// outputs:
//
//     . . . . . .        the left padding of a row follows the row before and is its right padding
//     . a b c d .        output o begins at place o * stride of the line; what windows that run over
//     . e f g h .        the end of a row give is computed like the rest, and nobody reads it
//     . . . . . .
//
// Four taps that are neighbours in a row of the window are a quad: four bytes of the line wherever it begins. So a vector that
// is loaded at a byte's distance from another has the same taps of the next outputs, and nothing has to be interleaved.
#ifndef OCTENSOR_KERNELS_DEPTHWISE_PLANE_H_
#define OCTENSOR_KERNELS_DEPTHWISE_PLANE_H_

#include <stddef.h>
#include <stdint.h>

#include "kernels/kernel.h"

namespace octensor {

// Outputs are computed in runs of this many.
constexpr size_t kPlaneRun = 64;
// What may be read past the taps of a run's first output, and written past a row.
constexpr size_t kPlaneSlack = 3 * kPlaneRun;
// Of each channel in the epilogue's arrays, all the same.
constexpr size_t kPlaneLanes = 16;

// y[o] = epilogue(init + sum over quads q, i < 4 of x[o * stride + offsets[q] + i] * weights[q][i])
struct DepthwisePlane {
  const uint8_t* x;
  size_t stride;  // 1 or 2
  size_t quads;
  const uint32_t* offsets;
  const int8_t (*weights)[4];
  int32_t init;
  const Epilogue* epilogue;
  size_t lane0;  // of the channel
  size_t outputs;
  uint8_t* y;  // room for whole runs
};

// Rows of `width` bytes that are so many bytes apart.
struct PlaneRows {
  size_t rows, width;
  size_t from_step, to_step;
};

struct DepthwisePlaneKernel {
  const char* name;  // octensor_depthwise_plane_u8s8_<outputs>c<taps>__<isa>
  Isa isa;
  void (*run)(const DepthwisePlane& plane);
  // Copies rows, from the first one on, XORs them with `flip` and writes `fill` up to kPlaneRun bytes past each.
  void (*load)(const uint8_t* from, uint8_t* to, const PlaneRows& rows, uint8_t flip, uint8_t fill);
  // Copies rows, reads up to kPlaneRun bytes past each and writes nothing past the last. Rows of `to` stand side by side.
  void (*store)(const uint8_t* from, uint8_t* to, const PlaneRows& rows);
};

// The best that an ISA can run, or null where there is none.
const DepthwisePlaneKernel* FindDepthwisePlaneKernel(Isa isa);

}  // namespace octensor

#endif  // OCTENSOR_KERNELS_DEPTHWISE_PLANE_H_
