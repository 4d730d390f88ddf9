// Of boxes that overlap, keep the one with the best score: lib/ops/non-max-suppression.ts, every step in float32.
#ifndef OCTENSOR_OPS_SUPPRESSION_H_
#define OCTENSOR_OPS_SUPPRESSION_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace octensor {

// [ymin, xmin, ymax, xmax].
struct Box {
  float top, left, bottom, right;
};

// 0 for a box without area.
inline float IntersectionOverUnion(const Box& a, const Box& b) {
  const float area_a = (a.bottom - a.top) * (a.right - a.left), area_b = (b.bottom - b.top) * (b.right - b.left);
  if (area_a <= 0 || area_b <= 0) return 0;
  const float height = std::max(std::min(a.bottom, b.bottom) - std::max(a.top, b.top), 0.0f);
  const float width = std::max(std::min(a.right, b.right) - std::max(a.left, b.left), 0.0f);
  const float intersection = height * width;
  return intersection / (area_a + area_b - intersection);
}

struct SuppressionOptions {
  float score_threshold, iou_threshold;
  size_t max_boxes;
};

// Writes the indices of the boxes that are kept to `kept`, best score first, of equals the lower index first, and returns how
// many there are. `kept` and `is_out` have room for `count`.
inline size_t SuppressNonMaxima(const Box* boxes, const float* scores, size_t count, const SuppressionOptions& options,
                                uint32_t* kept, uint8_t* is_out) {
  size_t candidates = 0;
  for (size_t i = 0; i < count; ++i) {
    if (scores[i] >= options.score_threshold) kept[candidates++] = static_cast<uint32_t>(i);
  }
  std::sort(kept, kept + candidates, [&](uint32_t i, uint32_t j) {
    return scores[i] > scores[j] || (scores[i] == scores[j] && i < j);  // none is NaN
  });
  std::fill_n(is_out, candidates, uint8_t{0});
  size_t found = 0;
  for (size_t i = 0; i < candidates && found < options.max_boxes; ++i) {
    if (is_out[i] != 0) continue;
    const uint32_t box = kept[i];
    kept[found++] = box;
    for (size_t j = i + 1; j < candidates; ++j) {
      if (is_out[j] == 0 && IntersectionOverUnion(boxes[box], boxes[kept[j]]) > options.iou_threshold) is_out[j] = 1;
    }
  }
  return found;
}

}  // namespace octensor

#endif  // OCTENSOR_OPS_SUPPRESSION_H_
