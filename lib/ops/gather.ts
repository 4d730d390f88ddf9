/**
 * Gather: x[B..., outer..., n, inner...], indices[B..., I...] -> [B..., outer..., I..., inner...]: the slices of x along `axis`
 * that the indices name, the first `batchDims` dimensions B being shared. An index below 0 counts from the end. An index that is
 * out of range is ERR_SHAPE when the graph runs.
 */
import type { DataType } from '../tensor.js';
import type { TypedArray } from '../typed-array.js';
import { type CaseOptions, caseGraph } from './cases.js';
import { defineOp, expectType, type NodeContext, nodeError, type Operand, requiredInput } from './op.js';
import { checkedSize, normalizeAxis, product, sameShape, shapeText } from './shapes.js';
import { allocate, inputData, outputTensor, storedTypes } from './storage.js';
import { copyStrided } from './strided-copy.js';

export interface GatherAttributes {
  readonly axis: number;
  readonly batchDims: number;
}

export const indexTypes = ['int32', 'int64'] as const satisfies readonly DataType[];

export const gather = defineOp<GatherAttributes>({
  name: 'Gather',
  inputs: [2, 2],
  outputs: [1, 1],
  parse: (attributes) => ({
    axis: attributes.integer('axis', -(2 ** 31), 2 ** 31 - 1, 0),
    batchDims: attributes.integer('batchDims', -(2 ** 31), 2 ** 31 - 1, 0),
  }),
  infer(context) {
    const x = requiredInput(context, 0);
    const indices = requiredInput(context, 1);
    expectType(context, x, storedTypes);
    expectType(context, indices, indexTypes);
    const { axis, batch } = gatherAxes(context, x, indices);
    const dims = [...x.dims.slice(0, axis), ...indices.dims.slice(batch), ...x.dims.slice(axis + 1)];
    checkedSize(context.node, dims);
    return [{ type: x.type, dims }];
  },
  run(context) {
    const x = requiredInput(context, 0);
    const indices = requiredInput(context, 1);
    const { axis, batch } = gatherAxes(context, x, indices);
    const n = x.dims[axis]!;
    const batches = product(x.dims.slice(0, batch));
    const outer = product(x.dims.slice(batch, axis));
    const inner = product(x.dims.slice(axis + 1));
    const count = product(indices.dims.slice(batch));
    const from = inputData(context, 0);
    const positions = checkedIndices(context, inputData(context, 1), n);
    const data = allocate(x.type, product(context.outputs[0]!.dims));
    for (let b = 0; b < batches; b++) {
      for (let i = 0; i < count; i++) {
        // One index moves a slice of every outer row.
        const source = { data: from, offset: (b * outer * n + positions[b * count + i]!) * inner, strides: [n * inner, 1] };
        const target = { data, offset: (b * outer * count + i) * inner, strides: [count * inner, 1] };
        copyStrided([outer, inner], source, target);
      }
    }
    return [outputTensor(context, 0, data)];
  },
  *cases() {
    yield* gatherCases({ axis: 0 }, [5, 3], [4], [0, 4, 2, 2], [4, 3]);
    yield* gatherCases({ axis: 1 }, [2, 5, 3], [2, 2], [0, 4, -1, -5], [2, 2, 2, 3]);
    yield* gatherCases({ axis: -1, batchDims: 1 }, [2, 3, 4], [2, 2], [0, 3, 1, 1], [2, 3, 2]);
    yield* gatherCases({ axis: 1 }, [2, 3], [], [1], [2]);
  },
});

function* gatherCases(
  attributes: CaseOptions['attributes'] & object,
  x: readonly number[],
  indices: readonly number[],
  data: readonly number[],
  dims: readonly number[],
) {
  for (const type of ['float32', 'int8', 'int64'] as const) {
    for (const index of indexTypes) {
      const inputs = [
        { type, dims: x },
        { type: index, dims: indices, data },
      ];
      yield caseGraph({ op: 'Gather', attributes, inputs, outputs: [{ type, dims }] });
    }
  }
}

/** From 0 on; `batch`: how many dimensions are shared. */
export function gatherAxes(
  context: NodeContext<GatherAttributes>,
  x: Operand,
  indices: Operand,
): { axis: number; batch: number } {
  const { node, attributes } = context;
  const axis = normalizeAxis(context, attributes.axis, x.dims.length);
  const batch = attributes.batchDims < 0 ? attributes.batchDims + indices.dims.length : attributes.batchDims;
  const isShared = batch >= 0 && batch <= Math.min(axis, indices.dims.length);
  if (!isShared || !sameShape(x.dims.slice(0, batch), indices.dims.slice(0, batch))) {
    const shapes = `${shapeText(x.dims)} and ${shapeText(indices.dims)}`;
    throw nodeError('ERR_SHAPE', node, `expected ${attributes.batchDims} shared dimensions before axis ${axis}, got ${shapes}`);
  }
  return { axis, batch };
}

/** The indices as numbers from 0 to n - 1. */
export function checkedIndices<A>({ node }: NodeContext<A>, indices: TypedArray, n: number): Float64Array {
  return Float64Array.from(indices as Int32Array | BigInt64Array as Int32Array, (given, i) => {
    const index = Number(given);
    if (index < -n || index >= n) {
      throw nodeError('ERR_SHAPE', node, `expected indices from ${-n} to ${n - 1}, got ${given} at position ${i}`);
    }
    return index < 0 ? index + n : index;
  });
}
