/**
 * MeanVarianceNorm: (x - mean) / (√variance + 1e-9) with the mean and the variance over `axes`, as ONNX defines
 * MeanVarianceNormalization. In float64.
 */
import { caseGraph } from './cases.js';
import { inferUnary } from './elementwise.js';
import { defineOp, type NodeContext, requiredInput } from './op.js';
import { type ReductionAttributes, reducedAxes, reductionOf } from './reduction.js';
import { allocate, inputData, outputTensor } from './storage.js';

const maxRank = 32;
const epsilon = 1e-9;

export const meanVarianceNorm = defineOp<ReductionAttributes>({
  name: 'MeanVarianceNorm',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: (attributes) => ({
    axes: attributes.integers('axes', -maxRank, maxRank - 1),
    keepDims: true,
    allByDefault: false,
    defaultFrom: 0,
  }),
  infer(context: NodeContext<ReductionAttributes>) {
    reducedAxes(context, requiredInput(context, 0).dims.length);
    return inferUnary(context, ['float32', 'float64']);
  },
  run(context) {
    const x = inputData(context, 0) as Float32Array;
    const { count, outputs, forEachRun } = reductionOf(context);
    const means = new Float64Array(outputs);
    forEachRun((start, length, to, step) => {
      for (let i = 0; i < length; i++) means[to + i * step]! += x[start + i]! / count;
    });
    const variances = new Float64Array(outputs);
    forEachRun((start, length, to, step) => {
      for (let i = 0; i < length; i++) variances[to + i * step]! += (x[start + i]! - means[to + i * step]!) ** 2 / count;
    });
    const y = allocate(context.outputs[0]!.type, x.length);
    forEachRun((start, length, to, step) => {
      for (let i = 0; i < length; i++) {
        const group = to + i * step;
        y[start + i] = (x[start + i]! - means[group]!) / (Math.sqrt(variances[group]!) + epsilon);
      }
    });
    return [outputTensor(context, 0, y)];
  },
  *cases() {
    for (const type of ['float32', 'float64'] as const) {
      for (const axes of [[0, 2, 3], [-1], [1, 2]]) {
        const value = { type, dims: [2, 3, 4, 5] };
        yield caseGraph({ op: 'MeanVarianceNorm', attributes: { axes }, inputs: [value], outputs: [value] });
      }
    }
  },
});
