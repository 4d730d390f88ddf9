/**
 * Trilu: x[..., rows, columns] with 0 below its k-th diagonal (`upper`) or above it (otherwise). k is a scalar of int64, 0 by default;
 * diagonals above the main one have k > 0.
 */
import { caseGraph } from './cases.js';
import { defineOp, expectType, nodeError, requiredInput } from './op.js';
import { product, shapeText } from './shapes.js';
import { inputData, outputTensor, storedTypes } from './storage.js';

export interface TriluAttributes {
  readonly upper: boolean;
}

export const trilu = defineOp<TriluAttributes>({
  name: 'Trilu',
  inputs: [1, 2],
  outputs: [1, 1],
  parse: (attributes) => ({ upper: attributes.boolean('upper', true) }),
  infer(context) {
    const x = requiredInput(context, 0);
    expectType(context, x, storedTypes);
    if (x.dims.length < 2) {
      throw nodeError('ERR_SHAPE', context.node, `expected at least 2 dimensions for ${x.name}, got ${shapeText(x.dims)}`);
    }
    const k = context.inputs[1];
    if (k !== undefined) {
      expectType(context, k, ['int64']);
      if (product(k.dims) !== 1) {
        throw nodeError('ERR_SHAPE', context.node, `expected one element for ${k.name}, got shape ${shapeText(k.dims)}`);
      }
    }
    return [{ type: x.type, dims: x.dims }];
  },
  run(context) {
    const { upper } = context.attributes;
    const [rows, columns] = requiredInput(context, 0).dims.slice(-2) as [number, number];
    const k = context.inputs[1] === undefined ? 0 : Number(inputData(context, 1)[0]);
    const y = inputData(context, 0).slice();
    const zero = (y instanceof BigInt64Array || y instanceof BigUint64Array ? 0n : 0) as number;
    const clamped = (column: number) => Math.min(Math.max(column, 0), columns);
    for (let begin = 0, row = 0; begin < y.length; begin += columns, row = (row + 1) % rows) {
      // Columns up to row + k are on the diagonal or below it
      const [from, to] = upper ? [0, clamped(row + k)] : [clamped(row + k + 1), columns];
      (y as Float64Array).fill(zero, begin + from, begin + to);
    }
    return [outputTensor(context, 0, y)];
  },
  *cases() {
    for (const type of ['float32', 'int8', 'int64', 'bool'] as const) {
      for (const upper of [true, false]) {
        for (const k of [undefined, -1, 2, -90, 90]) {
          const diagonal = k === undefined ? undefined : ({ type: 'int64', dims: [], data: [k] } as const);
          for (const dims of [
            [4, 5],
            [2, 3, 1],
            [2, 0, 3],
          ]) {
            yield caseGraph({
              op: 'Trilu',
              attributes: { upper },
              inputs: [{ type, dims }, diagonal],
              outputs: [{ type, dims }],
              name: `Trilu ${type} [${dims}] ${upper ? 'upper' : 'lower'} k = ${k}`,
            });
          }
        }
      }
    }
  },
});
