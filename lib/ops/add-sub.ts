/**
 * Add, Sub: a ± b, broadcast as in NumPy, then the fused activation. Any numbers without an activation, float32, int32,
 * and quantized:
 *
 * - fixed point (TFLite's reference kernels): both inputs are brought to a common scale, twice the larger of theirs, with 20
 *   bits to spare (15 for int16): a' = M(s_a / S)·((a - z_a) << 20), y = M(S / (2^20 · s_y))·(a' ± b') + z_y, S = 2·max(s_a,
 *   s_b)
 * - int16 with `potScale`, for scales that are powers of two: one input is shifted right, and the sum saturates
 * - `onnx`: dequantize, add, quantize in float32, without fused multiply-adds
 */
import { toFixedPoint } from '../quant/requant.js';
import { affine, caseGraph } from './cases.js';
import { binaryThroughFloat, inferBinary, isQuantizedNode, isWide, mapBinary, plainTypes } from './elementwise.js';
import { roundingDivideByPot } from './fixed-point.js';
import { defineOp, nodeError, type Op, type OpCase, perTensor, type RunContext, requiredInput } from './op.js';
import { type Activation, activationBounds, activations, quantizedBounds, scaleSum } from './output-stage.js';

export interface SumAttributes {
  readonly activation: Activation;
  readonly potScale: boolean;
}

type Binary = (a: number, b: number) => number;

const types = ['float32', 'int32', 'int8', 'uint8', 'int16'] as const;

export const add = defineSum('Add', 1);
export const sub = defineSum('Sub', -1);

function defineSum(name: 'Add' | 'Sub', sign: 1 | -1): Op {
  return defineOp<SumAttributes>({
    name,
    inputs: [2, 2],
    outputs: [1, 1],
    parse: (attributes) => ({
      activation: attributes.oneOf('activation', activations, 'none'),
      potScale: attributes.boolean('potScale', false),
    }),
    infer: (context) => inferBinary(context, types, { plain: context.attributes.activation === 'none' ? plainTypes : [] }),
    run(context) {
      if (!isWide(context.outputs[0]!.type)) return mapBinary(context, sumOf(context, sign));
      const signed = BigInt(sign);
      return mapBinary(context, (a: bigint, b: bigint) => a + signed * b);
    },
    cases: () => cases(name),
  });
}

function sumOf(context: RunContext<SumAttributes>, sign: 1 | -1): Binary {
  const { attributes, outputs, numerics } = context;
  const [low, high] = activationBounds[attributes.activation];
  const clamp = (x: number) => Math.min(Math.max(x, low), high);
  const { type } = outputs[0]!;
  if (type === 'float32') return (a, b) => clamp(a + sign * b);
  if (type === 'int32') return (a, b) => clamp((a + sign * b) | 0);
  if (!isQuantizedNode(context)) return (a, b) => a + sign * b;
  if (type === 'int16' && attributes.potScale) return powerOfTwoSum(context, sign);
  if (numerics === 'onnx') return binaryThroughFloat(context, (a, b) => clamp(Math.fround(a + sign * b)));
  return fixedPointSum(context, numerics, sign);
}

function fixedPointSum(context: RunContext<SumAttributes>, numerics: 'tflite' | 'single', sign: 1 | -1): Binary {
  const a = perTensor(context, requiredInput(context, 0));
  const b = perTensor(context, requiredInput(context, 1));
  const y = perTensor(context, context.outputs[0]!);
  const spare = 2 ** (y.dtype === 'int16' ? 15 : 20);
  const common = 2 * Math.max(a.scale, b.scale);
  const scaleA = toFixedPoint(a.scale / common);
  const scaleB = toFixedPoint(b.scale / common);
  const scaleY = toFixedPoint(common / (spare * y.scale));
  const [min, max] = quantizedBounds(context.attributes.activation, y, numerics);
  return (p, q) => {
    const left = scaleSum((p - a.zeroPoint) * spare, scaleA, numerics);
    const right = scaleSum((q - b.zeroPoint) * spare, scaleB, numerics);
    return Math.min(Math.max(scaleSum(left + sign * right, scaleY, numerics) + y.zeroPoint, min), max);
  };
}

function powerOfTwoSum(context: RunContext<SumAttributes>, sign: 1 | -1): Binary {
  const y = perTensor(context, context.outputs[0]!);
  const [a, b] = [0, 1].map((i) => {
    const x = perTensor(context, requiredInput(context, i));
    return Math.round(Math.log2(y.scale / x.scale));
  }) as [number, number];
  if (Math.min(a, b) !== 0 || Math.max(a, b) > 15) {
    throw nodeError('ERR_QUANTIZATION', context.node, 'expected one input with the scale of the output, and no larger one');
  }
  const [min, max] = quantizedBounds(context.attributes.activation, y, context.numerics);
  return (p, q) => Math.min(Math.max(roundingDivideByPot(p, a) + sign * roundingDivideByPot(q, b), min), max);
}

function* cases(op: 'Add' | 'Sub'): Iterable<OpCase> {
  const shapes = [
    [
      [2, 3],
      [2, 3],
    ],
    [
      [2, 1, 3],
      [4, 1],
    ],
    [[], [5]],
    [[1, 5, 5, 3], [3]],
  ] as const;
  for (const [a, b] of shapes) {
    const dims = a.length === 3 ? [2, 4, 3] : a.length === 0 ? b : a;
    yield caseGraph({
      op,
      inputs: [
        { type: 'float32', dims: a },
        { type: 'float32', dims: b },
      ],
      outputs: [{ type: 'float32', dims }],
    });
    for (const type of plainTypes.slice(1)) {
      const inputs = [
        { type, dims: a },
        { type, dims: b },
      ];
      yield caseGraph({ op, inputs, outputs: [{ type, dims }] });
    }
  }
  for (const numerics of ['tflite', 'single', 'onnx'] as const) {
    for (const activation of activations) {
      for (const type of ['int8', 'uint8', 'int16'] as const) {
        const z = { int8: -5, uint8: 119, int16: 0 }[type];
        yield caseGraph({
          op,
          attributes: { activation },
          inputs: [
            { type, dims: [1, 4, 4, 5], qparams: affine(type, 0.037, z) },
            { type, dims: [1, 4, 4, 5], qparams: affine(type, 0.0083, z - (type === 'int16' ? 0 : 40)) },
          ],
          outputs: [{ type, dims: [1, 4, 4, 5], qparams: affine(type, 0.051, z) }],
          numerics,
        });
      }
    }
  }
  yield caseGraph({
    op,
    attributes: { potScale: true },
    inputs: [
      { type: 'int16', dims: [40], qparams: affine('int16', 2 ** -15) },
      { type: 'int16', dims: [40], qparams: affine('int16', 2 ** -12) },
    ],
    outputs: [{ type: 'int16', dims: [40], qparams: affine('int16', 2 ** -12) }],
  });
}
