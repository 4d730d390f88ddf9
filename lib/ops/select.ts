/**
 * Select: a where the condition holds, b elsewhere; all three broadcast as in NumPy (TFLite's SELECT_V2, and SELECT of equal
 * shapes). Quantized a and b have one scale and zero point; others are of any type but strings.
 */
import type { TypedArray } from '../typed-array.js';
import { expectSameQuantization } from './binary.js';
import { affine, caseGraph } from './cases.js';
import { broadcastData } from './elementwise.js';
import { defineOp, expectType, requiredInput } from './op.js';
import { broadcast, product } from './shapes.js';
import { allocate, outputTensor, storedTypes } from './storage.js';

export const select = defineOp<Record<string, never>>({
  name: 'Select',
  inputs: [3, 3],
  outputs: [1, 1],
  parse: () => ({}),
  infer(context) {
    const condition = requiredInput(context, 0);
    const a = requiredInput(context, 1);
    const b = requiredInput(context, 2);
    expectType(context, condition, ['bool']);
    expectType(context, a, storedTypes);
    expectType(context, b, [a.type]);
    expectSameQuantization(context, 1, 2);
    const dims = broadcast(context.node, condition.dims, broadcast(context.node, a.dims, b.dims));
    return [{ type: a.type, dims }];
  },
  run(context) {
    const { type, dims } = context.outputs[0]!;
    const condition = broadcastData(context, 0, dims);
    const a = broadcastData(context, 1, dims);
    const b = broadcastData(context, 2, dims);
    const y = allocate(type, product(dims)) as { [index: number]: number | bigint } & TypedArray;
    for (let i = 0; i < y.length; i++) y[i] = condition[i] === 0 ? b[i]! : a[i]!;
    return [outputTensor(context, 0, y)];
  },
  *cases() {
    const shapes = [
      [
        [3, 4],
        [3, 4],
        [3, 4],
        [3, 4],
      ],
      [[3, 1], [4], [], [3, 4]],
      [[], [2, 2], [2, 2], [2, 2]],
    ] as const;
    for (const type of [
      'float32',
      'int8',
      'uint8',
      'int16',
      'int32',
      'int64',
      'float64',
      'uint16',
      'uint64',
      'bool',
    ] as const) {
      const quantization = type === 'int8' || type === 'uint8' || type === 'int16' ? { qparams: affine(type, 0.1, 3) } : {};
      if (type === 'int8') {
        const plain = { type, dims: [7] };
        const inputs = [{ type: 'bool' as const, dims: [7] }, plain, plain];
        yield caseGraph({ op: 'Select', inputs, outputs: [plain] });
      }
      for (const [condition, a, b, dims] of shapes) {
        const inputs = [
          { type: 'bool', dims: condition },
          { type, dims: a, ...quantization },
          { type, dims: b, ...quantization },
        ] as const;
        yield caseGraph({ op: 'Select', inputs, outputs: [{ type, dims, ...quantization }] });
      }
    }
  },
});
