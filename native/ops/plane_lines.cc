// Depthwise convolution of 8-bit tensors whose channels come before rows and columns, plane by plane: each is copied with its
// padding, computed as one line (kernels/depthwise_plane.h), and copied out without what stands between rows.
#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/depthwise_plane.h"
#include "ops/planes.h"

namespace octensor {
namespace {

constexpr size_t kPlanesPerItem = 8;
// Of the smallest plane of outputs: below, what is done once for each row and each channel takes longer than transposing.
constexpr size_t kMinOutputs = 400;
// What windows cover, in each direction: the copy stays within a level-2 cache.
constexpr size_t kMaxCovered = 512;

// Where rows of the padded image stand: those that are the same row of windows, which are `phases` rows apart, follow each
// other.
struct PlaneLayout {
  size_t phases, phase_rows, pitch, left;
  size_t outputs;  // places on the line
  size_t x_bytes, y_bytes;

  size_t At(size_t row) const { return (row % phases * phase_rows + row / phases) * pitch; }
};

PlaneLayout LayoutOf(const ConvGeometry& g) {
  PlaneLayout layout = {};
  layout.phases = g.strides[0];
  layout.phase_rows = (g.covered(0) - 1) / layout.phases + 1;
  layout.left = g.pads[1];
  const size_t right = g.covered(1) > layout.left ? g.covered(1) - layout.left : 0;
  layout.pitch = RoundUp(std::max(layout.left + g.width, right), g.strides[1]);
  layout.outputs = (g.out_height - 1) * layout.pitch / g.strides[1] + g.out_width;
  layout.y_bytes = RoundUp(layout.outputs, kPlaneRun) + kPlaneRun;
  const size_t rows = layout.phases * layout.phase_rows + 1;
  layout.x_bytes = RoundUp(rows * layout.pitch + kPlaneRun * g.strides[1] + kPlaneSlack, kAlignment);
  return layout;
}

bool IsSuited(const ConvGeometry& g) {
  return g.out_height * g.out_width >= kMinOutputs && g.strides[1] <= 2 && g.dilations[1] == 1 && g.covered(0) <= kMaxCovered &&
         g.covered(1) <= kMaxCovered && g.width <= kMaxCovered && g.pads[0] <= kMaxCovered && g.pads[1] <= kMaxCovered;
}

class PlaneLinesStep : public PlanesStep {
 public:
  PlaneLinesStep(const DepthwisePlaneKernel& kernel, const Depthwise& depthwise, PlaneWeights weights, size_t threads)
      : PlanesStep(depthwise, std::move(weights), kPlanesPerItem), kernel_(kernel), layout_(LayoutOf(g_)) {
    ReserveScratch(layout_.x_bytes + layout_.y_bytes, threads);
    FindPhases();
    for (size_t ky = 0; ky < g_.kernel[0]; ++ky) {
      for (size_t kx = 0; kx < g_.kernel[1]; kx += 4) {
        offsets_.push_back(static_cast<uint32_t>(layout_.At(ky * g_.dilations[0]) + kx));
      }
    }
  }

  const char* kernel() const override { return kernel_.name; }

 private:
  void RunPlanes(const RunMemory& memory, size_t first, size_t end, uint8_t* scratch) const override {
    uint8_t* const x = scratch;
    uint8_t* const y = scratch + layout_.x_bytes;
    // Rows bring what is right of them; the rest of the padding stays as it is from plane to plane.
    std::memset(x, weights_.zero_point, layout_.x_bytes);
    DepthwisePlane plane = {};
    plane.x = x;
    plane.stride = g_.strides[1];
    plane.quads = offsets_.size();
    plane.offsets = offsets_.data();
    plane.epilogue = &weights_.epilogue;
    plane.outputs = layout_.outputs;
    plane.y = y;
    const PlaneRows out = {g_.out_height, g_.out_width, layout_.pitch / g_.strides[1], g_.out_width};
    for (size_t i = first; i < end; ++i) {
      const size_t channel = i % g_.channels;
      const uint8_t* image = memory.In<uint8_t>(x_) + i * g_.height * g_.width;
      for (const Phase& phase : phases_) {
        kernel_.load(image + phase.from, x + phase.to, phase.rows, x_flip_, weights_.zero_point);
      }
      plane.weights = weights_.Quads(channel);
      plane.init = weights_.init[channel];
      plane.lane0 = channel * kPlaneLanes;
      kernel_.run(plane);
      kernel_.store(y, memory.Out<uint8_t>(y_) + i * g_.out_height * g_.out_width, out);
    }
  }

  // The rows of one phase, from a place of the image to one of its copy.
  struct Phase {
    size_t from, to;
    PlaneRows rows;
  };

  // In the order in which they stand in the copy: what a row writes past its end is what comes next.
  void FindPhases() {
    const size_t top = g_.pads[0], height = g_.covered(0) > top ? std::min(g_.height, g_.covered(0) - top) : 0;
    for (size_t phase = 0; phase < layout_.phases; ++phase) {
      const size_t first = (phase + layout_.phases - top % layout_.phases) % layout_.phases;  // row of the image
      if (first >= height) continue;
      const PlaneRows rows = {(height - first - 1) / layout_.phases + 1, g_.width, layout_.phases * g_.width, layout_.pitch};
      phases_.push_back({first * g_.width, layout_.At(first + top) + layout_.left, rows});
    }
  }

  const DepthwisePlaneKernel& kernel_;
  PlaneLayout layout_;
  std::vector<Phase> phases_;
  std::vector<uint32_t> offsets_;
};

}  // namespace

std::unique_ptr<Step> MakePlaneLines(const Depthwise& depthwise, PlaneWeights* weights, const StepEnvironment& environment) {
  const DepthwisePlaneKernel* kernel = FindDepthwisePlaneKernel(environment.isa);
  if (kernel == nullptr || !IsSuited(depthwise.geometry)) return nullptr;
  return std::make_unique<PlaneLinesStep>(*kernel, depthwise, std::move(*weights), environment.threads);
}

}  // namespace octensor
