/** ReverseAxes: x[d0, d1, ..., dn] -> [dn, ..., d1, d0], the transposition of tensors whose rank is not known beforehand. */
import { caseGraph } from './cases.js';
import { defineOp, expectType, requiredInput } from './op.js';
import { inputData, outputTensor, storedTypes } from './storage.js';
import { permuted } from './strided-copy.js';

export const reverseAxes = defineOp<object>({
  name: 'ReverseAxes',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: () => ({}),
  infer(context) {
    const x = requiredInput(context, 0);
    expectType(context, x, storedTypes);
    return [{ type: x.type, dims: x.dims.toReversed() }];
  },
  run(context) {
    const { type, dims } = requiredInput(context, 0);
    const perm = dims.map((_, i) => dims.length - 1 - i);
    return [outputTensor(context, 0, permuted(type, inputData(context, 0), dims, perm))];
  },
  *cases() {
    for (const type of ['float32', 'int8', 'int64'] as const) {
      for (const dims of [[2, 3, 4], [5, 2], [3], []]) {
        yield caseGraph({ op: 'ReverseAxes', inputs: [{ type, dims }], outputs: [{ type, dims: dims.toReversed() }] });
      }
    }
  },
});
