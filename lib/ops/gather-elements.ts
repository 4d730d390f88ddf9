/**
 * GatherElements: x and indices of one rank -> y like indices: along `axis`, each element of y is the one of x that its index names,
 * y[i, j, k] = x[i, indices[i, j, k], k] for axis 1. An index below 0 counts from the end; one that is out of range is ERR_SHAPE when
 * the graph runs.
 */
import { caseGraph } from './cases.js';
import { checkedIndices, indexTypes } from './gather.js';
import { advance } from './mapped-copy.js';
import { defineOp, expectType, type NodeContext, nodeError, type Operand, requiredInput } from './op.js';
import { checkedSize, normalizeAxis, shapeText, strides } from './shapes.js';
import { allocate, inputData, outputTensor, storedTypes } from './storage.js';

export interface GatherElementsAttributes {
  readonly axis: number;
}

export const gatherElements = defineOp<GatherElementsAttributes>({
  name: 'GatherElements',
  inputs: [2, 2],
  outputs: [1, 1],
  parse: (attributes) => ({ axis: attributes.integer('axis', -(2 ** 31), 2 ** 31 - 1, 0) }),
  infer(context) {
    const x = requiredInput(context, 0);
    const indices = requiredInput(context, 1);
    expectType(context, x, storedTypes);
    checkedElementIndices(context, x, indices);
    return [{ type: x.type, dims: indices.dims }];
  },
  run(context) {
    const x = requiredInput(context, 0);
    const offsets = elementOffsets(context, inputData(context, 1));
    const from = inputData(context, 0) as Float64Array;
    const y = allocate(x.type, offsets.length) as Float64Array;
    for (let i = 0; i < y.length; i++) y[i] = from[offsets[i]!]!;
    return [outputTensor(context, 0, y)];
  },
  *cases() {
    for (const type of ['float32', 'int8', 'int64'] as const) {
      for (const index of indexTypes) {
        const make = (axis: number, dims: readonly number[], data: readonly number[]) =>
          caseGraph({
            op: 'GatherElements',
            attributes: { axis },
            inputs: [
              { type, dims: [3, 4] },
              { type: index, dims, data },
            ],
            outputs: [{ type, dims }],
          });
        yield make(0, [2, 3], [0, 2, -1, 1, -3, 2]);
        yield make(-1, [3, 2], [0, 3, -1, 1, -4, 2]);
        yield make(1, [0, 4], []);
      }
    }
  },
});

/** Indices of x's rank, whose other dimensions are within x's. Returns the axis from 0. */
export function checkedElementIndices(context: NodeContext<GatherElementsAttributes>, x: Operand, indices: Operand): number {
  expectType(context, indices, indexTypes);
  const axis = normalizeAxis(context, context.attributes.axis, x.dims.length);
  const isWithin = indices.dims.every((dim, i) => i === axis || dim <= x.dims[i]!);
  if (indices.dims.length !== x.dims.length || !isWithin) {
    const message = `expected indices within ${shapeText(x.dims)} except along axis ${axis}, got ${shapeText(indices.dims)}`;
    throw nodeError('ERR_SHAPE', context.node, message);
  }
  checkedSize(context.node, indices.dims);
  return axis;
}

/** Where in input 0 the elements are that input 1 names. */
export function elementOffsets(
  context: NodeContext<GatherElementsAttributes>,
  indices: Parameters<typeof checkedIndices>[1],
): Float64Array {
  const [x, { dims }] = [requiredInput(context, 0), requiredInput(context, 1)];
  const axis = normalizeAxis(context, context.attributes.axis, x.dims.length);
  const own = strides(x.dims).with(axis, 0);
  const along = strides(x.dims)[axis]!;
  const offsets = checkedIndices(context, indices, x.dims[axis]!);
  const index = dims.map(() => 0);
  for (let i = 0; i < offsets.length; i++) {
    offsets[i] = offsets[i]! * along + index.reduce((sum, k, d) => sum + k * own[d]!, 0);
    advance(index, dims);
  }
  return offsets;
}
