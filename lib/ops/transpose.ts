/** Transpose: dimension i of the output is dimension perm[i] of x. */
import type { DataType } from '../tensor.js';
import { caseGraph } from './cases.js';
import { defineOp, expectType, nodeError, type OpCase, requiredInput } from './op.js';
import { maxElements, shapeText } from './shapes.js';
import { inputData, outputTensor, storedTypes } from './storage.js';
import { permuted } from './strided-copy.js';

export interface TransposeAttributes {
  readonly perm: readonly number[];
}

export const transpose = defineOp<TransposeAttributes>({
  name: 'Transpose',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: (attributes) => ({ perm: attributes.integers('perm', 0, maxElements) }),
  infer(context) {
    const { node, attributes } = context;
    const x = requiredInput(context, 0);
    expectType(context, x, storedTypes);
    const rank = x.dims.length;
    const isPermutation = attributes.perm.length === rank && new Set(attributes.perm).size === rank;
    if (!isPermutation || attributes.perm.some((axis) => axis >= rank)) {
      throw nodeError('ERR_SHAPE', node, `expected a permutation of ${rank} axes, got ${shapeText(attributes.perm)}`);
    }
    return [{ type: x.type, dims: attributes.perm.map((axis) => x.dims[axis]!) }];
  },
  run(context) {
    const x = requiredInput(context, 0);
    return [outputTensor(context, 0, permuted(x.type, inputData(context, 0), x.dims, context.attributes.perm))];
  },
  *cases() {
    for (const type of ['float32', 'int8', 'int64', 'int16'] as const) {
      yield permutationCase(type, [2, 3, 4, 5], [0, 2, 3, 1]);
      yield permutationCase(type, [2, 3, 4, 5], [3, 2, 1, 0]);
    }
    yield permutationCase('int8', [37, 19], [1, 0]);
    // Native kernels move elements of 1, 2, 4 and 8 bytes in blocks: every size of the last ones, images, batches and heads
    for (const type of ['int8', 'int16', 'float32', 'int64'] as const) {
      for (let rows = 1; rows <= 70; ++rows) yield permutationCase(type, [rows, ((rows * 29) % 70) + 1], [1, 0]);
      for (const channels of [2, 3, 4, 5, 24]) {
        yield permutationCase(type, [1, channels, 7, 9], [0, 2, 3, 1]);
        yield permutationCase(type, [2, 9, 7, channels], [0, 3, 1, 2]);
      }
      yield permutationCase(type, [2, 5, 3, 7], [0, 2, 1, 3]);
      yield permutationCase(type, [3, 18, 33], [0, 2, 1]);
      yield permutationCase(type, [6, 19, 35], [2, 1, 0]);
      yield permutationCase(type, [9, 17, 4], [1, 0, 2]);
    }
  },
});

function permutationCase(type: DataType, dims: readonly number[], perm: readonly number[]): OpCase {
  const result = perm.map((axis) => dims[axis]!);
  return caseGraph({ op: 'Transpose', attributes: { perm }, inputs: [{ type, dims }], outputs: [{ type, dims: result }] });
}
