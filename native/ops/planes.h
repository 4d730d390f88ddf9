// What depthwise convolutions that work on one plane of pixels after the other share: their weights, in quads of neighbours in
// a row of the window.
#ifndef OCTENSOR_OPS_PLANES_H_
#define OCTENSOR_OPS_PLANES_H_

#include <memory>
#include <utility>
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

class PlanesStep : public Step {
 public:
  void Run(const RunMemory& memory) const override;
  size_t scratch_bytes() const override { return thread_bytes_ * threads_; }
  size_t size_bytes() const override { return weights_.size_bytes(); }

 protected:
  // Planes are handed to threads by so many.
  PlanesStep(const Depthwise& depthwise, PlaneWeights weights, size_t planes_per_item)
      : g_(depthwise.geometry),
        weights_(std::move(weights)),
        x_(depthwise.x),
        y_(depthwise.y),
        x_flip_(depthwise.x_flip),
        is_threaded_(depthwise.macs() >= kMinThreadedDepthwiseMacs),
        planes_per_item_(planes_per_item) {}

  // What each of the threads has of the scratch memory.
  void ReserveScratch(size_t thread_bytes, size_t threads) {
    thread_bytes_ = thread_bytes;
    threads_ = is_threaded_ ? threads : 1;
  }

  // Planes [first, end) of all batches.
  virtual void RunPlanes(const RunMemory& memory, size_t first, size_t end, uint8_t* scratch) const = 0;

  ConvGeometry g_;
  PlaneWeights weights_;
  Place x_, y_;
  uint8_t x_flip_;

 private:
  bool is_threaded_;
  size_t planes_per_item_;
  size_t thread_bytes_ = 0, threads_ = 1;
};

// Whole rows, for large planes; null where there is no kernel or it is not suited to them. Takes `weights` if not.
std::unique_ptr<Step> MakePlaneLines(const Depthwise& depthwise, PlaneWeights* weights, const StepEnvironment& environment);

// Rows of at most 16 outputs, likewise.
std::unique_ptr<Step> MakeSmallPlanes(const Depthwise& depthwise, PlaneWeights* weights, const StepEnvironment& environment);

}  // namespace octensor

#endif  // OCTENSOR_OPS_PLANES_H_
