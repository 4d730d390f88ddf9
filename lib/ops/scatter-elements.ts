/**
 * ScatterElements: x, and indices and updates of one shape and x's rank -> y like x, in which along `axis` the element that each
 * index names is the update: y[i, indices[i, j, k], k] = updates[i, j, k] for axis 1. With a `reduction` it is their sum, product,
 * minimum or maximum. Updates of one element are taken in order. Indices are checked as GatherElements does.
 */
import { caseGraph } from './cases.js';
import { indexTypes } from './gather.js';
import { checkedElementIndices, elementOffsets } from './gather-elements.js';
import { defineOp, expectType, nodeError, type Operand, requiredInput } from './op.js';
import { reduceFor, type ScatterReduction, scatterReductions, scatterTypes } from './scatter.js';
import { sameShape, shapeText } from './shapes.js';
import { inputData, outputTensor } from './storage.js';

export interface ScatterElementsAttributes {
  readonly axis: number;
  readonly reduction: ScatterReduction;
}

export const scatterElements = defineOp<ScatterElementsAttributes>({
  name: 'ScatterElements',
  inputs: [3, 3],
  outputs: [1, 1],
  parse: (attributes) => ({
    axis: attributes.integer('axis', -(2 ** 31), 2 ** 31 - 1, 0),
    reduction: attributes.oneOf('reduction', scatterReductions, 'none'),
  }),
  infer(context) {
    const [x, indices, updates] = [0, 1, 2].map((i) => requiredInput(context, i)) as [Operand, Operand, Operand];
    expectType(context, x, scatterTypes(context.attributes.reduction));
    expectType(context, updates, [x.type]);
    checkedElementIndices(context, x, indices);
    if (!sameShape(indices.dims, updates.dims)) {
      const message = `expected updates of shape ${shapeText(indices.dims)}, got ${shapeText(updates.dims)}`;
      throw nodeError('ERR_SHAPE', context.node, message);
    }
    return [{ type: x.type, dims: x.dims }];
  },
  run(context) {
    const y = inputData(context, 0).slice() as Float64Array;
    const updates = inputData(context, 2) as Float64Array;
    const reduce = reduceFor(context.attributes.reduction, y);
    const offsets = elementOffsets(context, inputData(context, 1));
    for (const [i, offset] of offsets.entries()) y[offset] = reduce(y[offset]!, updates[i]!) as number;
    return [outputTensor(context, 0, y)];
  },
  *cases() {
    for (const type of ['float32', 'int8', 'int32', 'int64', 'bool'] as const) {
      for (const reduction of type === 'bool' ? (['none'] as const) : scatterReductions) {
        for (const index of indexTypes) {
          const make = (axis: number, dims: readonly number[], data: readonly number[]) =>
            caseGraph({
              op: 'ScatterElements',
              attributes: { axis, reduction },
              inputs: [
                { type, dims: [3, 4] },
                { type: index, dims, data },
                { type, dims },
              ],
              outputs: [{ type, dims: [3, 4] }],
            });
          yield make(0, [2, 3], [0, 2, -1, 0, -3, 2]);
          yield make(-1, [3, 2], [0, 3, -1, 3, -4, 2]);
        }
      }
    }
  },
});
