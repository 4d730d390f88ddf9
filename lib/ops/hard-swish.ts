/**
 * HardSwish: x · min(max(x + 3, 0), 6) / 6 (Howard et al. 2019). Quantized, in fixed point, with 16-bit intermediates (TFLite):
 * x' = (x - z_x) << 7 on the scale s_x / 128; the gate (x + 3) / 6 in Q0.15, saturated; their product, rounded toward zero, and
 * then to the output's scale. `onnx` goes through float32.
 */
import { quantizedRanges } from '../quant/qparams.js';
import { type FixedPoint, toFixedPoint } from '../quant/requant.js';
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
import { fixed16, roundingDivideByPot } from './fixed-point.js';
import { defineOp, nodeError, type RunContext } from './op.js';

export const hardSwish = defineOp<Record<string, never>>({
  name: 'HardSwish',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: () => ({}),
  infer: (context) => inferUnary(context, [...floatTypes, ...functionTypes(context.numerics)]),
  run: (context) => mapUnary(context, hardSwishOf(context)),
  *cases() {
    const dims = [4, 100];
    yield caseGraph({
      op: 'HardSwish',
      inputs: [{ type: 'float32', dims, range: [-5, 5] }],
      outputs: [{ type: 'float32', dims }],
    });
    yield wideFunctionCase('HardSwish', 2e-4, 1e-4);
    for (const numerics of ['tflite', 'single', 'onnx'] as const) {
      for (const [from, to] of [
        [0.047, 0.026],
        [0.02, 0.02],
        [0.9, 0.5],
        [0.004, 0.002],
      ] as const) {
        for (const type of ['int8', 'uint8'] as const) {
          const zero = type === 'int8' ? 0 : 128;
          const inputs = [{ type, dims, qparams: affine(type, from, zero - 3) }];
          yield caseGraph({
            op: 'HardSwish',
            inputs,
            outputs: [{ type, dims, qparams: affine(type, to, zero - 110) }],
            numerics,
          });
        }
      }
    }
  },
});

const real: Unary = (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6;

function hardSwishOf(context: RunContext<unknown>): Unary {
  if (!isQuantized(context.outputs[0]!.type)) return real;
  if (context.numerics === 'onnx') return throughFloat(context, real);
  const [x, y] = quantizations(context);
  const [min, max] = quantizedRanges[y.dtype];
  const fineScale = Math.fround(x.scale / 128);
  const output = toFixedPoint(Math.fround(fineScale / y.scale));
  if (output.exponent > 0) {
    const message = `expected an output scale above the input's divided by 128, got ${y.scale} and ${x.scale}`;
    throw nodeError('ERR_QUANTIZATION', context.node, message);
  }
  const gate = toFixedPoint(Math.fround(fineScale / Math.fround(3 / 32768)));
  const [outputMultiplier, gateMultiplier] = [multiplier16(output), multiplier16(gate)];
  return (q) => {
    const fine = (q - x.zeroPoint) * 128;
    const onOutputScale = fixed16.multiply(fine, outputMultiplier);
    // A saturating left shift in two parts: what the first saturates, the second saturates for certain
    let gated = gate.exponent > 0 ? saturate16(fine * 2 ** (gate.exponent - 1)) : fine;
    gated = fixed16.multiply(gated, gateMultiplier);
    if (gate.exponent > 0) gated = saturate16(gated * 2);
    if (gate.exponent < 0) gated = roundingDivideByPot(gated, -gate.exponent);
    const zeroToOne = (gated + 32768) >> 1;
    const product = Math.trunc((zeroToOne * onOutputScale) / 32768);
    return Math.min(Math.max(roundingDivideByPot(product, -output.exponent) + y.zeroPoint, min), max);
  };
}

/** The multiplier in 16 bits, rounded. */
function multiplier16({ multiplier }: FixedPoint): number {
  return Math.min((multiplier + 32768) / 65536, 32767) | 0;
}

function saturate16(x: number): number {
  return Math.min(Math.max(x, -32768), 32767);
}
