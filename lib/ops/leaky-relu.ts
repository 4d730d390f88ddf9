/**
 * LeakyRelu: x where x > 0, alpha · x elsewhere. Quantized, in fixed point: M(s_x / s_y)·(x - z_x) + z_y where x >= z_x, and
 * with M(s_x · alpha / s_y) elsewhere, both real multipliers computed in float32 (TFLite). `onnx` goes through float32.
 */
import { type QuantizedType, quantizedRanges } from '../quant/qparams.js';
import { type FixedPoint, toFixedPoint } from '../quant/requant.js';
import { affine, caseGraph } from './cases.js';
import {
  inferUnary,
  isQuantized,
  mapUnary,
  quantizations,
  quantizedTypes,
  realTypes,
  throughFloat,
  type Unary,
} from './elementwise.js';
import { defineOp, type RunContext } from './op.js';
import { scaleSum } from './output-stage.js';

export interface LeakyReluAttributes {
  readonly alpha: number;
}

export const leakyRelu = defineOp<LeakyReluAttributes>({
  name: 'LeakyRelu',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: (attributes) => ({ alpha: Math.fround(attributes.number('alpha', 0.01)) }),
  infer: (context) => inferUnary(context, [...realTypes, 'float64']),
  run: (context) => mapUnary(context, leakyReluOf(context)),
  *cases() {
    const dims = [3, 4, 5];
    const z: Readonly<Record<QuantizedType, number>> = { int8: 12, uint8: 140, int16: 0, int32: 0 };
    for (const alpha of [0.1, 0, 0.3, -0.5, 1.5]) {
      const attributes = { alpha };
      yield caseGraph({
        op: 'LeakyRelu',
        attributes,
        inputs: [{ type: 'float32', dims }],
        outputs: [{ type: 'float32', dims }],
      });
      for (const numerics of ['tflite', 'single', 'onnx'] as const) {
        for (const type of quantizedTypes) {
          const inputs = [{ type, dims, qparams: affine(type, 0.05, z[type]) }];
          const outputs = [{ type, dims, qparams: affine(type, 0.043, z[type] - (type === 'int16' ? 0 : 30)) }];
          yield caseGraph({ op: 'LeakyRelu', attributes, inputs, outputs, numerics });
        }
      }
    }
  },
});

function leakyReluOf(context: RunContext<LeakyReluAttributes>): Unary {
  const { attributes, numerics } = context;
  const real: Unary = (x) => (x > 0 ? x : x * attributes.alpha);
  if (!isQuantized(context.outputs[0]!.type)) return real;
  if (numerics === 'onnx') return throughFloat(context, real);
  const [x, y] = quantizations(context);
  const [min, max] = quantizedRanges[y.dtype];
  const slope = Math.fround(Math.fround(x.scale * attributes.alpha) / y.scale);
  const positive = toFixedPoint(Math.fround(x.scale / y.scale));
  const negative = toSignedFixedPoint(slope);
  return (q) => {
    const value = q - x.zeroPoint;
    // Multipliers are positive: of a negative slope, the value takes the sign, and the product is the same
    const scaled = value >= 0 ? scaleSum(value, positive, numerics) : scaleSum(slope < 0 ? -value : value, negative, numerics);
    return Math.min(Math.max(scaled + y.zeroPoint, min), max);
  };
}

function toSignedFixedPoint(real: number): FixedPoint {
  return real === 0 ? { multiplier: 0, exponent: 0 } : toFixedPoint(Math.abs(real));
}
