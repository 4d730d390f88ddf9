// The list of step kinds. One line here registers a kind; lib/backends/native/ makes the descriptions.
#include <cstring>

#include "ops/step.h"

namespace octensor {

void MakeConvStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeDepthwiseStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeArgStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeBinaryStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeCopyStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeFillStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakePoolStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeQuantizeStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeReduceStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeResizeBilinearStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeResizeNearestStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeSoftmaxStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeTableStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeFloatConvStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeFloatDepthwiseStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeFloatBinaryStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeFloatUnaryStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeFloatPoolStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeFloatReduceStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeFloatSoftmaxStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeHybridConvStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeFloatRfftStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeFloatMagnitudeStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeDynamicMatMulStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeFloatMatMulStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeFloatAttentionStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeFloatLayerNormStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeSelectStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeCastStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeArithmeticStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeGatherStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeGatherElementsStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeScatterNdStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeScatterElementsStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeTopKStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeCumSumStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeOneHotStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeRealFunctionStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeRescaleStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeSvdfStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeSequenceLstmStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeDetectionStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeRecurrentStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeMappedCopyStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeFloatStatisticsStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeByteMatMulStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeDynamicConvStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeDynamicQuantizeStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeSplitInt16Step(StepFields* fields, std::unique_ptr<Step>* step);
void MakeJoinSumsStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeWideDepthwiseStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeWideBinaryStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeWideRescaleStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeWidePoolStep(StepFields* fields, std::unique_ptr<Step>* step);
void MakeWideTableStep(StepFields* fields, std::unique_ptr<Step>* step);

namespace {

const StepKind kStepKinds[] = {
    {"conv", MakeConvStep},
    {"depthwise", MakeDepthwiseStep},
    {"arg", MakeArgStep},
    {"binary", MakeBinaryStep},
    {"copy", MakeCopyStep},
    {"fill", MakeFillStep},
    {"pool", MakePoolStep},
    {"quantize", MakeQuantizeStep},
    {"reduce", MakeReduceStep},
    {"resize-bilinear", MakeResizeBilinearStep},
    {"resize-nearest", MakeResizeNearestStep},
    {"softmax", MakeSoftmaxStep},
    {"table", MakeTableStep},
    {"float-conv", MakeFloatConvStep},
    {"float-depthwise", MakeFloatDepthwiseStep},
    {"float-binary", MakeFloatBinaryStep},
    {"float-unary", MakeFloatUnaryStep},
    {"float-pool", MakeFloatPoolStep},
    {"float-reduce", MakeFloatReduceStep},
    {"float-softmax", MakeFloatSoftmaxStep},
    {"hybrid-conv", MakeHybridConvStep},
    {"float-rfft", MakeFloatRfftStep},
    {"float-magnitude", MakeFloatMagnitudeStep},
    {"dynamic-matmul", MakeDynamicMatMulStep},
    {"float-matmul", MakeFloatMatMulStep},
    {"float-attention", MakeFloatAttentionStep},
    {"float-layer-norm", MakeFloatLayerNormStep},
    {"select", MakeSelectStep},
    {"cast", MakeCastStep},
    {"arithmetic", MakeArithmeticStep},
    {"gather", MakeGatherStep},
    {"gather-elements", MakeGatherElementsStep},
    {"scatter-nd", MakeScatterNdStep},
    {"scatter-elements", MakeScatterElementsStep},
    {"top-k", MakeTopKStep},
    {"cum-sum", MakeCumSumStep},
    {"one-hot", MakeOneHotStep},
    {"real-function", MakeRealFunctionStep},
    {"rescale", MakeRescaleStep},
    {"svdf", MakeSvdfStep},
    {"sequence-lstm", MakeSequenceLstmStep},
    {"detection", MakeDetectionStep},
    {"recurrent", MakeRecurrentStep},
    {"mapped-copy", MakeMappedCopyStep},
    {"float-statistics", MakeFloatStatisticsStep},
    {"byte-matmul", MakeByteMatMulStep},
    {"dynamic-conv", MakeDynamicConvStep},
    {"dynamic-quantize", MakeDynamicQuantizeStep},
    {"split-int16", MakeSplitInt16Step},
    {"join-sums", MakeJoinSumsStep},
    {"wide-depthwise", MakeWideDepthwiseStep},
    {"wide-binary", MakeWideBinaryStep},
    {"wide-rescale", MakeWideRescaleStep},
    {"wide-pool", MakeWidePoolStep},
    {"wide-table", MakeWideTableStep},
};

}  // namespace

const StepKind* FindStepKind(const char* name) {
  for (const StepKind& kind : kStepKinds) {
    if (std::strcmp(kind.name, name) == 0) return &kind;
  }
  return nullptr;
}

}  // namespace octensor
