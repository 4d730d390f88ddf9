/**
 * Softmax: e^(beta · x) / Σ e^(beta · x) along `axis`, the last one by default. `to` is the output's type, by default the input's.
 *
 * Fixed point (TFLite's reference kernels), for int8 and uint8, to 8 or 16 bits, where the output has scale 1 / 2^bits and
 * the lowest integer as zero point: differences to the largest x in Q5.26, gemmlowp's exponential, their sum in Q12.19, its
 * reciprocal, and the products rounded. `onnx`: float64 exponentials of the differences, the quotients rounded to float32,
 * quantized half to even.
 */
import { quantizedRanges } from '../quant/qparams.js';
import type { DataType } from '../tensor.js';
import { affine, caseGraph } from './cases.js';
import { checkedOperand, isQuantized, quantizations, quantizer } from './elementwise.js';
import { fixed32, reciprocal, roundingDivideByPot } from './fixed-point.js';
import { type AttributeReader, defineOp, type NodeContext, nodeError, type RunContext } from './op.js';
import { expectOutputQuantization } from './saturating-input.js';
import {
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

export interface SoftmaxAttributes extends RowAttributes {
  readonly beta: number;
  readonly to: 'input' | 'int8' | 'uint8' | 'int16' | 'float32';
}

export const softmax = defineOp<SoftmaxAttributes>({
  name: 'Softmax',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: (attributes: AttributeReader) => ({
    ...parseRows(attributes),
    beta: Math.fround(attributes.number('beta', 1)),
    to: attributes.oneOf('to', ['input', 'int8', 'uint8', 'int16', 'float32'], 'input'),
  }),
  infer(context) {
    const x = checkedOperand(context, 0, ['float32', 'float64', 'int8', 'uint8']);
    rowLayout(context);
    return [{ type: outputType(context, x.type), dims: x.dims }];
  },
  run(context) {
    const { type } = context.inputs[0]!;
    const x = inputData(context, 0) as Row;
    const y = allocate(context.outputs[0]!.type, x.length) as Row;
    forEachRow(x, y, rowLayout(context), rowFunction(context, type));
    return [outputTensor(context, 0, y)];
  },
  *cases() {
    for (const dims of [[7], [3, 10], [1, 4, 4, 2], [2, 1001]]) {
      yield caseGraph({
        op: 'Softmax',
        inputs: [{ type: 'float32', dims, range: [-9, 9] }],
        outputs: [{ type: 'float32', dims }],
      });
      for (const numerics of ['tflite', 'single', 'onnx'] as const) {
        for (const [type, to] of [
          ['int8', 'int8'],
          ['uint8', 'uint8'],
          ['int8', 'int16'],
        ] as const) {
          for (const [scale, beta] of [
            [0.0625, 1],
            [0.31, 0.5],
            [1.7, 1],
            [20, 1],
          ] as const) {
            const bits = to === 'int16' ? 16 : 8;
            const outputs = [{ type: to, dims, qparams: affine(to, 2 ** -bits, quantizedRanges[to][0]) }];
            const inputs = [{ type, dims, qparams: affine(type, scale, quantizedRanges[type][0] + 40) }];
            yield caseGraph({ op: 'Softmax', attributes: { beta, to }, inputs, outputs, numerics });
          }
        }
      }
    }
    yield* rowCases('Softmax');
    const inputs = [{ type: 'int8', dims: [2, 5, 3], qparams: affine('int8', 0.1, 9) } as const];
    const outputs = [{ type: 'int8', dims: [2, 5, 3], qparams: affine('int8', 1 / 256, -128) } as const];
    for (const numerics of ['tflite', 'onnx'] as const) {
      yield caseGraph({ op: 'Softmax', attributes: { axis: 1 }, inputs, outputs, numerics });
      yield caseGraph({ op: 'Softmax', attributes: { axis: 1, flatten: true }, inputs, outputs, numerics });
    }
  },
});

function outputType({ node, attributes }: NodeContext<SoftmaxAttributes>, type: DataType): DataType {
  const to = attributes.to === 'input' ? type : attributes.to;
  if (to === type || (type === 'int8' && to === 'int16')) return to;
  throw nodeError('ERR_DTYPE', node, `expected an output of type ${type}${type === 'int8' ? ' or int16' : ''}, got ${to}`);
}

function rowFunction(context: RunContext<SoftmaxAttributes>, type: DataType): (x: Row, y: Row) => void {
  const { beta } = context.attributes;
  if (!isQuantized(type)) return (x, y) => y.set(realSoftmax(x, beta));
  if (context.numerics !== 'onnx') return fixedPointRow(context, context.numerics);
  const [input, output] = quantizations(context);
  const [exponentials, quantize] = [realExponentials(input.scale, beta), quantizer(output, 'onnx')];
  return (x, y) => {
    const largest = largestOf(x);
    const terms = Float64Array.from(x, (q) => exponentials(q - largest));
    const sum = terms.reduce((a, b) => a + b, 0);
    for (let i = 0; i < y.length; i++) y[i] = quantize(Math.fround(terms[i]! / sum));
  };
}

/** e^(beta · scale · difference) in float64, of a difference of quantized integers. */
export function realExponentials(scale: number, beta: number): (difference: number) => number {
  return (difference) => Math.exp(beta * scale * difference);
}

/** In float64, rounded once. */
export function realSoftmax(x: Row, beta: number): Float64Array {
  const max = largestOf(x);
  const exponentials = Float64Array.from(x, (value) => Math.exp((value - max) * beta));
  const sum = exponentials.reduce((a, b) => a + b, 0);
  return exponentials.map((value) => value / sum);
}

function fixedPointRow(context: RunContext<SoftmaxAttributes>, numerics: 'tflite' | 'single'): (x: Row, y: Row) => void {
  const [input, { dtype }] = quantizations(context);
  const [min, max] = quantizedRanges[dtype];
  const bits = dtype === 'int16' ? 16 : 8;
  expectOutputQuantization(context, 2 ** -bits, min);
  const differences = scaledDifferences(input.scale * context.attributes.beta, numerics);
  return (x, y) => {
    const largest = largestOf(x);
    const sum = sumOfExponentials(x, largest, differences);
    const { scale, bitsOverUnit } = reciprocal(sum, sumIntegerBits);
    const shift = bitsOverUnit + 31 - bits;
    for (let i = 0; i < x.length; i++) {
      const unsaturated = roundingDivideByPot(fixed32.multiply(scale, differences.exponentials(x[i]! - largest)), shift);
      y[i] = Math.min(Math.max(unsaturated + min, min), max);
    }
  };
}
