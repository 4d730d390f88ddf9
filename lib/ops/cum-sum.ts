/**
 * CumSum: x, axis -> y, the sum of all elements up to each one along an axis, which is the only element of the second input.
 * `exclusive` leaves out the element itself, `reverse` sums from the end. Floats are summed in float64; integers wrap.
 */
import { caseGraph } from './cases.js';
import { defineOp, expectType, nodeError, requiredInput } from './op.js';
import { checkedSize, normalizeAxis, product } from './shapes.js';
import { allocate, fillWith, inputData, outputTensor } from './storage.js';

export interface CumSumAttributes {
  readonly exclusive: boolean;
  readonly reverse: boolean;
}

const types = ['float32', 'float64', 'int32', 'uint32', 'int64', 'uint64'] as const;

export const cumSum = defineOp<CumSumAttributes>({
  name: 'CumSum',
  inputs: [2, 2],
  outputs: [1, 1],
  parse: (attributes) => ({
    exclusive: attributes.boolean('exclusive', false),
    reverse: attributes.boolean('reverse', false),
  }),
  infer(context) {
    const [x, axis] = [requiredInput(context, 0), requiredInput(context, 1)];
    expectType(context, x, types);
    expectType(context, axis, ['int32', 'int64']);
    checkedSize(context.node, x.dims);
    if (product(axis.dims) !== 1) {
      const found = `shape [${axis.dims.join(', ')}]`;
      throw nodeError('ERR_SHAPE', context.node, `expected one axis in ${axis.name}, got ${found}`);
    }
    return [{ type: x.type, dims: x.dims }];
  },
  run(context) {
    const { exclusive, reverse } = context.attributes;
    const { dims, type } = context.inputs[0]!;
    const x = inputData(context, 0) as Float64Array;
    const y = allocate(type, x.length) as Float64Array;
    if (y.length === 0) return [outputTensor(context, 0, y)]; // whatever the axis
    const axis = normalizeAxis(context, Number(inputData(context, 1)[0]), dims.length);
    const [length, inner] = [dims[axis]!, product(dims.slice(axis + 1))];
    const last = (length - 1) * inner;
    const rows = x.length / length;
    // One running sum that wraps as the type does
    const sum = allocate(type === 'float32' ? 'float64' : type, 1) as Float64Array;
    for (let row = 0; row < rows; row++) {
      const start = Math.floor(row / inner) * length * inner + (row % inner);
      fillWith(sum, 0);
      for (let k = 0; k <= last; k += inner) {
        const i = start + (reverse ? last - k : k);
        if (exclusive) y[i] = sum[0]!;
        sum[0] = sum[0]! + x[i]!;
        if (!exclusive) y[i] = sum[0]!;
      }
    }
    return [outputTensor(context, 0, y)];
  },
  *cases() {
    for (const [axis, dims] of [
      [0, [6]],
      [1, [2, 4, 3]],
      [-3, [2, 4, 3]],
      [1, [2, 0]],
    ] as const) {
      for (const exclusive of [false, true]) {
        for (const reverse of [false, true]) {
          for (const type of types) {
            const inputs = [
              { type, dims },
              { type: 'int64', dims: [], data: [axis] },
            ] as const;
            const name = `CumSum ${type} [${dims.join(',')}] axis=${axis} exclusive=${exclusive} reverse=${reverse}`;
            yield caseGraph({ op: 'CumSum', attributes: { exclusive, reverse }, inputs, outputs: [{ type, dims }], name });
          }
        }
      }
    }
  },
});
