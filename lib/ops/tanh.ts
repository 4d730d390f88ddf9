/**
 * Tanh. The output is quantized with scale 1/128 and zero point 0 (uint8: 128).
 *
 * - int8, fixed point (TFLite's reference_integer_ops): x in Q4.27, gemmlowp's tanh, rounded to 7 fraction bits
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

export const tanh = defineOp<Record<string, never>>({
  name: 'Tanh',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: () => ({}),
  infer: (context) => inferUnary(context, [...floatTypes, ...functionTypes(context.numerics)]),
  run: (context) => mapUnary(context, tanhOf(context)),
  *cases() {
    const dims = [4, 100];
    yield caseGraph({ op: 'Tanh', inputs: [{ type: 'float32', dims }], outputs: [{ type: 'float32', dims }] });
    yield wideFunctionCase('Tanh', 1e-4, 2 ** -15);
    for (const numerics of ['tflite', 'single', 'onnx'] as const) {
      for (const scale of [0.0121, 0.1, 0.9, 7]) {
        for (const type of ['int8', 'uint8'] as const) {
          const zero = type === 'int8' ? 0 : 128;
          const inputs = [{ type, dims, qparams: affine(type, scale, zero - 11) }];
          yield caseGraph({ op: 'Tanh', inputs, outputs: [{ type, dims, qparams: affine(type, 1 / 128, zero) }], numerics });
        }
      }
    }
  },
});

function tanhOf(context: RunContext<unknown>): Unary {
  const { numerics } = context;
  const { type } = context.outputs[0]!;
  if (!isQuantized(type)) return Math.tanh;
  if (type !== 'int8' || numerics === 'onnx') return throughFloat(context, Math.tanh);
  expectOutputQuantization(context, 1 / 128, 0);
  const toQ4 = inputInQ4(quantizations(context)[0], numerics);
  return (q) => {
    const x = toQ4(q);
    if (!Number.isFinite(x)) return x < 0 ? -128 : 127;
    return Math.min(roundingDivideByPot(fixed32.tanh(x, 4), 31 - 7), 127);
  };
}
