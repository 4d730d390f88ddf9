/**
 * Mean: x -> y, the mean over `axes`
 *
 *     tflite, single:  y = saturate(scale(Σx - n·zx, sx / (n·sy)) + zy), the multiplier as below
 *     onnx:            y = saturate(round half even(f32(Σx - n·zx) · f32(sx / (n·sy))) + zy)
 *     float:           summed in float64
 *     32 and 64 bits:  toward zero; sums wrap
 *
 * TFLite's QuantizedMeanOrSum folds 1/n into the fixed-point multiplier sx / sy = q · 2^(e - 31): with s = floor(log2(n)) it is
 * floor(q · 2^s / n) · 2^(e - s - 31), which is not normalised and, truncated, not the multiplier of sx / (n·sy).
 */

import { quantizedRanges } from '../quant/qparams.js';
import { type FixedPoint, requantizeOnnx } from '../quant/requant.js';
import { affine, caseGraph } from './cases.js';
import { functionTypes } from './elementwise.js';
import { defineOp, type OpCase, perTensor, type RunContext } from './op.js';
import { scaleSum, wideLimit } from './output-stage.js';
import { inferReduction, parseReduction, type ReductionAttributes, reductionOf, sumsOf } from './reduction.js';
import { allocate, inputData, outputTensor } from './storage.js';
import { fixedMultiplier } from './weights.js';

const floatTypes = ['float32', 'float64'] as const;
const integerTypes = ['int32', 'uint32', 'int64', 'uint64'] as const;

export const mean = defineOp<ReductionAttributes>({
  name: 'Mean',
  inputs: [1, 2],
  outputs: [1, 1],
  parse: parseReduction,
  infer: (context) => inferReduction(context, [...floatTypes, ...integerTypes, ...functionTypes(context.numerics)]),

  run(context) {
    const reduction = reductionOf(context);
    const sums = sumsOf(reduction, inputData(context, 0)) as Float64Array;
    const y = allocate(context.outputs[0]!.type, reduction.outputs) as Float32Array;
    // The mean of nothing: TFLite leaves zeros, ONNX leaves it open
    if (reduction.count === 0) return [outputTensor(context, 0, y)];
    const average = averager(context, reduction.count);
    for (let i = 0; i < y.length; i++) y[i] = average(sums[i]!);
    return [outputTensor(context, 0, y)];
  },

  cases,
});

function averager(context: RunContext<ReductionAttributes>, count: number): (sum: number) => number {
  const { type } = context.outputs[0]!;
  if (type === 'float32' || type === 'float64') return (sum) => sum / count;
  if (type === 'int64' || type === 'uint64') return ((sum: bigint) => asOwn(type, sum) / BigInt(count)) as never;
  if (type === 'int32' || type === 'uint32') return (sum) => Math.trunc((type === 'int32' ? sum : sum >>> 0) / count);
  const { numerics } = context;
  const [x, y] = [perTensor(context, context.inputs[0]!), perTensor(context, context.outputs[0]!)];
  const [min, max] = quantizedRanges[y.dtype];
  const saturate = (value: number) => Math.min(Math.max(value + y.zeroPoint, min), max);
  if (numerics === 'onnx') {
    const multiplier = x.scale / Math.fround(y.scale * count);
    const limit = y.dtype === 'int16' ? wideLimit : undefined;
    return (sum) => saturate(requantizeOnnx(sum - count * x.zeroPoint, multiplier, limit));
  }
  const fixed = divided(fixedMultiplier(context.node, x.scale / y.scale), count);
  return (sum) => saturate(scaleSum((sum - count * x.zeroPoint) | 0, fixed, numerics));
}

const asOwn = (type: 'int64' | 'uint64', sum: bigint) => (type === 'int64' ? sum : BigInt.asUintN(64, sum));

/** The multiplier of a mean over `count`. */
export function divided({ multiplier, exponent }: FixedPoint, count: number): FixedPoint {
  const shift = Math.min(31 - Math.clz32(count), 31 + exponent);
  // q · 2^shift may have 62 bits.
  return { multiplier: Number((BigInt(multiplier) << BigInt(shift)) / BigInt(count)), exponent: exponent - shift };
}

function* cases(): Iterable<OpCase> {
  const op = 'Mean';
  const shapes = [
    { x: [2, 7, 7, 10], y: [2, 10], attributes: { axes: [1, 2] } },
    { x: [1, 3, 5, 4], y: [1, 1, 1, 4], attributes: { axes: [2, 1], keepDims: true } },
    { x: [3, 6], y: [3], attributes: { axes: [-1] } },
    { x: [2, 3, 4], y: [3, 4], attributes: { axes: [0] } },
    { x: [2, 3], y: [], attributes: { axes: [0, 1] } },
  ] as const;
  for (const { x, y, attributes } of shapes) {
    for (const numerics of ['tflite', 'single', 'onnx'] as const) {
      for (const type of ['int8', 'uint8'] as const) {
        const input = { type, dims: x, qparams: affine(type, 0.05, 7) } as const;
        const output = { type, dims: y, qparams: affine(type, 0.021, 11) } as const;
        yield caseGraph({ op, attributes, inputs: [input], outputs: [output], numerics });
      }
    }
    const [wide, mean] = [
      { type: 'int16', dims: x, qparams: affine('int16', 0.0002) } as const,
      { type: 'int16', dims: y, qparams: affine('int16', 0.00011) } as const,
    ];
    yield caseGraph({ op, attributes, inputs: [wide], outputs: [mean], numerics: 'onnx' });
    for (const type of [...floatTypes, ...integerTypes]) {
      yield caseGraph({ op, attributes, inputs: [{ type, dims: x }], outputs: [{ type, dims: y }] });
    }
  }
  const axes = { type: 'int64', dims: [1], constant: [1] } as const;
  const inputs = [{ type: 'float32', dims: [4, 5] } as const, axes];
  yield caseGraph({ op, inputs, outputs: [{ type: 'float32', dims: [4] }] });
}
