// Rectangles of float32 images that may reach over the images' edges, where there are zeros: what windows see. They are copied
// only where they reach outside; then the loops over windows know nothing of edges.
#ifndef OCTENSOR_OPS_FLOAT_REGION_H_
#define OCTENSOR_OPS_FLOAT_REGION_H_

#include <cstddef>

namespace octensor {

// [batches, height, width, depth]
struct FloatImages {
  const float* x;
  size_t batches, height, width, depth;
};

// The same rectangle of every image; its corner may lie outside.
struct FloatRegion {
  ptrdiff_t top, left;
  size_t rows, columns;
};

// A region as it stands in memory: pixels lie side by side, steps are in elements.
struct FloatView {
  const float* x;
  size_t row_step, image_step;
};

bool IsInside(const FloatImages& images, const FloatRegion& region);

// Of the copy of a region; 0 where none is needed.
size_t RegionBytes(const FloatImages& images, const FloatRegion& region);

// `copy`: RegionBytes of memory.
FloatView ViewRegion(const FloatImages& images, const FloatRegion& region, size_t threads, float* copy);

// Pointers to the pixels of a region's row, `zeros` for those outside.
void PointToRow(const FloatImages& images, const FloatRegion& region, size_t image, size_t row, const float* zeros,
                const float** pixels);

}  // namespace octensor

#endif  // OCTENSOR_OPS_FLOAT_REGION_H_
