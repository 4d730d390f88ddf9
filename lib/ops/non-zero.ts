/**
 * NonZero: x -> [rank, n] of int64, the indices of the n elements that are not 0, row-major; of a scalar, rank is 1. How many there are
 * depends on data: x has to be constant.
 */
import { caseGraph } from './cases.js';
import { advance } from './mapped-copy.js';
import { defineOp, type NodeContext, requiredInput } from './op.js';
import { checkedSize } from './shapes.js';
import { constantData, inputData, outputTensor } from './storage.js';

export const nonZero = defineOp<object>({
  name: 'NonZero',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: () => ({}),
  infer(context) {
    const x = requiredInput(context, 0);
    const data = constantData(context, x);
    let count = 0;
    for (let i = 0; i < data.length; i++) if (isNonZero(context, data[i]!)) count++;
    const dims = [Math.max(x.dims.length, 1), count];
    checkedSize(context.node, dims);
    return [{ type: 'int64', dims }];
  },
  run(context) {
    const { dims } = requiredInput(context, 0);
    const data = inputData(context, 0);
    const [rank, count] = context.outputs[0]!.dims as [number, number];
    const y = new BigInt64Array(rank * count);
    const index = dims.map(() => 0);
    let found = 0;
    for (let i = 0; i < data.length; i++) {
      if (isNonZero(context, data[i]!)) {
        for (const [axis, k] of index.entries()) y[axis * count + found] = BigInt(k);
        found++;
      }
      advance(index, dims);
    }
    return [outputTensor(context, 0, y)];
  },
  *cases() {
    for (const type of ['float32', 'int8', 'int64', 'bool'] as const) {
      const make = (dims: readonly number[], constant: readonly number[], count: number) =>
        caseGraph({
          op: 'NonZero',
          inputs: [{ type, dims, constant }],
          outputs: [{ type: 'int64', dims: [Math.max(dims.length, 1), count] }],
        });
      yield make([2, 3], [0, 1, 0, 1, 1, 0], 3);
      yield make([4], [0, 0, 0, 0], 0);
      yield make([], [1], 1);
      yield make([2, 0, 3], [], 0);
    }
  },
});

/** Both zeros of float16, whose elements are bits, are 0. */
function isNonZero({ inputs }: NodeContext<object>, element: number | bigint): boolean {
  return inputs[0]!.type === 'float16' ? ((element as number) & 0x7fff) !== 0 : Number(element) !== 0;
}
