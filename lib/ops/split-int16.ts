/**
 * SplitInt16: x int16 -> high int8, low uint8 of the same shape, x = 256·high + low
 *
 * What lets products of 8 bits compute one of int16: Σ x·w = 256·Σ high·w + Σ low·w (join-sums.ts).
 */
import { affine, caseGraph } from './cases.js';
import { defineOp, expectType, requiredInput } from './op.js';
import { checkedSize } from './shapes.js';
import { inputData, outputTensor } from './storage.js';

export const splitInt16 = defineOp<Record<string, never>>({
  name: 'SplitInt16',
  inputs: [1, 1],
  outputs: [2, 2],
  parse: () => ({}),
  infer(context) {
    const x = requiredInput(context, 0);
    expectType(context, x, ['int16']);
    checkedSize(context.node, x.dims);
    return [
      { type: 'int8', dims: x.dims },
      { type: 'uint8', dims: x.dims },
    ];
  },
  run(context) {
    const x = inputData(context, 0) as Int16Array;
    return [
      outputTensor(
        context,
        0,
        Int8Array.from(x, (q) => q >> 8),
      ),
      outputTensor(context, 1, Uint8Array.from(x)),
    ];
  },
  *cases() {
    for (const dims of [[3, 5, 7], [1, 257], [0, 4], []]) {
      const halves = [{ type: 'int8', dims } as const, { type: 'uint8', dims } as const];
      yield caseGraph({ op: 'SplitInt16', inputs: [{ type: 'int16', dims, qparams: affine('int16', 0.01) }], outputs: halves });
    }
  },
});
