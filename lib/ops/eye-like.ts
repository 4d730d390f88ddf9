/** EyeLike: a matrix of x's shape with 1 on the k-th diagonal (k > 0: above the main one) and 0 elsewhere, of type `to` or x's own. */
import { caseGraph } from './cases.js';
import { defineOp, expectRank, expectType, requiredInput } from './op.js';
import { maxElements, product } from './shapes.js';
import { allocate, outputTensor, type StoredType, storedTypes } from './storage.js';

export interface EyeLikeAttributes {
  readonly to: StoredType | 'same';
  readonly k: number;
}

const types = storedTypes.filter((type) => type !== 'float16');

export const eyeLike = defineOp<EyeLikeAttributes>({
  name: 'EyeLike',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: (attributes) => ({
    to: attributes.oneOf('to', ['same', ...types], 'same'),
    k: attributes.integer('k', -maxElements, maxElements, 0),
  }),
  infer(context) {
    const { to } = context.attributes;
    const x = requiredInput(context, 0);
    expectRank(context, x, 2);
    if (to === 'same') expectType(context, x, types);
    return [{ type: to === 'same' ? x.type : to, dims: x.dims }];
  },
  run(context) {
    const { k } = context.attributes;
    const { type, dims } = context.outputs[0]!;
    const [rows, columns] = dims as [number, number];
    const y = allocate(type, product(dims));
    const one = (y instanceof BigInt64Array || y instanceof BigUint64Array ? 1n : 1) as number;
    const last = Math.min(rows, columns - k);
    if (y.length > 0) for (let row = Math.max(-k, 0); row < last; row++) y[row * columns + row + k] = one;
    return [outputTensor(context, 0, y)];
  },
  *cases() {
    for (const to of ['float32', 'float64', 'int64', 'uint8', 'bool'] as const) {
      for (const k of [0, 1, -2, 9, -9]) {
        const inputs = [{ type: 'int32' as const, dims: [4, 5] }];
        yield caseGraph({ op: 'EyeLike', attributes: { to, k }, inputs, outputs: [{ type: to, dims: [4, 5] }] });
      }
    }
    const inputs = [{ type: 'float32' as const, dims: [3, 2] }];
    yield caseGraph({ op: 'EyeLike', inputs, outputs: [{ type: 'float32', dims: [3, 2] }] });
  },
});
