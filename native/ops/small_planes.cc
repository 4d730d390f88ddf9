// Depthwise convolution of 8-bit tensors whose channels come before rows and columns, for rows of few outputs, as the last
// layers of networks have them (kernels/depthwise_small.h).
#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/depthwise_plane.h"
#include "kernels/depthwise_small.h"
#include "ops/planes.h"

namespace octensor {
namespace {

static_assert(kPlaneLanes == kSmallLanes, "one array of the epilogue serves both kernels");

constexpr size_t kPlanesPerItem = 64;
// Of windows, in rows: shapes have a mask for each.
constexpr size_t kMaxCovered = 512;

// The arrays of a shape, and what it reads and writes.
struct Shape {
  explicit Shape(const ConvGeometry& g);

  SmallPlaneShape Get() const {
    SmallPlaneShape shape = fixed;
    shape.inside = inside.data();
    shape.quads = quads;
    shape.order = order;
    return shape;
  }

  SmallPlaneShape fixed = {};
  std::vector<uint64_t> inside;
  uint8_t quads[kSmallReach] = {}, order[kSmallReach] = {};
  size_t before, after;  // bytes that are read, from the first one of a plane
  size_t written;        // bytes
};

Shape::Shape(const ConvGeometry& g) {
  const size_t rows = std::min(kSmallLanes / g.out_width, g.out_height), lanes = rows * g.out_width;  // of a group
  const size_t groups = (g.out_height + rows - 1) / rows;
  fixed.row_bytes = g.width;
  fixed.top = g.pads[0];
  fixed.row_step = rows * g.strides[0];
  fixed.blocks = (groups + kSmallGroups - 1) / kSmallGroups;
  fixed.group_bytes = lanes;
  inside.resize(fixed.Rows());
  for (size_t lane = 0; lane < lanes; ++lane) {
    const size_t row = lane / g.out_width * g.strides[0], left = lane % g.out_width * g.strides[1];
    for (size_t kx = 0; kx < g.kernel[1]; ++kx) {
      if (left + kx < g.pads[1] || left + kx - g.pads[1] >= g.width) continue;
      const size_t place = row * g.width + left + kx - g.pads[1];
      fixed.quad_reach = std::max(fixed.quad_reach, place + 1);
      quads[lane * 4 + kx] = static_cast<uint8_t>(place);
      for (size_t i = 0; i < inside.size(); ++i) {
        const bool is_inside = i + row >= g.pads[0] && i + row - g.pads[0] < g.height;
        inside[i] |= uint64_t{is_inside} << (lane * 4 + kx);
      }
    }
  }
  for (size_t group = 0; group < kSmallGroups; ++group) {
    for (size_t lane = 0; lane < lanes; ++lane) order[group * lanes + lane] = static_cast<uint8_t>(PackedPlace(group, lane));
  }
  before = fixed.top * g.width;
  const size_t last = (fixed.Rows() - 1) * g.width;
  after = (last > before ? last - before : 0) + kSmallReach;
  written = (fixed.blocks - 1) * kSmallGroups * lanes + kSmallReach;
}

bool IsSuited(const ConvGeometry& g) {
  return g.kernel[0] == kSmallTapRows && g.kernel[1] <= 4 && g.dilations[0] == 1 && g.dilations[1] == 1 &&
         g.out_width <= kSmallLanes && g.covered(0) <= kMaxCovered && g.strides[0] <= kMaxCovered && g.pads[0] <= kMaxCovered &&
         g.width <= kMaxCovered;
}

class SmallPlanesStep : public PlanesStep {
 public:
  SmallPlanesStep(const DepthwiseSmallKernel& kernel, const Depthwise& depthwise, Shape shape, PlaneWeights weights,
                  size_t threads)
      : PlanesStep(depthwise, std::move(weights), kPlanesPerItem), kernel_(kernel), shape_(std::move(shape)) {
    x_bytes_ = RoundUp(shape_.before + shape_.after, kAlignment);
    ReserveScratch(x_bytes_ + RoundUp(shape_.written, kAlignment), threads);
  }

  const char* kernel() const override { return kernel_.name; }
  size_t size_bytes() const override { return weights_.size_bytes() + shape_.inside.size() * sizeof(uint64_t); }

 private:
  // Planes around which there is room in x and in [first, end) of y are computed where they are, the others in copies.
  void RunPlanes(const RunMemory& memory, size_t first, size_t end, uint8_t* scratch) const override {
    const size_t plane = g_.height * g_.width, out_plane = g_.out_height * g_.out_width;
    const size_t total = g_.batches * g_.channels * plane;
    const size_t begin_free = std::min(std::max(first, (shape_.before + plane - 1) / plane), end);
    const size_t x_end = total < shape_.after ? 0 : (total - shape_.after) / plane + 1;
    const size_t y_end = end * out_plane < shape_.written ? 0 : (end * out_plane - shape_.written) / out_plane + 1;
    const size_t end_free = std::max(begin_free, std::min({x_end, y_end, end}));
    for (size_t i = first; i < begin_free; ++i) RunCopy(memory, i, scratch);
    const uint8_t* const x = memory.In<uint8_t>(x_);
    uint8_t* const y = memory.Out<uint8_t>(y_);
    for (size_t i = begin_free; i < end_free;) {
      const size_t channel = i % g_.channels, count = std::min(end_free - i, g_.channels - channel);
      RunKernel(channel, count, x + i * plane, y + i * out_plane);
      i += count;
    }
    for (size_t i = end_free; i < end; ++i) RunCopy(memory, i, scratch);
  }

  void RunCopy(const RunMemory& memory, size_t i, uint8_t* scratch) const {
    const size_t plane = g_.height * g_.width, out_plane = g_.out_height * g_.out_width;
    uint8_t* const x = scratch + shape_.before;
    uint8_t* const y = scratch + x_bytes_;
    std::memcpy(x, memory.In<uint8_t>(x_) + i * plane, std::min(plane, shape_.after));
    RunKernel(i % g_.channels, 1, x, y);
    std::memcpy(memory.Out<uint8_t>(y_) + i * out_plane, y, out_plane);
  }

  void RunKernel(size_t channel, size_t count, const uint8_t* x, uint8_t* y) const {
    const SmallPlaneShape shape = shape_.Get();
    DepthwiseSmallPlanes planes = {};
    planes.shape = &shape;
    planes.planes = count;
    planes.x = x;
    planes.x_step = g_.height * g_.width;
    planes.y = y;
    planes.y_step = g_.out_height * g_.out_width;
    planes.weights = weights_.Quads(channel);
    planes.init = &weights_.init[channel];
    planes.epilogue = &weights_.epilogue;
    planes.lane0 = channel * kSmallLanes;
    planes.flip = x_flip_;
    planes.fill = weights_.zero_point;
    kernel_.run(planes);
  }

  const DepthwiseSmallKernel& kernel_;
  Shape shape_;
  size_t x_bytes_;  // of a copied plane, what is read around it included
};

}  // namespace

std::unique_ptr<Step> MakeSmallPlanes(const Depthwise& depthwise, PlaneWeights* weights, const StepEnvironment& environment) {
  const DepthwiseSmallKernel* kernel = FindDepthwiseSmallKernel(environment.isa);
  if (kernel == nullptr || !IsSuited(depthwise.geometry)) return nullptr;
  Shape shape(depthwise.geometry);
  if (shape.fixed.quad_reach > kSmallReach) return nullptr;
  return std::make_unique<SmallPlanesStep>(*kernel, depthwise, std::move(shape), std::move(*weights), environment.threads);
}

}  // namespace octensor
