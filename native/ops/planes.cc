#include "ops/planes.h"

#include <algorithm>

#include "core/thread_pool.h"
#include "kernels/depthwise_plane.h"
#include "ops/requant_params.h"

namespace octensor {
namespace {

// False where a weight does not fit 8 bits.
bool Pack(const DepthwiseWeights& w, PlaneWeights* packed) {
  const size_t row_quads = (w.kernel_width + 3) / 4;
  packed->per_channel = w.kernel_height * row_quads;
  packed->quads.resize(w.channels * packed->per_channel);
  packed->init.resize(w.channels);
  for (size_t c = 0; c < w.channels; ++c) {
    uint32_t sum = 0;
    for (size_t ky = 0; ky < w.kernel_height; ++ky) {
      for (size_t kx = 0; kx < w.kernel_width; ++kx) {
        const int32_t weight = CenteredWeight(w, ky * w.kernel_width + kx, c);
        if (weight < -128 || weight > 127) return false;
        packed->quads[c * packed->per_channel + ky * row_quads + kx / 4].taps[kx % 4] = static_cast<int8_t>(weight);
        sum += static_cast<uint32_t>(weight);
      }
    }
    const uint32_t bias = w.bias != nullptr ? static_cast<uint32_t>(w.bias[c]) : 0;
    packed->init[c] = static_cast<int32_t>(bias - packed->zero_point * sum);
  }
  return true;
}

Status PrepareEpilogue(const DepthwiseWeights& w, PlaneWeights* packed) {
  const size_t count = w.channels * kPlaneLanes;
  if (!packed->lanes.Reserve(2 * count * sizeof(int32_t)))
    return {StatusCode::kOutOfMemory, "not enough memory for the scales"};
  std::vector<double> multipliers(count);
  for (size_t i = 0; i < count; ++i) multipliers[i] = w.multipliers[i / kPlaneLanes];
  Scales scales;
  scales.per_channel_double = multipliers.data();
  auto* const first = static_cast<int32_t*>(packed->lanes.data());
  PrepareRequant(scales, count, count, MaxDepthwiseAccumulator(w), first, first + count, &packed->epilogue);
  return {};
}

}  // namespace

void PlanesStep::Run(const RunMemory& memory) const {
  struct Call {
    const PlanesStep* step;
    const RunMemory* memory;
    size_t planes;
  } call = {this, &memory, g_.batches * g_.channels};
  if (!is_threaded_ || memory.threads <= 1) return RunPlanes(memory, 0, call.planes, memory.scratch);
  const auto body = [](void* context, size_t item, size_t worker) {
    const Call& c = *static_cast<const Call*>(context);
    const size_t first = item * c.step->planes_per_item_, end = std::min(first + c.step->planes_per_item_, c.planes);
    c.step->RunPlanes(*c.memory, first, end, c.memory->scratch + worker * c.step->thread_bytes_);
  };
  ThreadPool::Run(memory.threads, (call.planes + planes_per_item_ - 1) / planes_per_item_, body, &call);
}

Status MakeDepthwisePlanes(const Depthwise& depthwise, const DepthwiseWeights& weights, uint8_t zero_point,
                           const StepEnvironment& environment, std::unique_ptr<Step>* step) {
  PlaneWeights packed;
  packed.zero_point = zero_point;
  packed.epilogue = depthwise.packed.epilogue;
  if (!Pack(weights, &packed)) return {};
  const Status status = PrepareEpilogue(weights, &packed);
  if (!status.ok()) return status;
  *step = MakeSmallPlanes(depthwise, &packed, environment);
  if (*step == nullptr) *step = MakePlaneLines(depthwise, &packed, environment);
  return {};
}

}  // namespace octensor
