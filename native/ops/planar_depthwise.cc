// Depthwise convolution of 8-bit tensors whose channels come before rows and columns, as ONNX has them. Kernels want channels
// side by side, so a band of a block's channels is transposed into scratch memory, convolved there and transposed back while it
// is in the caches: the whole tensor is read once and written once.
#include <algorithm>
#include <memory>

#include "core/thread_pool.h"
#include "kernels/transpose.h"
#include "ops/depthwise_lines.h"

namespace octensor {
namespace {

// Of a band of inputs and one of outputs together: small beside a level-2 cache, and large enough for transposition in long
// runs (measured on Zen 4: 24 KiB are a tenth slower, 512 KiB no faster).
constexpr size_t kBandBytes = size_t{256} << 10;

class PlanarDepthwiseStep : public Step {
 public:
  PlanarDepthwiseStep(Depthwise depthwise, const StepEnvironment& environment)
      : d_(std::move(depthwise)), g_(d_.geometry), transpose_(FindTransposeKernels(environment.isa).transpose[0]) {
    for (const DepthwiseBlock& block : d_.packed.blocks) width_ = std::max(width_, block.channels);
    const size_t groups = (g_.out_height + d_.group_rows() - 1) / d_.group_rows();
    size_t group_count = groups;  // of a band
    while (group_count > 1 && BandBytes(group_count) > kBandBytes) group_count = (group_count + 1) / 2;
    band_rows_ = group_count * d_.group_rows();
    bands_ = (g_.out_height + band_rows_ - 1) / band_rows_;
    pointer_bytes_ = RoundUp(band_rows_ * d_.row_count() * sizeof(uint8_t*), kAlignment);
    x_bytes_ = RoundUp(InputRows(band_rows_) * g_.width * width_, kAlignment);
    thread_bytes_ = pointer_bytes_ + x_bytes_ + RoundUp(band_rows_ * g_.out_width * width_, kAlignment);
    is_threaded_ = d_.macs() >= kMinThreadedDepthwiseMacs;
    scratch_bytes_ = thread_bytes_ * (is_threaded_ ? environment.threads : 1);
  }

  void Run(const RunMemory& memory) const override {
    struct Call {
      const PlanarDepthwiseStep* step;
      const RunMemory* memory;
    } call = {this, &memory};
    const size_t items = g_.batches * d_.packed.blocks.size() * bands_;
    const auto body = [](void* context, size_t item, size_t worker) {
      const Call& c = *static_cast<const Call*>(context);
      c.step->RunBand(*c.memory, item, worker);
    };
    if (is_threaded_ && memory.threads > 1) return ThreadPool::Run(memory.threads, items, body, &call);
    for (size_t item = 0; item < items; ++item) body(&call, item, 0);
  }

  const char* kernel() const override { return d_.packed.kernel->name; }
  size_t scratch_bytes() const override { return scratch_bytes_; }
  size_t size_bytes() const override { return d_.size_bytes(); }

 private:
  // Rows of inputs, outside ones included, that windows of so many rows of outputs cover; of the image at most all.
  size_t InputRows(size_t rows) const {
    return std::min(g_.height, (rows - 1) * g_.strides[0] + (g_.kernel[0] - 1) * g_.dilations[0] + 1);
  }

  size_t BandBytes(size_t groups) const {
    const size_t rows = groups * d_.group_rows();
    return width_ * (InputRows(rows) * g_.width + rows * g_.out_width);
  }

  // Item: a band of a block of an image.
  void RunBand(const RunMemory& memory, size_t item, size_t worker) const {
    const size_t first = item % bands_ * band_rows_, count = std::min(band_rows_, g_.out_height - first);
    const size_t b = item / bands_ % d_.packed.blocks.size(), batch = item / bands_ / d_.packed.blocks.size();
    const DepthwiseBlock& block = d_.packed.blocks[b];
    uint8_t* const scratch = memory.scratch + worker * thread_bytes_;
    const auto** rows = reinterpret_cast<const uint8_t**>(scratch);
    uint8_t* const x = scratch + pointer_bytes_;
    uint8_t* const y = x + x_bytes_;

    // Rows of the image that windows cover; numbers wrap below zero.
    const size_t top = first * g_.strides[0] - g_.pads[0];
    const size_t reach = (count - 1) * g_.strides[0] + (g_.kernel[0] - 1) * g_.dilations[0] + 1;
    const size_t begin = static_cast<ptrdiff_t>(top) < 0 ? 0 : std::min(top, g_.height);
    const size_t end = static_cast<ptrdiff_t>(top + reach) < 0 ? 0 : std::min(top + reach, g_.height);
    const size_t plane = g_.height * g_.width, out_plane = g_.out_height * g_.out_width;
    if (end > begin) {
      const uint8_t* from = memory.In<uint8_t>(d_.x) + (batch * g_.depth + block.channel) * plane + begin * g_.width;
      transpose_(from, static_cast<ptrdiff_t>(plane), x, static_cast<ptrdiff_t>(block.channels), block.channels,
                 (end - begin) * g_.width);
    }
    FindRows(x, begin, end, top, block.channels, rows);
    RunLines(b, rows, y, count);

    // Where blocks overlap, the one before has stored what both have computed.
    const size_t known = b == 0 ? 0 : d_.packed.blocks[b - 1].channel + d_.packed.blocks[b - 1].channels - block.channel;
    uint8_t* to = memory.Out<uint8_t>(d_.y) + (batch * g_.channels + block.channel + known) * out_plane + first * g_.out_width;
    transpose_(y + known, static_cast<ptrdiff_t>(block.channels), to, static_cast<ptrdiff_t>(out_plane), count * g_.out_width,
               block.channels - known);
  }

  // The kernel's rows of each row of outputs, in a copy of rows [begin, end) of the image; `top` is where the first window
  // begins. Those of outputs past the last one are right where a vector shares them with outputs before it.
  void FindRows(const uint8_t* x, size_t begin, size_t end, size_t top, size_t channels, const uint8_t** rows) const {
    for (size_t row = 0; row < band_rows_; ++row) {
      for (size_t ky = 0; ky < d_.row_count(); ++ky, ++rows) {
        const size_t iy = top + row * g_.strides[0] + ky * g_.dilations[0];
        const bool is_inside = ky < g_.kernel[0] && iy >= begin && iy < end;
        *rows = is_inside ? x + (iy - begin) * g_.width * channels : d_.pad_row();
      }
    }
  }

  // All lines of a band. Vectors of several pixels may end with rows past the last one, for which there is room.
  void RunLines(size_t b, const uint8_t* const* rows, uint8_t* y, size_t count) const {
    const DepthwiseBlock& block = d_.packed.blocks[b];
    DepthwiseLine line = d_.Line(block.channels, block.channels);
    d_.SetBlock(b, 0, &line);
    for (size_t row = 0; row < count; row += block.pixels) {
      line.rows = rows + row * d_.row_count();
      for (size_t p = 0; p < block.pixels; ++p) line.y[p] = y + (row + p) * g_.out_width * block.channels;
      d_.packed.kernel->run(line);
    }
  }

  Depthwise d_;
  const ConvGeometry& g_;
  TransposeFunction transpose_;
  size_t width_ = 0;  // channels of the widest block
  size_t band_rows_, bands_;
  size_t pointer_bytes_, x_bytes_, thread_bytes_, scratch_bytes_;
  bool is_threaded_;
};

}  // namespace

std::unique_ptr<Step> MakePlanarDepthwise(Depthwise depthwise, const StepEnvironment& environment) {
  return std::make_unique<PlanarDepthwiseStep>(std::move(depthwise), environment);
}

}  // namespace octensor
