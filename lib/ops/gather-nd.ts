/**
 * GatherNd: x[B..., d0, d1, ...], indices[B..., I..., k] -> [B..., I..., dk, ...]: for each of the last dimension's k-tuples, the
 * part of x there, the first `batchDims` dimensions B being shared.
 * An index below 0 counts from the end. An index that is out of range is ERR_SHAPE when the graph runs.
 */
import { type CaseOptions, caseGraph } from './cases.js';
import { checkedIndices, indexTypes } from './gather.js';
import { defineOp, expectType, nodeError, requiredInput } from './op.js';
import { checkedSize, maxElements, product, sameShape, shapeText, strides } from './shapes.js';
import { allocate, inputData, outputTensor, storedTypes } from './storage.js';
import { copyStrided } from './strided-copy.js';

export interface GatherNdAttributes {
  readonly batchDims: number;
}

export const gatherNd = defineOp<GatherNdAttributes>({
  name: 'GatherNd',
  inputs: [2, 2],
  outputs: [1, 1],
  parse: (attributes) => ({ batchDims: attributes.integer('batchDims', 0, maxElements, 0) }),
  infer(context) {
    const x = requiredInput(context, 0);
    const indices = requiredInput(context, 1);
    expectType(context, x, storedTypes);
    expectType(context, indices, indexTypes);
    const depth = indices.dims.at(-1);
    const batch = context.attributes.batchDims;
    const rank = x.dims.length - batch;
    if (depth === undefined || depth > rank) {
      const shape = shapeText(indices.dims);
      throw nodeError('ERR_SHAPE', context.node, `expected indices of at most ${rank} dimensions, got shape ${shape}`);
    }
    if (batch >= indices.dims.length || !sameShape(x.dims.slice(0, batch), indices.dims.slice(0, batch))) {
      const shapes = `${shapeText(x.dims)} and ${shapeText(indices.dims)}`;
      throw nodeError('ERR_SHAPE', context.node, `expected ${batch} shared dimensions, got ${shapes}`);
    }
    const dims = [...indices.dims.slice(0, -1), ...x.dims.slice(batch + depth)];
    checkedSize(context.node, dims);
    return [{ type: x.type, dims }];
  },
  run(context) {
    const x = requiredInput(context, 0);
    const { dims } = requiredInput(context, 1);
    const depth = dims.at(-1)!;
    const count = product(dims.slice(0, -1));
    const batch = context.attributes.batchDims;
    const batches = product(dims.slice(0, batch));
    const size = product(x.dims.slice(batch + depth));
    const own = strides(x.dims);
    const tuples = inputData(context, 1);
    // What has no elements may still have a dimension that is too long to walk along
    if (count * size === 0 && tuples.length === 0) return [outputTensor(context, 0, allocate(x.type, 0))];
    const perBatch = count / batches;
    const whole = product(x.dims.slice(batch));
    const offsets = Float64Array.from({ length: count }, (_, i) => Math.floor(i / perBatch) * whole);
    for (let axis = 0; axis < depth; axis++) {
      const column = tuples.filter((_: number | bigint, i: number) => i % depth === axis) as typeof tuples;
      const positions = checkedIndices(context, column, x.dims[batch + axis]!);
      for (let i = 0; i < count; i++) offsets[i]! += positions[i]! * own[batch + axis]!;
    }
    const from = inputData(context, 0);
    const data = allocate(x.type, count * size);
    for (const [i, offset] of offsets.entries()) {
      copyStrided([size], { data: from, offset, strides: [1] }, { data, offset: i * size, strides: [1] });
    }
    return [outputTensor(context, 0, data)];
  },
  *cases() {
    yield* cases([2, 3, 4], [3, 2], [0, 0, 1, 2, -1, -3], [3, 4]);
    yield* cases([2, 3, 4], [2, 1, 3], [0, 0, 0, 1, 2, 3], [2, 1]);
    yield* cases([5, 2], [2, 2, 1], [0, 4, 2, 2], [2, 2, 2]);
    yield* cases([5, 2], [3, 0], [], [3, 5, 2]);
    yield* cases([2, 3, 4], [2, 2, 1], [0, 2, -1, 1], [2, 2, 4], 1);
    yield* cases([2, 3, 4], [2, 3, 1], [0, 3, -1, 1, 1, 2], [2, 3], 2);
  },
});

function* cases(
  x: readonly number[],
  indices: readonly number[],
  data: readonly number[],
  dims: readonly number[],
  batchDims?: number,
) {
  const attributes: CaseOptions['attributes'] & object = batchDims === undefined ? {} : { batchDims };
  for (const type of ['float32', 'int8', 'int32', 'int64'] as const) {
    for (const index of indexTypes) {
      const inputs: CaseOptions['inputs'] = [
        { type, dims: x },
        { type: index, dims: indices, data },
      ];
      yield caseGraph({ op: 'GatherNd', attributes, inputs, outputs: [{ type, dims }] });
    }
  }
}
