// What poolings of x[N, H, W, C] share, whatever their elements: windows, and the parts of them that lie inside.
#ifndef OCTENSOR_OPS_POOL_WINDOWS_H_
#define OCTENSOR_OPS_POOL_WINDOWS_H_

#include <algorithm>
#include <cstddef>

#include "ops/parallel.h"
#include "ops/step.h"

namespace octensor {

// Channels whose results are kept at a time.
constexpr size_t kPoolBlock = 256;

struct PoolWindows {
  size_t batches, height, width, channels;
  size_t out_height, out_width;
  size_t kernel_height, kernel_width;
  size_t stride_y, stride_x, pad_top, pad_left;
  Place x, y;
};

// The part of a window that lies inside.
template <typename T>
struct PoolWindow {
  const T* first;
  size_t rows, columns;
  size_t row_step, step;  // elements from a row to the next, and from a pixel

  size_t count() const { return rows * columns; }

  template <typename Run>
  void ForEachPixel(const Run& run) const {
    for (size_t i = 0; i < rows; ++i) {
      const T* x = first + i * row_step;
      for (size_t j = 0; j < columns; ++j, x += step) run(x);
    }
  }
};

struct PoolSpan {
  size_t begin, end;
};

inline PoolSpan InsideOf(size_t out, size_t stride, size_t pad, size_t kernel, size_t size) {
  const auto first = static_cast<ptrdiff_t>(out * stride) - static_cast<ptrdiff_t>(pad);
  const auto last = first + static_cast<ptrdiff_t>(kernel), limit = static_cast<ptrdiff_t>(size);
  const ptrdiff_t begin = std::clamp<ptrdiff_t>(first, 0, limit), end = std::clamp<ptrdiff_t>(last, begin, limit);
  return {static_cast<size_t>(begin), static_cast<size_t>(end)};
}

// pool(window, y, n) for blocks of at most kPoolBlock channels of each output. Parts of fewer bytes of windows than `min_bytes`
// are not worth another thread.
template <typename T, typename Pool>
void ForEachPoolWindow(const RunMemory& memory, const PoolWindows& p, size_t min_bytes, const Pool& pool) {
  const size_t row_bytes = p.out_width * p.kernel_height * p.kernel_width * p.channels * sizeof(T);
  const T* const all = memory.In<T>(p.x);
  T* const results = memory.Out<T>(p.y);
  const auto run_row = [&](size_t row) {
    const T* const image = all + row / p.out_height * p.height * p.width * p.channels;
    const PoolSpan rows = InsideOf(row % p.out_height, p.stride_y, p.pad_top, p.kernel_height, p.height);
    T* y = results + row * p.out_width * p.channels;
    for (size_t ox = 0; ox < p.out_width; ++ox, y += p.channels) {
      const PoolSpan columns = InsideOf(ox, p.stride_x, p.pad_left, p.kernel_width, p.width);
      for (size_t c = 0; c < p.channels; c += kPoolBlock) {
        const T* const first = image + (rows.begin * p.width + columns.begin) * p.channels + c;
        const PoolWindow<T> window = {first, rows.end - rows.begin, columns.end - columns.begin, p.width * p.channels,
                                      p.channels};
        pool(window, y + c, std::min(kPoolBlock, p.channels - c));
      }
    }
  };
  RunParts(memory, p.batches * p.out_height, min_bytes / row_bytes, [&](size_t first, size_t end) {
    for (size_t row = first; row < end; ++row) run_row(row);
  });
}

// batches, height, width, depth, outHeight, outWidth, kernelHeight, kernelWidth (product at most `max_window`), strideY,
// strideX, padTop, padLeft; x: [batches, height, width, depth], y: [batches, outHeight, outWidth, depth], elements of so many
// bytes
PoolWindows ReadPoolWindows(StepFields* fields, size_t element_bytes, size_t max_window);

}  // namespace octensor

#endif  // OCTENSOR_OPS_POOL_WINDOWS_H_
