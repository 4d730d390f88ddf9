/** Size: how many elements x has, a scalar of int64. */
import { caseGraph } from './cases.js';
import { defineOp, requiredInput } from './op.js';
import { product } from './shapes.js';
import { outputTensor } from './storage.js';

export const size = defineOp<object>({
  name: 'Size',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: () => ({}),
  infer(context) {
    requiredInput(context, 0);
    return [{ type: 'int64', dims: [] }];
  },
  run: (context) => [outputTensor(context, 0, BigInt64Array.of(BigInt(product(requiredInput(context, 0).dims))))],
  *cases() {
    for (const dims of [[], [7], [2, 5, 3], [2, 0, 3]]) {
      yield caseGraph({ op: 'Size', inputs: [{ type: 'float32', dims }], outputs: [{ type: 'int64', dims: [] }] });
    }
  },
});
