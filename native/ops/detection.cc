// What SSD detectors end with: lib/ops/detection-post-process.ts. Scores, classes and counts to the bit; corners up to how exp
// of libraries differs. An anchor of a negative size ends the run.
#include <algorithm>
#include <cmath>
#include <memory>

#include "core/aligned_buffer.h"
#include "core/old_libm.h"
#include "ops/element_type.h"
#include "ops/float_fields.h"
#include "ops/step.h"
#include "ops/suppression.h"

namespace octensor {
namespace {

// A tensor of float32, or of 8 bits that stand for reals.
struct RealInput {
  ElementType type;
  float scale;
  int32_t zero_point;
  Place place;

  float At(const RunMemory& memory, size_t i) const {
    if (type == ElementType::kFloat32) return memory.In<float>(place)[i];
    const int32_t q = type == ElementType::kInt8 ? memory.In<int8_t>(place)[i] : memory.In<uint8_t>(place)[i];
    return static_cast<float>(q - zero_point) * scale;
  }
};

struct Detection {
  float score;
  uint32_t box, label;
};

struct DetectionParams {
  size_t count, box_stride, score_stride, classes;
  size_t max_detections, classes_per_detection, detections_per_class;
  bool is_regular;
  float score_threshold, iou_threshold;
  float scales[4];  // y, x, h, w
  RealInput boxes, scores, anchors;
  Place y_boxes, y_classes, y_scores, y_count;

  size_t places() const { return max_detections * classes_per_detection; }
  // Never more than there are boxes and classes.
  size_t most_found() const { return std::min(max_detections, count * classes); }
};

class DetectionStep : public Step {
 public:
  explicit DetectionStep(const DetectionParams& params) : p_(params) {
    scores_at_ = RoundUp(p_.count * sizeof(Box), kAlignment);
    kept_at_ = scores_at_ + RoundUp(p_.count * sizeof(float), kAlignment);
    labels_at_ = kept_at_ + RoundUp(p_.count * sizeof(uint32_t), kAlignment);
    found_at_ = labels_at_ + RoundUp(p_.classes * sizeof(uint32_t), kAlignment);
    out_at_ = found_at_ + RoundUp(p_.most_found() * sizeof(Detection), kAlignment);
  }

  size_t scratch_bytes() const override { return out_at_ + p_.count; }

  void Run(const RunMemory& memory) const override {
    auto* boxes = reinterpret_cast<Box*>(memory.scratch);
    if (!Decode(memory, boxes)) return memory.Refuse();
    std::fill_n(memory.Out<float>(p_.y_boxes), 4 * p_.places(), 0.0f);
    std::fill_n(memory.Out<float>(p_.y_classes), p_.places(), 0.0f);
    std::fill_n(memory.Out<float>(p_.y_scores), p_.places(), 0.0f);
    const size_t found = p_.is_regular ? RunRegular(memory, boxes) : RunFast(memory, boxes);
    memory.Out<float>(p_.y_count)[0] = static_cast<float>(found);
  }

 private:
  // Centers and half sizes in double, rounded to float32 before they are added.
  bool Decode(const RunMemory& memory, Box* boxes) const {
    for (size_t i = 0; i < p_.count; ++i) {
      float lows[2], highs[2];
      for (size_t axis = 0; axis < 2; ++axis) {
        const double size = p_.anchors.At(memory, 4 * i + 2 + axis);
        const double offset = p_.boxes.At(memory, i * p_.box_stride + axis);
        const double growth = p_.boxes.At(memory, i * p_.box_stride + 2 + axis);
        const double middle = offset / double{p_.scales[axis]} * size + double{p_.anchors.At(memory, 4 * i + axis)};
        const auto center = static_cast<float>(middle);
        const auto half = static_cast<float>(0.5 * std::exp(growth / double{p_.scales[2 + axis]}) * size);
        if (half < 0) return false;
        lows[axis] = center - half, highs[axis] = center + half;
      }
      boxes[i] = {lows[0], lows[1], highs[0], highs[1]};
    }
    return true;
  }

