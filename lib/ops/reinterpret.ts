/**
 * Reinterpret: the same integers under other quantization parameters. A file may read one tensor with different scales; a value of
 * a graph has one.
 */
import { affine, caseGraph } from './cases.js';
import { defineOp, expectType, requiredInput } from './op.js';
import { storedTypes } from './storage.js';
import { copyElements } from './view-op.js';

export const reinterpret = defineOp<Record<string, never>>({
  name: 'Reinterpret',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: () => ({}),
  infer(context) {
    const x = requiredInput(context, 0);
    expectType(context, x, storedTypes);
    return [{ type: x.type, dims: x.dims }];
  },
  run: copyElements,
  *cases() {
    const dims = [3, 4];
    for (const type of ['int8', 'uint8', 'int16', 'int32'] as const) {
      const z = type === 'int32' ? 0 : 3;
      const inputs = [{ type, dims, qparams: affine(type, 0.05, z) }];
      yield caseGraph({ op: 'Reinterpret', inputs, outputs: [{ type, dims, qparams: affine(type, 0.07, 0) }] });
      yield caseGraph({
        op: 'Reinterpret',
        inputs: [{ type, dims }],
        outputs: [{ type, dims, qparams: affine(type, 0.07, 0) }],
      });
    }
  },
});
