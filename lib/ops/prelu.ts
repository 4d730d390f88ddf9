/**
 * PRelu: x where x >= 0, x · slope elsewhere; the slope is broadcast to x. Any numbers; quantized, in fixed point (TFLite):
 * M(s_x / s_y)·(x - z_x) + z_y, or M(s_x · s_slope / s_y)·(x - z_x)·(slope - z_slope) + z_y. `onnx` goes through float32.
 */
import { quantizedRanges } from '../quant/qparams.js';
import { toFixedPoint } from '../quant/requant.js';
import { affine, caseGraph } from './cases.js';
import { binaryThroughFloat, inferBinary, isQuantizedNode, isWide, mapBinary, plainTypes } from './elementwise.js';
import { defineOp, nodeError, perTensor, type RunContext, requiredInput } from './op.js';
import { scaleSum } from './output-stage.js';
import { sameShape, shapeText } from './shapes.js';

export const prelu = defineOp<Record<string, never>>({
  name: 'PRelu',
  inputs: [2, 2],
  outputs: [1, 1],
  parse: () => ({}),
  infer(context) {
    const shapes = inferBinary(context, ['float32', 'int8', 'uint8'], { plain: plainTypes });
    const x = requiredInput(context, 0);
    if (!sameShape(shapes[0]!.dims, x.dims)) {
      const slope = requiredInput(context, 1);
      const message = `expected a slope that broadcasts to ${shapeText(x.dims)}, got ${shapeText(slope.dims)}`;
      throw nodeError('ERR_SHAPE', context.node, message);
    }
    return shapes;
  },
  run(context) {
    if (isWide(context.outputs[0]!.type)) return mapBinary(context, (x: bigint, slope: bigint) => (x >= 0n ? x : x * slope));
    return mapBinary(context, preluOf(context));
  },
  *cases() {
    const dims = [1, 3, 4, 5];
    for (const slope of [[5], [1, 1, 5], [1, 3, 4, 5], []]) {
      const inputs = [
        { type: 'float32', dims },
        { type: 'float32', dims: slope },
      ] as const;
      yield caseGraph({ op: 'PRelu', inputs, outputs: [{ type: 'float32', dims }] });
      for (const type of plainTypes.slice(1)) {
        const plain = [
          { type, dims },
          { type, dims: slope },
        ];
        yield caseGraph({ op: 'PRelu', inputs: plain, outputs: [{ type, dims }] });
      }
      for (const numerics of ['tflite', 'single', 'onnx'] as const) {
        for (const type of ['int8', 'uint8'] as const) {
          const z = type === 'int8' ? -4 : 124;
          const quantized = [
            { type, dims, qparams: affine(type, 0.05, z) },
            { type, dims: slope, qparams: affine(type, 0.0078, z + 9) },
          ];
          yield caseGraph({
            op: 'PRelu',
            inputs: quantized,
            outputs: [{ type, dims, qparams: affine(type, 0.031, z + 20) }],
            numerics,
          });
        }
      }
    }
  },
});

type Binary = (x: number, slope: number) => number;

function preluOf(context: RunContext<unknown>): Binary {
  const { numerics, outputs } = context;
  const { type } = outputs[0]!;
  if (type === 'int32') return (x: number, slope: number) => (x >= 0 ? x : Math.imul(x, slope));
  const real: Binary = (x, slope) => (x >= 0 ? x : x * slope);
  if (!isQuantizedNode(context)) return real;
  if (numerics === 'onnx') return binaryThroughFloat(context, real);
  const x = perTensor(context, requiredInput(context, 0));
  const slope = perTensor(context, requiredInput(context, 1));
  const y = perTensor(context, context.outputs[0]!);
  const [min, max] = quantizedRanges[y.dtype];
  const positive = toFixedPoint(x.scale / y.scale);
  const negative = toFixedPoint((x.scale * slope.scale) / y.scale);
  return (p, q) => {
    const value = p - x.zeroPoint;
    const scaled =
      value >= 0 ? scaleSum(value, positive, numerics) : scaleSum(value * (q - slope.zeroPoint), negative, numerics);
    return Math.min(Math.max(scaled + y.zeroPoint, min), max);
  };
}
