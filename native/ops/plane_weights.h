// What depthwise convolutions that work on one plane of pixels after the other share: their weights, in quads of neighbours in
// a row of the window.
#ifndef OCTENSOR_OPS_PLANE_WEIGHTS_H_
#define OCTENSOR_OPS_PLANE_WEIGHTS_H_

#include <memory>
#include <vector>

#include "ops/depthwise_lines.h"

namespace octensor {

struct PlaneWeights {
  struct Quad {
    int8_t taps[4] = {};
  };

  std::vector<Quad> quads;  // [channels, per_channel]: those of a row of taps, then those of the next
  size_t per_channel = 0;
  std::vector<int32_t> init;  // of sums: the bias less what the zero point adds
  AlignedBuffer lanes;        // the two arrays of the epilogue, kPlaneLanes of each channel
  Epilogue epilogue = {};
  uint8_t zero_point = 0;  // of x, as uint8

  const int8_t (*Quads(size_t channel) const)[4] { return &quads[channel * per_channel].taps; }
  size_t size_bytes() const { return quads.size() * sizeof(Quad) + lanes.size_bytes(); }
};

// Whole rows, for large planes; null where there is no kernel or it is not suited to them. Takes `weights` if not.
std::unique_ptr<Step> MakePlaneLines(const Depthwise& depthwise, PlaneWeights* weights, const StepEnvironment& environment);

// Rows of at most 16 outputs, likewise.
std::unique_ptr<Step> MakeSmallPlanes(const Depthwise& depthwise, PlaneWeights* weights, const StepEnvironment& environment);

}  // namespace octensor

#endif  // OCTENSOR_OPS_PLANE_WEIGHTS_H_
