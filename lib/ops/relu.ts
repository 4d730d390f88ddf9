/**
 * Relu, Relu6, ReluN1To1: x clamped to [0, inf), [0, 6], [-1, 1]; any numbers. Quantized: M(s_x / s_y)·(x - z_x) + z_y in fixed point,
 * clamped to the bounds in the output's integers (TFLite's ReluX); equal quantization leaves just the clamp. `onnx` goes
 * through float32.
 */

import { toFixedPoint } from '../quant/requant.js';
import { affine, caseGraph } from './cases.js';
import {
  clampBetween,
  type Element,
  inferUnary,
  isQuantizedNode,
  mapUnary,
  plainTypes,
  quantizations,
  quantizedTypes,
  realTypes,
  throughFloat,
  type Unary,
} from './elementwise.js';
import { defineOp, type Op, type RunContext } from './op.js';
import { type Activation, activationBounds, quantizedBounds, scaleSum } from './output-stage.js';

export const relu = defineRelu('Relu', 'relu');
export const relu6 = defineRelu('Relu6', 'relu6');
export const reluN1To1 = defineRelu('ReluN1To1', 'relu-n1-to-1');

function defineRelu(name: string, activation: Activation): Op {
  return defineOp<Record<string, never>>({
    name,
    inputs: [1, 1],
    outputs: [1, 1],
    parse: () => ({}),
    infer: (context) => inferUnary(context, realTypes, plainTypes),
    run: (context) => mapUnary<unknown, Element>(context, clampOf(context, activation)),
    *cases() {
      const dims = [2, 7, 5];
      for (const type of plainTypes) {
        const range = type.startsWith('u') ? ([0, 9] as const) : ([-9, 9] as const);
        yield caseGraph({ op: name, inputs: [{ type, dims, range }], outputs: [{ type, dims }] });
      }
      for (const numerics of ['tflite', 'single', 'onnx'] as const) {
        for (const type of quantizedTypes) {
          const z = { int8: -9, uint8: 119, int16: 0 }[type];
          const inputs = [{ type, dims, qparams: affine(type, type === 'int16' ? 2 ** -11 : 0.07, z) }];
          const scales = type === 'int16' ? [2 ** -11, 3e-4] : [0.07, 0.041];
          for (const scale of scales) {
            yield caseGraph({
              op: name,
              inputs,
              outputs: [{ type, dims, qparams: affine(type, scale, z) }],
              numerics,
              seed: z + 20,
            });
          }
        }
      }
    },
  });
}

function clampOf(context: RunContext<unknown>, activation: Activation): (x: Element) => Element {
  const { type } = context.outputs[0]!;
  const [low, high] = activationBounds[activation];
  if (!isQuantizedNode(context)) return clampBetween(type, low, high);
  return quantizedClamp(context, activation) as (x: Element) => Element;
}

function quantizedClamp(context: RunContext<unknown>, activation: Activation): Unary {
  const { numerics } = context;
  const [low, high] = activationBounds[activation];
  if (numerics === 'onnx') return throughFloat(context, (x) => Math.min(Math.max(x, low), high));
  const [x, y] = quantizations(context);
  const [min, max] = quantizedBounds(activation, y, numerics);
  const scale = toFixedPoint(x.scale / y.scale);
  return (q) => Math.min(Math.max(scaleSum(q - x.zeroPoint, scale, numerics) + y.zeroPoint, min), max);
}
