/**
 * Mul: a · b, broadcast as in NumPy, then the fused activation. Any numbers without an activation, float32, int32, and
 * quantized:
 *
 * - fixed point (TFLite's reference kernels): M(s_a · s_b / s_y)·((a - z_a)·(b - z_b)) + z_y
 * - `onnx` (QLinearMul): round half even(f32(f32(s_a · s_b) / s_y · (a - z_a)·(b - z_b)) + z_y), all in float32
 */
import { toFixedPoint } from '../quant/requant.js';
import { roundHalfEven } from '../rounding.js';
import { affine, caseGraph } from './cases.js';
import { inferBinary, isQuantizedNode, isWide, mapBinary, plainTypes } from './elementwise.js';
import { defineOp, perTensor, type RunContext, requiredInput } from './op.js';
import { type Activation, activationBounds, activations, quantizedBounds, scaleSum } from './output-stage.js';

export interface MulAttributes {
  readonly activation: Activation;
}

export const mul = defineOp<MulAttributes>({
  name: 'Mul',
  inputs: [2, 2],
  outputs: [1, 1],
  parse: (attributes) => ({ activation: attributes.oneOf('activation', activations, 'none') }),
  infer: (context) => {
    const plain = context.attributes.activation === 'none' ? plainTypes : [];
    return inferBinary(context, ['float32', 'int32', 'int8', 'uint8', 'int16'], { plain });
  },
  run(context) {
    if (isWide(context.outputs[0]!.type)) return mapBinary(context, (a: bigint, b: bigint) => a * b);
    return mapBinary(context, productOf(context));
  },
  *cases() {
    const dims = [2, 4, 3];
    for (const type of plainTypes) {
      const inputs = [
        { type, dims: [2, 1, 3] },
        { type, dims: [4, 1] },
      ];
      yield caseGraph({ op: 'Mul', inputs, outputs: [{ type, dims }] });
    }
    for (const type of ['float32', 'int32'] as const) {
      const inputs = [
        { type, dims: [2, 1, 3] },
        { type, dims: [4, 1] },
      ];
      yield caseGraph({ op: 'Mul', attributes: { activation: 'relu6' }, inputs, outputs: [{ type, dims }], seed: 2 });
    }
    for (const numerics of ['tflite', 'single', 'onnx'] as const) {
      for (const type of ['int8', 'uint8', 'int16'] as const) {
        const z = { int8: 7, uint8: 100, int16: 0 }[type];
        for (const [other, activation] of [
          [[3, 3, 5], 'none'],
          [[5], 'relu'],
          [[], 'relu6'],
        ] as const) {
          yield caseGraph({
            op: 'Mul',
            attributes: { activation },
            inputs: [
              { type, dims: [3, 3, 5], qparams: affine(type, 0.047, z) },
              { type, dims: other, qparams: affine(type, 0.0121, z) },
            ],
            outputs: [{ type, dims: [3, 3, 5], qparams: affine(type, type === 'int16' ? 20 : 0.09, z) }],
            numerics,
          });
        }
      }
    }
  },
});

type Binary = (a: number, b: number) => number;

function productOf(context: RunContext<MulAttributes>): Binary {
  const { attributes, outputs, numerics } = context;
  const { type } = outputs[0]!;
  if (type === 'float32' || type === 'int32') {
    const [low, high] = activationBounds[attributes.activation];
    if (type === 'float32') return (a, b) => Math.min(Math.max(a * b, low), high);
    return (a, b) => Math.min(Math.max(Math.imul(a, b), low), high);
  }
  if (!isQuantizedNode(context)) return type === 'float64' ? (a, b) => a * b : Math.imul;
  const a = perTensor(context, requiredInput(context, 0));
  const b = perTensor(context, requiredInput(context, 1));
  const y = perTensor(context, outputs[0]!);
  const [min, max] = quantizedBounds(attributes.activation, y, numerics);
  if (numerics === 'onnx') {
    const scale = Math.fround(Math.fround(a.scale * b.scale) / y.scale);
    return (p, q) => {
      const real = Math.fround(scale * Math.fround((p - a.zeroPoint) * (q - b.zeroPoint)));
      return Math.min(Math.max(roundHalfEven(Math.fround(real + y.zeroPoint)), min), max);
    };
  }
  const scale = toFixedPoint((a.scale * b.scale) / y.scale);
  return (p, q) => {
    const sum = scaleSum((p - a.zeroPoint) * (q - b.zeroPoint), scale, numerics);
    return Math.min(Math.max(sum + y.zeroPoint, min), max);
  };
}
