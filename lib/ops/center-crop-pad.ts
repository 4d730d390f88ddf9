/**
 * CenterCropPad: x with the axes `axes` (all by default) of the sizes in its second input: what is longer loses elements at both ends,
 * what is shorter gets elements of 0, of an odd number one more at the end.
 */
import { caseGraph } from './cases.js';
import { copyMapped } from './mapped-copy.js';
import { defineOp, expectType, nodeError, requiredInput } from './op.js';
import { checkedSize, normalizeAxis, shapeText } from './shapes.js';
import { constantIntegers, inputData, outputTensor, storedTypes } from './storage.js';

export interface CenterCropPadAttributes {
  readonly axes: readonly number[];
}

export const centerCropPad = defineOp<CenterCropPadAttributes>({
  name: 'CenterCropPad',
  inputs: [2, 2],
  outputs: [1, 1],
  parse: (attributes) => ({ axes: attributes.integers('axes', -(2 ** 31), 2 ** 31 - 1, []) }),
  infer(context) {
    const { node, attributes } = context;
    const x = requiredInput(context, 0);
    expectType(context, x, storedTypes);
    const sizes = constantIntegers(context, requiredInput(context, 1));
    const rank = x.dims.length;
    const axes =
      attributes.axes.length === 0 ? [...x.dims.keys()] : attributes.axes.map((a) => normalizeAxis(context, a, rank));
    if (axes.length !== sizes.length || new Set(axes).size !== axes.length) {
      throw nodeError('ERR_SHAPE', node, `expected a size for each of the axes ${shapeText(axes)}, got ${shapeText(sizes)}`);
    }
    const dims = x.dims.map((dim, axis) => sizes[axes.indexOf(axis)] ?? dim);
    checkedSize(node, dims);
    return [{ type: x.type, dims }];
  },
  run(context) {
    const x = requiredInput(context, 0);
    const { dims } = context.outputs[0]!;
    const map = (axis: number) => {
      const [from, to] = [x.dims[axis]!, dims[axis]!];
      const shift = from > to ? Math.floor((from - to) / 2) : -Math.floor((to - from) / 2);
      return Int32Array.from({ length: to }, (_, i) => (i + shift < from ? i + shift : -1));
    };
    return [outputTensor(context, 0, copyMapped(x.type, inputData(context, 0), x.dims, dims, map))];
  },
  *cases() {
    for (const type of ['float32', 'int8', 'int64'] as const) {
      const make = (constant: readonly number[], dims: readonly number[], axes: readonly number[] = []) =>
        caseGraph({
          op: 'CenterCropPad',
          attributes: { axes },
          inputs: [
            { type, dims: [5, 4, 3] },
            { type: 'int64', dims: [constant.length], constant },
          ],
          outputs: [{ type, dims }],
        });
      yield make([2, 7, 3], [2, 7, 3]);
      yield make([6, 1], [5, 1, 6], [-1, 1]);
      yield make([0, 4, 3], [0, 4, 3]);
    }
  },
});