  float ScoreOf(const RunMemory& memory, size_t box, size_t label) const {
    return p_.scores.At(memory, (box + 1) * p_.score_stride - p_.classes + label);
  }

  void Report(const RunMemory& memory, const Box* boxes, size_t place, const Detection& detection) const {
    memory.Out<Box>(p_.y_boxes)[place] = boxes[detection.box];
    memory.Out<float>(p_.y_classes)[place] = static_cast<float>(detection.label);
    memory.Out<float>(p_.y_scores)[place] = detection.score;
  }

  size_t Suppress(const RunMemory& memory, const Box* boxes, const float* scores, size_t most, uint32_t* kept) const {
    const SuppressionOptions options = {p_.score_threshold, p_.iou_threshold, most};
    return SuppressNonMaxima(boxes, scores, p_.count, options, kept, memory.scratch + out_at_);
  }

  // Among the boxes by their best class; each that is left is reported with its best classes.
  size_t RunFast(const RunMemory& memory, const Box* boxes) const {
    auto* best = reinterpret_cast<float*>(memory.scratch + scores_at_);
    auto* kept = reinterpret_cast<uint32_t*>(memory.scratch + kept_at_);
    auto* labels = reinterpret_cast<uint32_t*>(memory.scratch + labels_at_);
    for (size_t box = 0; box < p_.count; ++box) best[box] = BestScore(memory, box);
    const size_t found = Suppress(memory, boxes, best, p_.max_detections, kept);
    const size_t reported = std::min(p_.classes_per_detection, p_.classes);
    for (size_t rank = 0; rank < found; ++rank) {
      const uint32_t box = kept[rank];
      for (size_t label = 0; label < p_.classes; ++label) labels[label] = static_cast<uint32_t>(label);
      std::partial_sort(labels, labels + reported, labels + p_.classes, [&](uint32_t i, uint32_t j) {
        const float a = ScoreOf(memory, box, i), b = ScoreOf(memory, box, j);
        return a > b || (a == b && i < j);  // none is NaN, or the box would not be kept
      });
      for (size_t i = 0; i < reported; ++i) {
        const Detection detection = {ScoreOf(memory, box, labels[i]), box, labels[i]};
        Report(memory, boxes, rank * p_.classes_per_detection + i, detection);
      }
    }
    return found;
  }

  // NaN where one of them is.
  float BestScore(const RunMemory& memory, size_t box) const {
    float best = ScoreOf(memory, box, 0);
    for (size_t label = 1; label < p_.classes; ++label) {
      const float score = ScoreOf(memory, box, label);
      best = score > best || score != score ? score : best;
      if (best != best) break;
    }
    return best;
  }

  // For each class apart; the best of all are reported.
  size_t RunRegular(const RunMemory& memory, const Box* boxes) const {
    auto* scores = reinterpret_cast<float*>(memory.scratch + scores_at_);
    auto* kept = reinterpret_cast<uint32_t*>(memory.scratch + kept_at_);
    auto* best = reinterpret_cast<Detection*>(memory.scratch + found_at_);
    size_t found = 0;
    for (size_t label = 0; label < p_.classes; ++label) {
      for (size_t box = 0; box < p_.count; ++box) scores[box] = ScoreOf(memory, box, label);
      const size_t own = Suppress(memory, boxes, scores, p_.detections_per_class, kept);
      for (size_t i = 0; i < own; ++i) {
        const Detection detection = {scores[kept[i]], kept[i], static_cast<uint32_t>(label)};
        found = Insert(best, found, detection);
      }
    }
    for (size_t place = 0; place < found; ++place) Report(memory, boxes, place, best[place]);
    return found;
  }

