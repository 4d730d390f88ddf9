/**
 * Clip: min(max(x, `min`), `max`), any numbers; a bound that is not given does not clip. Of integers, the bounds are integers of
 * their type. Quantized elements go through float32.
 */
import { affine, caseGraph } from './cases.js';
import {
  clampBetween,
  inferUnary,
  isQuantizedNode,
  mapUnary,
  plainTypes,
  quantizedTypes,
  realTypes,
  throughFloat,
} from './elementwise.js';
import { integerRange } from './integers.js';
import { defineOp, nodeError } from './op.js';

export interface ClipAttributes {
  readonly min: number;
  readonly max: number;
}

/** What stands for a bound that is not given. */
const largest = Number.MAX_VALUE;

export const clip = defineOp<ClipAttributes>({
  name: 'Clip',
  inputs: [1, 1],
  outputs: [1, 1],
  parse(attributes) {
    const [min, max] = [attributes.number('min', -largest), attributes.number('max', largest)];
    return { min: min === -largest ? -Infinity : min, max: max === largest ? Infinity : max };
  },
  infer(context) {
    const shapes = inferUnary(context, realTypes, plainTypes);
    const { type } = shapes[0]!;
    if (type.startsWith('float') || context.inputs[0]!.qparams !== undefined) return shapes;
    const [lowest, highest] = integerRange(type);
    for (const bound of [context.attributes.min, context.attributes.max]) {
      if (!Number.isFinite(bound) || (Number.isInteger(bound) && bound >= lowest && bound <= highest)) continue;
      throw nodeError('ERR_DTYPE', context.node, `expected bounds of type ${type}, got ${bound}`);
    }
    return shapes;
  },
  run(context) {
    const { min, max } = context.attributes;
    const clamp = clampBetween(context.outputs[0]!.type, min, max);
    if (!isQuantizedNode(context)) return mapUnary(context, clamp);
    return mapUnary(context, throughFloat(context, clamp as (x: number) => number));
  },
  *cases() {
    const dims = [3, 100];
    for (const attributes of [{}, { min: 1 }, { max: 3 }, { min: 1, max: 3 }, { min: 3, max: 1 }]) {
      for (const type of plainTypes) {
        const range = [0, 6] as const;
        yield caseGraph({ op: 'Clip', attributes, inputs: [{ type, dims, range }], outputs: [{ type, dims }] });
      }
      for (const type of quantizedTypes) {
        const inputs = [{ type, dims, qparams: affine(type, 0.05, 3) }];
        const outputs = [{ type, dims, qparams: affine(type, 0.021, 3) }];
        yield caseGraph({ op: 'Clip', attributes, inputs, outputs, numerics: 'onnx' });
      }
    }
  },
});
