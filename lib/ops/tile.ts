/**
 * Tile: x[d0, d1, ...] -> [multiples0 · d0, multiples1 · d1, ...], the whole repeated along each dimension. The multiples are the
 * attribute, or a second input that is constant.
 */
import { caseGraph } from './cases.js';
import { defineOp, expectType, type NodeContext, nodeError, requiredInput } from './op.js';
import { checkedSize, maxElements, shapeText, strides } from './shapes.js';
import { constantIntegers, inputData, outputTensor, storedTypes } from './storage.js';
import { gatherStrided } from './strided-copy.js';

export interface TileAttributes {
  readonly multiples: readonly number[];
}

export const tile = defineOp<TileAttributes>({
  name: 'Tile',
  inputs: [1, 2],
  outputs: [1, 1],
  parse: (attributes) => ({ multiples: attributes.integers('multiples', 0, maxElements, []) }),
  infer(context) {
    const multiples = multiplesOf(context);
    const x = requiredInput(context, 0);
    expectType(context, x, storedTypes);
    if (multiples.length !== x.dims.length) {
      throw nodeError('ERR_SHAPE', context.node, `expected ${x.dims.length} multiples, got ${shapeText(multiples)}`);
    }
    const dims = x.dims.map((dim, i) => dim * multiples[i]!);
    checkedSize(context.node, dims);
    return [{ type: x.type, dims }];
  },
  run(context) {
    const x = requiredInput(context, 0);
    const own = strides(x.dims);
    // Each dimension is read as two, [multiple, dim], and the first of them stands still.
    const from = { data: inputData(context, 0), offset: 0, strides: own.flatMap((stride) => [0, stride]) };
    const multiples = multiplesOf(context);
    const dims = x.dims.flatMap((dim, i) => [multiples[i]!, dim]);
    return [outputTensor(context, 0, gatherStrided(x.type, dims, from))];
  },
  *cases() {
    for (const type of ['float32', 'int8', 'int64', 'bool'] as const) {
      const inputs = [{ type, dims: [2, 1, 3] }];
      yield caseGraph({ op: 'Tile', attributes: { multiples: [2, 3, 1] }, inputs, outputs: [{ type, dims: [4, 3, 3] }] });
      yield caseGraph({ op: 'Tile', attributes: { multiples: [1, 1, 4] }, inputs, outputs: [{ type, dims: [2, 1, 12] }] });
      yield caseGraph({ op: 'Tile', attributes: { multiples: [1, 0, 1] }, inputs, outputs: [{ type, dims: [2, 0, 3] }] });
      const multiples = { type: 'int64', dims: [3], constant: [2, 2, 3] } as const;
      yield caseGraph({ op: 'Tile', inputs: [...inputs, multiples], outputs: [{ type, dims: [4, 2, 9] }] });
    }
  },
});

export function multiplesOf(context: NodeContext<TileAttributes>): readonly number[] {
  const operand = context.inputs[1];
  return operand === undefined ? context.attributes.multiples : constantIntegers(context, operand);
}
