/**
 * ScatterNd: x[d0, d1, ...], indices[I..., k], updates[I..., dk, ...] -> y like x, in which for each of the last dimension's k-tuples
 * the part of x there is its update; with a `reduction` element by element their sum, product, minimum or maximum. Updates of one
 * element are taken in order. An index below 0 counts from the end; one that is out of range is ERR_SHAPE when the graph runs.
 */
import { caseGraph } from './cases.js';
import { checkedIndices, indexTypes } from './gather.js';
import { defineOp, expectType, nodeError, requiredInput } from './op.js';
import { reduceFor, type ScatterReduction, scatterReductions, scatterTypes } from './scatter.js';
import { product, sameShape, shapeText, strides } from './shapes.js';
import { inputData, outputTensor } from './storage.js';

export interface ScatterNdAttributes {
  readonly reduction: ScatterReduction;
}

export const scatterNd = defineOp<ScatterNdAttributes>({
  name: 'ScatterNd',
  inputs: [3, 3],
  outputs: [1, 1],
  parse: (attributes) => ({ reduction: attributes.oneOf('reduction', scatterReductions, 'none') }),
  infer(context) {
    const x = requiredInput(context, 0);
    const indices = requiredInput(context, 1);
    const updates = requiredInput(context, 2);
    expectType(context, x, scatterTypes(context.attributes.reduction));
    expectType(context, indices, indexTypes);
    expectType(context, updates, [x.type]);
    const depth = indices.dims.at(-1);
    if (depth === undefined || depth > x.dims.length) {
      const shape = shapeText(indices.dims);
      throw nodeError('ERR_SHAPE', context.node, `expected indices of at most ${x.dims.length} dimensions, got shape ${shape}`);
    }
    const dims = [...indices.dims.slice(0, -1), ...x.dims.slice(depth)];
    if (!sameShape(updates.dims, dims)) {
      throw nodeError(
        'ERR_SHAPE',
        context.node,
        `expected updates of shape ${shapeText(dims)}, got ${shapeText(updates.dims)}`,
      );
    }
    return [{ type: x.type, dims: x.dims }];
  },
  run(context) {
    const x = requiredInput(context, 0);
    const indices = requiredInput(context, 1);
    const y = inputData(context, 0).slice() as Float64Array;
    const updates = inputData(context, 2) as Float64Array;
    const depth = indices.dims.at(-1)!;
    const size = product(x.dims.slice(depth));
    const own = strides(x.dims);
    const tuples = inputData(context, 1);
    const places = Array.from({ length: depth }, (_, axis) => {
      const column = tuples.filter((_: number | bigint, i: number) => i % depth === axis) as typeof tuples;
      return checkedIndices(context, column, x.dims[axis]!);
    });
    const reduce = reduceFor(context.attributes.reduction, y);
    // As many tuples as there are parts in updates; of parts without elements nothing is to be done
    for (let i = 0; i < updates.length; i++) {
      const tuple = Math.floor(i / size);
      const offset = places.reduce((sum, place, axis) => sum + place[tuple]! * own[axis]!, i % size);
      y[offset] = reduce(y[offset]!, updates[i]!) as number;
    }
    return [outputTensor(context, 0, y)];
  },
  *cases() {
    for (const type of ['float32', 'int8', 'int32', 'int64'] as const) {
      for (const reduction of scatterReductions) {
        for (const index of indexTypes) {
          const make = (indices: readonly number[], data: readonly number[], updates: readonly number[]) =>
            caseGraph({
              op: 'ScatterNd',
              attributes: { reduction },
              inputs: [
                { type, dims: [4, 3, 2] },
                { type: index, dims: indices, data },
                { type, dims: updates },
              ],
              outputs: [{ type, dims: [4, 3, 2] }],
            });
          yield make([3, 1], [0, -1, 0], [3, 3, 2]);
          yield make([2, 2, 3], [0, 0, 0, 3, 2, 1, 0, 0, 0, -1, -2, -1], [2, 2]);
          yield make([1, 0], [], [1, 4, 3, 2]);
        }
      }
    }
  },
});