  // Behind its equals; what is beyond the last place is forgotten.
  size_t Insert(Detection* best, size_t found, const Detection& detection) const {
    const auto is_better = [](const Detection& a, const Detection& b) { return a.score > b.score; };
    Detection* at = std::upper_bound(best, best + found, detection, is_better);
    const size_t most = p_.most_found();
    if (at == best + most) return found;
    const size_t left = std::min(found, most - 1);
    std::copy_backward(at, best + left, best + left + 1);
    *at = detection;
    return left + 1;
  }

  DetectionParams p_;
  size_t scores_at_, kept_at_, labels_at_, found_at_, out_at_;
};

// Names of fields live as long as the program.
struct InputNames {
  const char *place, *type, *scale, *zero_point;
};
constexpr InputNames kBoxes = {"boxes", "boxesType", "boxesScale", "boxesZeroPoint"};
constexpr InputNames kScores = {"scores", "scoresType", "scoresScale", "scoresZeroPoint"};
constexpr InputNames kAnchors = {"anchors", "anchorsType", "anchorsScale", "anchorsZeroPoint"};

RealInput ReadRealInput(StepFields* fields, const InputNames& names, size_t count) {
  RealInput input = {};
  input.type = ReadElementType(fields, names.type);
  if (input.type != ElementType::kFloat32 && input.type != ElementType::kInt8 && input.type != ElementType::kUint8) {
    fields->Fail(names.type, StatusCode::kShape, "expected float32, int8 or uint8");
  }
  input.place = fields->In(names.place, count, ElementBytes(input.type));
  if (input.type == ElementType::kFloat32) return input;
  input.scale = static_cast<float>(fields->Number(names.scale));
  input.zero_point = static_cast<int32_t>(fields->Integer(names.zero_point, -128, 255));
  return input;
}

}  // namespace

// boxes[count, boxStride >= 4], scores[count, scoreStride >= classes], anchors[count, 4]: for each, <name>Type, float32, int8
// or uint8 as ElementType, and of integers <name>Scale and <name>ZeroPoint; scales: float32[4]; classes, maxDetections,
// classesPerDetection, detectionsPerClass, regular: a flag; scoreThreshold, iouThreshold; yBoxes, yClasses, yScores: of
// maxDetections classesPerDetection, times 4, and yCount, float32
void MakeDetectionStep(StepFields* fields, std::unique_ptr<Step>* step) {
  DetectionParams p = {};
  p.count = fields->Size("count");
  p.box_stride = fields->Size("boxStride", 4);
  p.classes = fields->Size("classes");
  p.score_stride = fields->Size("scoreStride", p.classes);
  p.max_detections = fields->Size("maxDetections");
  p.classes_per_detection = fields->Size("classesPerDetection");
  p.detections_per_class = fields->Size("detectionsPerClass");
  p.is_regular = fields->Flag("regular");
  p.score_threshold = static_cast<float>(fields->Number("scoreThreshold"));
  p.iou_threshold = static_cast<float>(fields->Number("iouThreshold"));
  const float* scales = fields->Floats("scales", 4);
  if (scales != nullptr) std::copy_n(scales, 4, p.scales);
  p.boxes = ReadRealInput(fields, kBoxes, CheckedProduct(fields, "boxStride", {p.count, p.box_stride}));
  p.scores = ReadRealInput(fields, kScores, CheckedProduct(fields, "scoreStride", {p.count, p.score_stride}));
  p.anchors = ReadRealInput(fields, kAnchors, CheckedProduct(fields, "count", {p.count, 4}));
  const size_t places = CheckedProduct(fields, "maxDetections", {p.max_detections, p.classes_per_detection});
  p.y_boxes = fields->Out("yBoxes", CheckedProduct(fields, "maxDetections", {places, 4}), sizeof(float));
  p.y_classes = fields->Out("yClasses", places, sizeof(float));
  p.y_scores = fields->Out("yScores", places, sizeof(float));
  p.y_count = fields->Out("yCount", 1, sizeof(float));
  if (fields->ok()) *step = std::make_unique<DetectionStep>(p);
}

}  // namespace octensor
