/** Flatten: x[d0, d1, ...] -> [d0 · ... · d(axis - 1), d(axis) · ...]: the dimensions before `axis` (-rank to rank) as one, and the rest. */
import { caseGraph } from './cases.js';
import { defineOp, expectType, nodeError, requiredInput } from './op.js';
import { product } from './shapes.js';
import { storedTypes } from './storage.js';
import { copyElements } from './view-op.js';

export interface FlattenAttributes {
  readonly axis: number;
}

export const flatten = defineOp<FlattenAttributes>({
  name: 'Flatten',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: (attributes) => ({ axis: attributes.integer('axis', -(2 ** 31), 2 ** 31 - 1, 1) }),
  infer(context) {
    const { node, attributes } = context;
    const x = requiredInput(context, 0);
    expectType(context, x, storedTypes);
    const rank = x.dims.length;
    const axis = attributes.axis < 0 ? attributes.axis + rank : attributes.axis;
    if (axis < 0 || axis > rank) {
      throw nodeError('ERR_SHAPE', node, `expected an axis from ${-rank} to ${rank}, got ${attributes.axis}`);
    }
    return [{ type: x.type, dims: [product(x.dims.slice(0, axis)), product(x.dims.slice(axis))] }];
  },
  run: copyElements,
  *cases() {
    for (const type of ['float32', 'int8', 'int64'] as const) {
      const make = (axis: number, from: readonly number[], dims: readonly number[]) =>
        caseGraph({ op: 'Flatten', attributes: { axis }, inputs: [{ type, dims: from }], outputs: [{ type, dims }] });
      yield make(0, [2, 3, 4], [1, 24]);
      yield make(3, [2, 3, 4], [24, 1]);
      yield make(-1, [2, 3, 4], [6, 4]);
      yield make(1, [0, 3, 4], [0, 12]);
      yield make(0, [], [1, 1]);
    }
  },
});
