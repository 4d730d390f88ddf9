/**
 * Abs: |x|; the lowest integer of a type stays itself. Quantized, in fixed point: |x - z_x|, times M(s_x / s_y)
 * where the scales differ, + z_y (TFLite Micro). `onnx` goes through float32.
 */
import { quantizedRanges } from '../quant/qparams.js';
import { toFixedPoint } from '../quant/requant.js';
import { affine, caseGraph } from './cases.js';
import {
  inferUnary,
  isQuantizedNode,
  isWide,
  mapUnary,
  plainTypes,
  quantizations,
  throughFloat,
  type Unary,
} from './elementwise.js';
import { defineOp, type RunContext } from './op.js';
import { scaleSum } from './output-stage.js';

export const abs = defineOp<Record<string, never>>({
  name: 'Abs',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: () => ({}),
  infer: (context) => inferUnary(context, ['float32', 'int32', 'int8', 'int16'], plainTypes),
  run(context) {
    if (isWide(context.outputs[0]!.type)) return mapUnary(context, (x: bigint) => (x < 0n ? -x : x));
    return mapUnary(context, absOf(context));
  },
  *cases() {
    const dims = [3, 90];
    for (const type of plainTypes) yield caseGraph({ op: 'Abs', inputs: [{ type, dims }], outputs: [{ type, dims }] });
    for (const numerics of ['tflite', 'single', 'onnx'] as const) {
      for (const type of ['int8', 'int16'] as const) {
        for (const scale of [0.02, 0.033]) {
          const z = type === 'int8' ? -12 : 0;
          const inputs = [{ type, dims, qparams: affine(type, 0.02, z) }];
          yield caseGraph({ op: 'Abs', inputs, outputs: [{ type, dims, qparams: affine(type, scale, z * 4) }], numerics });
        }
      }
    }
  },
});

function absOf(context: RunContext<unknown>): Unary {
  if (!isQuantizedNode(context)) return Math.abs;
  const { numerics } = context;
  if (numerics === 'onnx') return throughFloat(context, Math.abs);
  const [x, y] = quantizations(context);
  const [min, max] = quantizedRanges[y.dtype];
  const scale = toFixedPoint(x.scale / y.scale);
  // At equal scales the multiplier is 1, which rounds nothing
  return (q) => Math.min(Math.max(scaleSum(Math.abs(q - x.zeroPoint), scale, numerics) + y.zeroPoint, min), max);
}
