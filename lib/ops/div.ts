/**
 * Div: a / b, broadcast as in NumPy, then the fused activation. Reals; integers, truncated toward zero; and quantized:
 *
 * - fixed point (TFLite's reference kernels): the reciprocal of |b - z_b| in Q0.31, times a - z_a shifted left to the top,
 *   times M(s_a / (s_b · s_y)), + z_y
 * - `onnx` goes through float32
 *
 * Integers divided by 0, which TFLite and ONNX leave undefined, are the type's limit of a's sign; 0 / 0 is a real 0.
 */

import { type FixedPoint, toFixedPoint } from '../quant/requant.js';
import { affine, caseGraph } from './cases.js';
import {
  binaryThroughFloat,
  type Element,
  inferBinary,
  isQuantizedNode,
  isWide,
  mapBinary,
  plainTypes,
} from './elementwise.js';
import { reciprocal } from './fixed-point.js';
import { integerRange } from './integers.js';
import { defineOp, perTensor, type RunContext, requiredInput } from './op.js';
import { type Activation, activationBounds, activations, quantizedBounds, scaleSum } from './output-stage.js';

export interface DivAttributes {
  readonly activation: Activation;
}

type Binary = (a: number, b: number) => number;

export const div = defineOp<DivAttributes>({
  name: 'Div',
  inputs: [2, 2],
  outputs: [1, 1],
  parse: (attributes) => ({ activation: attributes.oneOf('activation', activations, 'none') }),
  infer: (context) => {
    const plain = context.attributes.activation === 'none' ? plainTypes : [];
    return inferBinary(context, ['float32', 'int32', 'int8', 'uint8'], { plain });
  },
  run(context) {
    const { type } = context.outputs[0]!;
    if (!isWide(type)) return mapBinary(context, quotientOf(context));
    const limits = integerRange(type);
    return mapBinary(context, (a: bigint, b: bigint) => (b === 0n ? limitOf(a, limits, 0n) : a / b));
  },
  *cases() {
    const dims = [2, 4, 3];
    for (const type of plainTypes.slice(1)) {
      const inputs = [
        { type, dims: [2, 1, 3] },
        { type, dims: [4, 1], range: type.startsWith('u') ? ([0, 4] as const) : ([-2, 2] as const) },
      ];
      yield caseGraph({ op: 'Div', inputs, outputs: [{ type, dims }], name: `Div of ${type}` });
    }
    for (const type of ['float32', 'int32'] as const) {
      for (const activation of activations) {
        const inputs = [
          { type, dims: [2, 1, 3] },
          { type, dims: [4, 1], range: [1, 9] },
        ] as const;
        yield caseGraph({ op: 'Div', attributes: { activation }, inputs, outputs: [{ type, dims }] });
      }
    }
    yield caseGraph({
      op: 'Div',
      inputs: [
        { type: 'int32', dims: [4], data: [-7, 7, 0, 2 ** 31 - 1] },
        { type: 'int32', dims: [4], data: [0, 0, 0, -1] },
      ],
      outputs: [{ type: 'int32', dims: [4] }],
      name: 'Div by 0',
    });
    for (const numerics of ['tflite', 'single', 'onnx'] as const) {
      for (const type of ['int8', 'uint8'] as const) {
        for (const [activation, scale] of [
          ['none', 0.5],
          ['relu6', 0.031],
          ['none', 0.0004],
        ] as const) {
          const z = type === 'int8' ? -8 : 120;
          const inputs = [
            { type, dims: [6, 50], qparams: affine(type, 0.047, z) },
            { type, dims: [6, 50], qparams: affine(type, 0.0312, z + 5) },
          ];
          yield caseGraph({
            op: 'Div',
            attributes: { activation },
            inputs,
            outputs: [{ type, dims: [6, 50], qparams: affine(type, scale, z) }],
            numerics,
          });
        }
      }
    }
  },
});

function quotientOf(context: RunContext<DivAttributes>): Binary {
  const { attributes, outputs, numerics } = context;
  const { type } = outputs[0]!;
  const [low, high] = activationBounds[attributes.activation];
  const clamp = (x: number) => Math.min(Math.max(x, low), high);
  if (type === 'float32' || type === 'float64') return (a, b) => clamp(a / b);
  if (!isQuantizedNode(context)) {
    const [min, max] = integerRange(type).map(Number) as [number, number];
    // The lowest integer divided by -1 wraps around
    const wrap: (x: number) => number = type === 'int32' ? (x) => x | 0 : (x) => x;
    return (a, b) => clamp(b === 0 ? limitOf(a, [min, max], 0) : wrap(Math.trunc(a / b)));
  }
  if (numerics !== 'onnx') return fixedPointQuotient(context, numerics);
  return binaryThroughFloat(context, (a, b) => clamp(Math.fround(a / b)));
}

function fixedPointQuotient(context: RunContext<DivAttributes>, numerics: 'tflite' | 'single'): Binary {
  const a = perTensor(context, requiredInput(context, 0));
  const b = perTensor(context, requiredInput(context, 1));
  const y = perTensor(context, context.outputs[0]!);
  const scale = toFixedPoint(a.scale / (b.scale * y.scale));
  const bounds = quantizedBounds(context.attributes.activation, y, numerics);
  const [min, max] = bounds;
  return (p, q) => {
    const divisor = q - b.zeroPoint;
    const dividend = divisor < 0 ? a.zeroPoint - p : p - a.zeroPoint;
    if (dividend === 0) return Math.min(Math.max(y.zeroPoint, min), max);
    if (divisor === 0) return limitOf(dividend, bounds, y.zeroPoint);
    const inverse = reciprocal(Math.abs(divisor), 31);
    const headroom = Math.clz32(dividend > 0 ? dividend : -2 * dividend - 1) - (dividend > 0 ? 1 : 0);
    const quotient = scaleSum(dividend, { multiplier: inverse.scale, exponent: headroom }, numerics);
    const result = scaleDown(quotient, scale, inverse.bitsOverUnit + headroom, numerics);
    return Math.min(Math.max(result + y.zeroPoint, min), max);
  };
}

/** quotient · scale / 2^shift. Shifts past 31 bits leave nothing. */
function scaleDown(quotient: number, scale: FixedPoint, shift: number, numerics: 'tflite' | 'single'): number {
  const exponent = scale.exponent - shift;
  return exponent < -31 ? 0 : scaleSum(quotient, { multiplier: scale.multiplier, exponent }, numerics);
}

function limitOf<T extends Element>(dividend: T, [min, max]: readonly [T, T], zero: T): T {
  if (dividend < 0) return min;
  return dividend > 0 ? max : zero;
}
