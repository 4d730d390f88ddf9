/** Identity: its input, any type, under another name. */
import { caseGraph } from './cases.js';
import { defineOp, requiredInput } from './op.js';
import { copyElements } from './view-op.js';

export const identity = defineOp({
  name: 'Identity',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: () => undefined,
  infer(context) {
    const { type, dims } = requiredInput(context, 0);
    return [{ type, dims }];
  },
  run: copyElements,
  *cases() {
    for (const type of ['float32', 'int8', 'int64', 'bool'] as const) {
      yield caseGraph({ op: 'Identity', inputs: [{ type, dims: [2, 3] }], outputs: [{ type, dims: [2, 3] }] });
    }
  },
});
