/**
 * Fill: a tensor of shape `shape` whose elements are all the one of `value`. The shape is the attribute, or a second input that is
 * constant.
 */
import { caseGraph } from './cases.js';
import { defineOp, expectType, nodeError, requiredInput } from './op.js';
import { checkedSize, maxElements, product, shapeText } from './shapes.js';
import { constantIntegers, inputData, outputTensor, storedTypes } from './storage.js';
import { gatherStrided } from './strided-copy.js';

export interface FillAttributes {
  readonly shape: readonly number[];
}

export const fill = defineOp<FillAttributes>({
  name: 'Fill',
  inputs: [1, 2],
  outputs: [1, 1],
  parse: (attributes) => ({ shape: attributes.integers('shape', 0, maxElements, []) }),
  infer(context) {
    const value = requiredInput(context, 0);
    expectType(context, value, storedTypes);
    if (product(value.dims) !== 1) {
      throw nodeError('ERR_SHAPE', context.node, `expected one element for ${value.name}, got shape ${shapeText(value.dims)}`);
    }
    const operand = context.inputs[1];
    const dims = operand === undefined ? context.attributes.shape : constantIntegers(context, operand);
    checkedSize(context.node, dims);
    return [{ type: value.type, dims }];
  },
  run(context) {
    const { type, dims } = context.outputs[0]!;
    const from = { data: inputData(context, 0), offset: 0, strides: dims.map(() => 0) };
    return [outputTensor(context, 0, gatherStrided(type, dims, from))];
  },
  *cases() {
    for (const type of ['float32', 'int8', 'int32', 'int64', 'bool'] as const) {
      for (const shape of [[2, 3], [], [0, 4]]) {
        yield caseGraph({ op: 'Fill', attributes: { shape }, inputs: [{ type, dims: [] }], outputs: [{ type, dims: shape }] });
        const input = { type: 'int64', dims: [shape.length], constant: shape } as const;
        yield caseGraph({ op: 'Fill', inputs: [{ type, dims: [1] }, input], outputs: [{ type, dims: shape }] });
      }
    }
  },
});
