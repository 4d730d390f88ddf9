#include "ops/packed_depthwise.h"

#include <algorithm>
#include <cmath>

#include "ops/requant_params.h"

namespace octensor {
namespace {

// A channel's weights are w + offset: `offset` is nearest to 0 of those that leave w in int8.
struct Range {
  int32_t min, max;  // of the weights less their zero point

  int32_t offset() const { return std::clamp(0, max - 127, min + 128); }
};

Range RangeOf(const DepthwiseWeights& w, size_t c) {
  Range range = {0, 0};
  for (size_t tap = 0; tap < w.kernel_height * w.kernel_width; ++tap) {
    const int32_t x = CenteredWeight(w, tap, c);
    range = tap == 0 ? Range{x, x} : Range{std::min(range.min, x), std::max(range.max, x)};
  }
  return range;
}

// Whole vectors of one pixel first, then narrower ones of more pixels: as few lanes as possible are computed twice. The last
// block begins early enough to end with the last channel.
std::vector<DepthwiseBlock> CutIntoBlocks(size_t lanes, size_t channels) {
  if (channels < kMinDepthwiseChannels) return {{0, lanes / kMinDepthwiseChannels, channels}};
  std::vector<DepthwiseBlock> blocks;
  for (size_t c = 0; c < channels;) {
    size_t width = lanes;
    const size_t left = channels - c;
    while (width > kMinDepthwiseChannels && left < width && (left + kMinDepthwiseChannels <= width || channels < width)) {
      width /= 2;
    }
    c = std::min(c, channels - width);
    blocks.push_back({c, lanes / width, width});
    c += width;
  }
  return blocks;
}

// More weights beyond 8 bits than this cost more than offsets do.
constexpr size_t kMaxOutliers = 8;

int32_t Fitting(int32_t weight) { return std::clamp(weight, -128, 127); }

// Quantization by minimum and maximum often puts the zero point so that a single weight of a tensor does not fit 8 bits.
bool HasFewOutliers(const DepthwiseWeights& w) {
  size_t count = 0;
  for (size_t tap = 0; tap < w.kernel_height * w.kernel_width; ++tap) {
    for (size_t c = 0; c < w.channels; ++c) {
      const int32_t weight = CenteredWeight(w, tap, c);
      if (weight != Fitting(weight) && ++count > kMaxOutliers) return false;
    }
  }
  return true;
}

template <typename T>
void PackLane(const DepthwiseWeights& w, size_t c, int32_t offset, size_t lanes, size_t taps, size_t lane, T* packed) {
  const size_t groups = (w.kernel_height + taps - 1) / taps;
  for (size_t ky = 0; ky < w.kernel_height; ++ky) {
    for (size_t kx = 0; kx < w.kernel_width; ++kx) {
      const size_t group = kx * groups + ky / taps;
      const int32_t weight = CenteredWeight(w, ky * w.kernel_width + kx, c) - offset;
      packed[(group * lanes + lane) * taps + ky % taps] = static_cast<T>(sizeof(T) == 1 ? Fitting(weight) : weight);
    }
  }
}

}  // namespace

int32_t CenteredWeight(const DepthwiseWeights& w, size_t tap, size_t c) {
  const uint8_t byte = w.data[tap * w.channels + c];
  return (w.is_signed ? static_cast<int8_t>(byte) : byte) - w.zero_points[w.zero_point_per_channel ? c : 0];
}

double MaxDepthwiseAccumulator(const DepthwiseWeights& w) {
  double largest_bias = 0;
  for (size_t c = 0; w.bias != nullptr && c < w.channels; ++c)
    largest_bias = std::max(largest_bias, std::abs(static_cast<double>(w.bias[c])));
  const double taps = static_cast<double>(w.kernel_height) * static_cast<double>(w.kernel_width);
  return std::min(255.0 * 255.0 * taps + largest_bias, 2147483648.0);
}

bool FitsEightBits(const DepthwiseWeights& weights) {
  for (size_t c = 0; c < weights.channels; ++c) {
    if (RangeOf(weights, c).offset() > 127) return false;  // never below -128: min >= -255 and max <= 255
  }
  return true;
}

Status PackDepthwise(const DepthwiseKernel& kernel, const DepthwiseWeights& w, int32_t x_zero_point, Numerics numerics,
                     PackedDepthwise* packed) {
  const size_t lanes = kernel.lanes, taps = kernel.taps;
  const size_t groups = (w.kernel_height + taps - 1) / taps;
  const size_t element_bytes = kernel.w_domain == BDomain::kS16 ? 2 : 1;
  packed->kernel = &kernel;
  packed->blocks = CutIntoBlocks(lanes, w.channels);
  packed->offset_bytes = lanes * taps * element_bytes * groups;
  packed->block_bytes = packed->offset_bytes * w.kernel_width;
  const size_t count = packed->blocks.size() * lanes;
  if (!packed->weights.Reserve(packed->blocks.size() * packed->block_bytes) ||
      !packed->offsets.Reserve(packed->blocks.size() * packed->offset_bytes) ||
      !packed->lanes.Reserve(3 * count * sizeof(int32_t))) {
    return {StatusCode::kOutOfMemory, "not enough memory for the weights"};
  }
  auto* weights = static_cast<char*>(packed->weights.data());
  auto* offsets = static_cast<char*>(packed->offsets.data());
  std::fill_n(weights, packed->blocks.size() * packed->block_bytes, 0);
  std::fill_n(offsets, packed->blocks.size() * packed->offset_bytes, 0);
  auto* init = static_cast<int32_t*>(packed->lanes.data());
  std::fill_n(init, count, 0);
  std::vector<double> multipliers(count, w.multipliers[0]);

  const bool has_few_outliers = kernel.w_domain == BDomain::kS8 && HasFewOutliers(w);
  packed->outliers.clear();
  packed->first_outlier.assign(1, 0);
  for (size_t b = 0; b < packed->blocks.size(); ++b) {
    const DepthwiseBlock& block = packed->blocks[b];
    for (size_t lane = 0; lane < lanes; ++lane) {
      const size_t byte = kernel.order[lane] % (lanes / block.pixels);
      if (byte >= block.channels) continue;
      const size_t c = block.channel + byte;
      uint32_t sum = 0;
      for (size_t tap = 0; tap < w.kernel_height * w.kernel_width; ++tap)
        sum += static_cast<uint32_t>(CenteredWeight(w, tap, c));
      const uint32_t bias = w.bias != nullptr ? static_cast<uint32_t>(w.bias[c]) : 0;
      init[b * lanes + lane] = static_cast<int32_t>(bias - static_cast<uint32_t>(x_zero_point) * sum);
      multipliers[b * lanes + lane] = w.multipliers[c];
      if (kernel.w_domain == BDomain::kS16) {
        PackLane(w, c, 0, lanes, taps, lane, reinterpret_cast<int16_t*>(weights + b * packed->block_bytes));
        continue;
      }
      const int32_t offset = has_few_outliers ? 0 : RangeOf(w, c).offset();
      for (size_t tap = 0; has_few_outliers && tap < w.kernel_height * w.kernel_width; ++tap) {
        const int32_t weight = CenteredWeight(w, tap, c), rest = weight - Fitting(weight);
        if (rest == 0) continue;
        const size_t pixel = kernel.order[lane] / (lanes / block.pixels);
        packed->outliers.push_back({lane, pixel, byte, tap / w.kernel_width, tap % w.kernel_width, rest});
      }
      PackLane(w, c, offset, lanes, taps, lane, reinterpret_cast<int8_t*>(weights + b * packed->block_bytes));
      packed->has_offsets = packed->has_offsets || offset != 0;
      auto* lane_offsets = reinterpret_cast<int8_t*>(offsets + b * packed->offset_bytes) + lane * taps;
      for (size_t ky = 0; ky < w.kernel_height; ++ky) {
        lane_offsets[ky / taps * lanes * taps + ky % taps] = static_cast<int8_t>(offset);
      }
    }
    packed->first_outlier.push_back(packed->outliers.size());
  }
  packed->init = init;
  packed->epilogue.kind = OutputKind::kQuantized;
  packed->epilogue.numerics = numerics;
  Scales scales;
  scales.per_channel_double = multipliers.data();
  PrepareRequant(scales, count, count, MaxDepthwiseAccumulator(w), init + count, init + 2 * count, &packed->epilogue);
  return {};
}

}  // namespace octensor
