/** TFLite_Detection_PostProcess: native/ops/detection.cc. */
import type { DetectionAttributes } from '../../ops/detection-post-process.js';
import { type Operand, perTensor } from '../../ops/op.js';
import { elementCode } from './elements.js';
import { defineLowering, type LoweringContext, type Lowerings, type StepOf } from './lowering.js';

export const detectionLowerings: Lowerings = {
  DetectionPostProcess: defineLowering<DetectionAttributes>((step, context) => {
    const { attributes, inputs, outputs } = step;
    const [boxes, scores, anchors] = inputs as readonly [Operand, Operand, Operand];
    if (attributes.maxDetections === 0 || boxes.dims.includes(0)) return undefined;
    const [yBoxes, yClasses, yScores, yCount] = outputs.map((output) => context.place(output)) as [
      number,
      number,
      number,
      number,
    ];
    const { yScale, xScale, hScale, wScale } = attributes;
    const fields = {
      ...realFields(step, context, 'boxes', boxes),
      ...realFields(step, context, 'scores', scores),
      ...realFields(step, context, 'anchors', anchors),
      ...{ yBoxes, yClasses, yScores, yCount },
      ...{ count: boxes.dims[1]!, boxStride: boxes.dims[2]!, scoreStride: scores.dims[2]! },
      scales: Float32Array.of(yScale, xScale, hScale, wScale),
      classes: attributes.numClasses,
      maxDetections: attributes.maxDetections,
      classesPerDetection: attributes.maxClassesPerDetection,
      detectionsPerClass: attributes.detectionsPerClass,
      regular: Number(attributes.useRegularNms),
      scoreThreshold: attributes.nmsScoreThreshold,
      iouThreshold: attributes.nmsIouThreshold,
    };
    return [{ kind: 'detection', fields }];
  }),
};

function realFields(step: StepOf<unknown>, context: LoweringContext, name: string, operand: Operand) {
  const own = { [name]: context.place(operand), [`${name}Type`]: elementCode(operand.type) };
  if (operand.type === 'float32') return own;
  const { scale, zeroPoint } = perTensor(step, operand);
  return { ...own, [`${name}Scale`]: scale, [`${name}ZeroPoint`]: zeroPoint };
}
