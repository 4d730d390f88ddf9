/**
 * Sum: x -> y, the sum over `axes`
 *
 *     tflite, single:  y = saturate(scale(Σx - n·zx, sx / sy) + zy)
 *     onnx:            y = saturate(round half even(f32(Σx - n·zx) · f32(sx / sy)) + zy)
 *     32 and 64 bits:  wraps
 *     float:           summed in float64
 */
import { quantizedRanges } from '../quant/qparams.js';
import { requantizeOnnx } from '../quant/requant.js';
import { affine, caseGraph } from './cases.js';
import { defineOp, type OpCase, perTensor, type RunContext } from './op.js';
import { scaleSum } from './output-stage.js';
import { inferReduction, parseReduction, type ReductionAttributes, reductionOf, sumsOf } from './reduction.js';
import { allocate, inputData, outputTensor } from './storage.js';
import { fixedMultiplier } from './weights.js';

const exactTypes = ['float32', 'float64', 'int32', 'uint32', 'int64', 'uint64'] as const;

export const sum = defineOp<ReductionAttributes>({
  name: 'Sum',
  inputs: [1, 2],
  outputs: [1, 1],
  parse: parseReduction,
  infer: (context) => inferReduction(context, [...exactTypes, 'int8', 'uint8']),

  run(context) {
    const { type } = context.outputs[0]!;
    const reduction = reductionOf(context);
    const sums = sumsOf(reduction, inputData(context, 0));
    const y = allocate(type, reduction.outputs) as Float32Array;
    if ((exactTypes as readonly string[]).includes(type)) {
      y.set(sums as Float64Array);
    } else {
      const rescale = rescaler(context, reduction.count);
      for (let i = 0; i < y.length; i++) y[i] = rescale(sums[i] as number);
    }
    return [outputTensor(context, 0, y)];
  },

  cases,
});

function rescaler(context: RunContext<ReductionAttributes>, count: number): (sum: number) => number {
  const { numerics } = context;
  const [x, y] = [perTensor(context, context.inputs[0]!), perTensor(context, context.outputs[0]!)];
  const [min, max] = quantizedRanges[y.dtype];
  const saturate = (value: number) => Math.min(Math.max(value + y.zeroPoint, min), max);
  if (numerics === 'onnx') return (total) => saturate(requantizeOnnx(total - count * x.zeroPoint, x.scale / y.scale));
  const fixed = fixedMultiplier(context.node, x.scale / y.scale);
  return (total) => saturate(scaleSum((total - count * x.zeroPoint) | 0, fixed, numerics));
}

function* cases(): Iterable<OpCase> {
  const op = 'Sum';
  const shapes = [
    { x: [2, 5, 3, 6], y: [2, 6], attributes: { axes: [1, 2] } },
    { x: [3, 6], y: [3, 1], attributes: { axes: [-1], keepDims: true } },
    { x: [4], y: [], attributes: { axes: [0] } },
  ] as const;
  for (const { x, y, attributes } of shapes) {
    for (const numerics of ['tflite', 'single', 'onnx'] as const) {
      const input = { type: 'int8', dims: x, qparams: affine('int8', 0.05, -3) } as const;
      const output = { type: 'int8', dims: y, qparams: affine('int8', 0.3, 4) } as const;
      yield caseGraph({ op, attributes, inputs: [input], outputs: [output], numerics });
    }
    for (const type of exactTypes) {
      yield caseGraph({ op, attributes, inputs: [{ type, dims: x }], outputs: [{ type, dims: y }] });
    }
  }
  const x = { type: 'float32', dims: [2, 3, 4] } as const;
  const axes = { type: 'int64', dims: [2], constant: [-3, 2] } as const;
  yield caseGraph({ op, inputs: [x, axes], outputs: [{ type: 'float32', dims: [3] }] });
  for (const [allByDefault, dims] of [
    [true, []],
    [false, [2, 3, 4]],
  ] as const) {
    yield caseGraph({ op, attributes: { allByDefault }, inputs: [x], outputs: [{ type: 'float32', dims }] });
  }
}
