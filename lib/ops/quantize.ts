/**
 * Quantize: x -> the same shape in the type `to`, with the output's scale and zero point.
 *
 * - from float32: round half away(x / scale) + zero point, saturated; the division is float32 (TFLite's AffineQuantize).
 *   `onnx`: half to even, and for each channel where the output has one scale for each
 * - from integers (requantization): M(s_x / s_y)·(x - z_x) + z_y in fixed point. uint8 to int8 at one scale is x XOR 0x80, and
 *   that is what the formula gives. `onnx` dequantizes and quantizes in float32
 */
import { quantizeArray, quantizedRanges } from '../quant/qparams.js';
import { toFixedPoint } from '../quant/requant.js';
import type { Tensor } from '../tensor.js';
import { affine, caseGraph } from './cases.js';
import { dequantizer, mapUnary, quantizations, quantizer, type Unary } from './elementwise.js';
import { defineOp, expectType, perTensor, type RunContext, requiredInput } from './op.js';
import { scaleSum } from './output-stage.js';
import { inputData, outputTensor } from './storage.js';

const integerTypes = ['int8', 'uint8', 'int16', 'int32'] as const;

export interface QuantizeAttributes {
  readonly to: (typeof integerTypes)[number];
}

export const quantize = defineOp<QuantizeAttributes>({
  name: 'Quantize',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: (attributes) => ({ to: attributes.oneOf('to', integerTypes, 'int8') }),
  infer(context) {
    const x = requiredInput(context, 0);
    expectType(context, x, ['float32', ...integerTypes]);
    if (x.type !== 'float32') perTensor(context, x);
    return [{ type: context.attributes.to, dims: x.dims }];
  },
  run(context) {
    const isReal = context.inputs[0]!.type === 'float32';
    if (isReal && context.numerics === 'onnx' && context.outputs[0]!.qparams?.axis !== undefined) return perChannel(context);
    return mapUnary(context, isReal ? fromFloat(context) : requantize(context));
  },
  *cases() {
    const dims = [2, 5, 5, 3];
    for (const numerics of ['tflite', 'single', 'onnx'] as const) {
      for (const to of integerTypes) {
        const qparams = affine(to, to === 'int32' ? 0.001 : 0.031, { int8: -3, uint8: 131, int16: 0, int32: 0 }[to]);
        yield caseGraph({
          op: 'Quantize',
          attributes: { to },
          inputs: [{ type: 'float32', dims }],
          outputs: [{ type: to, dims, qparams }],
          numerics,
        });
        for (const type of integerTypes) {
          const inputs = [{ type, dims, qparams: affine(type, 0.043, { int8: 11, uint8: 100, int16: 0, int32: 0 }[type]) }];
          yield caseGraph({ op: 'Quantize', attributes: { to }, inputs, outputs: [{ type: to, dims, qparams }], numerics });
        }
      }
      if (numerics === 'onnx') {
        const [scale, zeroPoint] = [Float32Array.of(0.01, 0.02, 0.05), Int32Array.of(3, 0, -7)];
        const output = { type: 'int8', dims, qparams: { dtype: 'int8', scale, zeroPoint, axis: 3 } } as const;
        yield caseGraph({ op: 'Quantize', inputs: [{ type: 'float32', dims }], outputs: [output], numerics });
      }
      const inputs = [{ type: 'uint8', dims, qparams: affine('uint8', 1 / 128, 127) } as const];
      const outputs = [{ type: 'int8', dims, qparams: affine('int8', 1 / 128, -1) } as const];
      yield caseGraph({ op: 'Quantize', inputs, outputs, numerics, name: `${numerics} Quantize by XOR 0x80` });
    }
  },
});

function perChannel(context: RunContext<QuantizeAttributes>): readonly Tensor[] {
  const { dims, qparams } = context.outputs[0]!;
  return [outputTensor(context, 0, quantizeArray(inputData(context, 0) as Float32Array, qparams!, dims))];
}

function fromFloat(context: RunContext<QuantizeAttributes>): Unary {
  return quantizer(perTensor(context, context.outputs[0]!), context.numerics);
}

function requantize(context: RunContext<QuantizeAttributes>): Unary {
  const { numerics } = context;
  const [x, y] = quantizations(context);
  if (numerics === 'onnx') {
    const [dequantize, quantizeReal] = [dequantizer(x), quantizer(y, numerics)];
    return (q) => quantizeReal(dequantize(q));
  }
  const scale = toFixedPoint(x.scale / y.scale);
  const [min, max] = quantizedRanges[y.dtype];
  return (q) => Math.min(Math.max(scaleSum((q - x.zeroPoint) | 0, scale, numerics) + y.zeroPoint, min), max);
}
