/**
 * LogSoftmax: x - max - log Σ e^(x - max) along `axis`, the last one by default. 8-bit outputs have scale 16/256 and the highest integer as
 * zero point. Fixed point (TFLite's reference kernels): differences in Q5.26 and sums in Q12.19 as in Softmax, the logarithm in
 * Q5.26. `onnx`: dequantize, compute, quantize half to even.
 */
import { quantizedRanges } from '../quant/qparams.js';
import { toFixedPoint } from '../quant/requant.js';
import { affine, caseGraph } from './cases.js';
import { dequantizer, inferUnary, isQuantized, quantizations, quantizer } from './elementwise.js';
import { fixed32, roundingDivideByPot } from './fixed-point.js';
import { defineOp, type RunContext } from './op.js';
import { scaleSum } from './output-stage.js';
import { expectOutputQuantization } from './saturating-input.js';
import {
  differenceIntegerBits,
  forEachRow,
  largestOf,
  parseRows,
  type Row,
  type RowAttributes,
  rowCases,
  rowLayout,
  scaledDifferences,
  sumIntegerBits,
  sumOfExponentials,
} from './softmax-input.js';
import { allocate, inputData, outputTensor } from './storage.js';

export const logSoftmax = defineOp<RowAttributes>({
  name: 'LogSoftmax',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: parseRows,
  infer(context) {
    rowLayout(context);
    return inferUnary(context, ['float32', 'float64', 'int8', 'uint8']);
  },
  run(context) {
    const x = inputData(context, 0) as Row;
    const y = allocate(context.outputs[0]!.type, x.length) as Row;
    forEachRow(x, y, rowLayout(context), rowFunction(context));
    return [outputTensor(context, 0, y)];
  },
  *cases() {
    for (const dims of [[7], [3, 10], [2, 300]]) {
      yield caseGraph({ op: 'LogSoftmax', inputs: [{ type: 'float32', dims }], outputs: [{ type: 'float32', dims }] });
      for (const numerics of ['tflite', 'single', 'onnx'] as const) {
        for (const type of ['int8', 'uint8'] as const) {
          for (const scale of [0.0625, 0.31, 1.7]) {
            const inputs = [{ type, dims, qparams: affine(type, scale, quantizedRanges[type][0] + 90) }];
            const outputs = [{ type, dims, qparams: affine(type, 16 / 256, quantizedRanges[type][1]) }];
            yield caseGraph({ op: 'LogSoftmax', inputs, outputs, numerics });
          }
        }
      }
    }
    yield* rowCases('LogSoftmax');
  },
});

function rowFunction(context: RunContext<unknown>): (x: Row, y: Row) => void {
  if (!isQuantized(context.outputs[0]!.type)) return (x, y) => y.set(realLogSoftmax(x));
  if (context.numerics !== 'onnx') return fixedPointRow(context, context.numerics);
  const [input, output] = quantizations(context);
  const [dequantize, quantize] = [dequantizer(input), quantizer(output, 'onnx')];
  return (x, y) =>
    y.set(realLogSoftmax(Float32Array.from(x, (q) => dequantize(q))).map((value) => quantize(Math.fround(value))));
}

/** In float64, rounded once. */
function realLogSoftmax(x: Row): Float64Array {
  const max = largestOf(x);
  const logSum = Math.log([...x].reduce((sum, value) => sum + Math.exp(value - max), 0));
  return Float64Array.from(x, (value) => value - max - logSum);
}

function fixedPointRow(context: RunContext<unknown>, numerics: 'tflite' | 'single'): (x: Row, y: Row) => void {
  const [input, { dtype }] = quantizations(context);
  const [min, max] = quantizedRanges[dtype];
  expectOutputQuantization(context, 16 / 256, max);
  const differences = scaledDifferences(input.scale, numerics);
  const { multiplier, min: minDifference, scaled } = differences;
  const inverse = toFixedPoint(2 ** (31 - multiplier.exponent) / multiplier.multiplier);
  return (x, y) => {
    const largest = largestOf(x);
    const sum = sumOfExponentials(x, largest, differences);
    const logSum = logarithm(sum);
    // The smallest difference from which logSum can be subtracted in Q5.26
    const limit = Math.max(minDifference - 1, scaleSum(logSum - 2 ** 31, inverse, numerics));
    for (let i = 0; i < x.length; i++) {
      const difference = x[i]! - largest;
      const result = difference > limit ? roundingDivideByPot(scaled(difference) - logSum, 31 - 5 - 4) + max : min;
      y[i] = Math.min(Math.max(result, min), max);
    }
  };
}

// Q0.31
const log2 = 1488522236;
const fourthRootOfHalf = 1805811301;
const rootOfHalf = 1518500250;
const numeratorFactor = 117049297; // 11/240 · 2^(1/4)
const denominatorConstant = 1057819769; // 2 · 2^(-1/4) - 2^(1/4)
const denominatorLinear = 638450708; // 1/4 · 2^(1/4)
const denominatorSquare = 127690142; // 1/20 · 2^(1/4)

/**
 * log x for x >= 1 in Q12.19, in Q5.26 (TFLite's log_x_for_x_greater_than_or_equal_to_1): x = 2^k · r with r in about
 * [2^(-1/2), 1], k in steps of a half; a rational approximation of log r around 2^(-1/4).
 */
export function logarithm(x: number): number {
  const { multiply, multiplyByPot } = fixed32;
  const accumulatorBits = differenceIntegerBits + 1;
  const quarter = 2 ** (29 - accumulatorBits);
  const toAccumulator = (exponent: number) => multiplyByPot(exponent, 31 - accumulatorBits);
  const saturate = (sum: number) => Math.min(Math.max(sum, -(2 ** 31)), 2 ** 31 - 1);

  const zerosA = Math.clz32(x);
  const rA = multiplyByPot(multiply(multiplyByPot(x, zerosA - 1), rootOfHalf), 1);
  const exponentA = saturate(toAccumulator(sumIntegerBits - zerosA) + quarter);
  const headroomB = Math.clz32(multiply(x, rootOfHalf)) - 1;
  const rB = multiplyByPot(x, headroomB);
  const exponentB = saturate(toAccumulator(sumIntegerBits - headroomB) - quarter);
  const r = Math.min(rA, rB);
  const exponent = Math.max(exponentA, exponentB);

  const p = Math.floor((r + fourthRootOfHalf + 1) / 2);
  const q = ((r - fourthRootOfHalf) * 2) | 0;
  const square = multiply(q, q);
  const numerator = (multiply(q, r) + multiply(multiply(q, square), numeratorFactor)) | 0;
  const inner = (denominatorConstant + q + multiply(denominatorSquare, square)) | 0;
  const denominatorMinus1 = (multiply(p, inner) + multiply(denominatorLinear, q)) | 0;
  const fraction = multiply(multiplyByPot(numerator, -accumulatorBits), fixed32.oneOverOnePlusX(denominatorMinus1));
  return multiplyByPot((multiply(exponent, log2) + fraction) | 0, 1);
}
