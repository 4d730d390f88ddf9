/**
 * Logistic: 1 / (1 + e^-x). The output is quantized with scale 1/256 and the lowest integer as zero point.
 *
 * - int8, fixed point (TFLite's reference_integer_ops): x in Q4.27, gemmlowp's logistic, rounded to 8 fraction bits
 * - uint8: TFLite's lookup table of the function in float32
 * - `onnx`: through float32
 */
import { affine, caseGraph, wideFunctionCase } from './cases.js';
import {
  floatTypes,
  functionTypes,
  inferUnary,
  isQuantized,
  mapUnary,
  quantizations,
  throughFloat,
  type Unary,
} from './elementwise.js';
import { fixed32, roundingDivideByPot } from './fixed-point.js';
import { defineOp, type RunContext } from './op.js';
import { expectOutputQuantization, inputInQ4 } from './saturating-input.js';

export const logistic = defineOp<Record<string, never>>({
  name: 'Logistic',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: () => ({}),
  infer: (context) => inferUnary(context, [...floatTypes, ...functionTypes(context.numerics)]),
  run: (context) => mapUnary(context, logisticOf(context)),
  *cases() {
    const dims = [4, 100];
    yield caseGraph({
      op: 'Logistic',
      inputs: [{ type: 'float32', dims, range: [-30, 30] }],
      outputs: [{ type: 'float32', dims }],
    });
    yield wideFunctionCase('Logistic', 3e-4, 2 ** -15);
    for (const numerics of ['tflite', 'single', 'onnx'] as const) {
      for (const scale of [0.0235, 0.1, 0.9, 7]) {
        for (const type of ['int8', 'uint8'] as const) {
          const lowest = type === 'int8' ? -128 : 0;
          const inputs = [{ type, dims, qparams: affine(type, scale, lowest + 117) }];
          yield caseGraph({
            op: 'Logistic',
            inputs,
            outputs: [{ type, dims, qparams: affine(type, 1 / 256, lowest) }],
            numerics,
          });
        }
      }
    }
  },
});

const sigmoid: Unary = (x) => 1 / (1 + Math.exp(-x));

function logisticOf(context: RunContext<unknown>): Unary {
  const { numerics } = context;
  const { type } = context.outputs[0]!;
  if (!isQuantized(type)) return sigmoid;
  if (type !== 'int8' || numerics === 'onnx') return throughFloat(context, sigmoid);
  expectOutputQuantization(context, 1 / 256, -128);
  const toQ4 = inputInQ4(quantizations(context)[0], numerics);
  return (q) => {
    const x = toQ4(q);
    if (!Number.isFinite(x)) return x < 0 ? -128 : 127;
    return Math.min(roundingDivideByPot(fixed32.logistic(x, 4), 31 - 8) - 128, 127);
  };
}
