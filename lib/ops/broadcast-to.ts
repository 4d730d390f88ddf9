/**
 * BroadcastTo: x in the shape `shape`, its dimensions of 1 and the missing leading ones repeated. The shape is the attribute, or a
 * second input that is constant. With `mutual`, dimensions of 1 in the shape stand for those of x (ONNX Expand).
 */
import { caseGraph } from './cases.js';
import { defineOp, expectType, nodeError, requiredInput } from './op.js';
import { broadcast, broadcastStrides, maxElements, sameShape, shapeText } from './shapes.js';
import { constantIntegers, inputData, outputTensor, storedTypes } from './storage.js';
import { gatherStrided } from './strided-copy.js';

export interface BroadcastToAttributes {
  readonly shape: readonly number[];
  readonly mutual: boolean;
}

export const broadcastTo = defineOp<BroadcastToAttributes>({
  name: 'BroadcastTo',
  inputs: [1, 2],
  outputs: [1, 1],
  parse: (attributes) => ({
    shape: attributes.integers('shape', 0, maxElements, []),
    mutual: attributes.boolean('mutual', false),
  }),
  infer(context) {
    const operand = context.inputs[1];
    const shape = operand === undefined ? context.attributes.shape : constantIntegers(context, operand);
    const x = requiredInput(context, 0);
    expectType(context, x, storedTypes);
    const dims = broadcast(context.node, x.dims, shape);
    if (!context.attributes.mutual && !sameShape(dims, shape)) {
      const message = `expected a shape that ${shapeText(x.dims)} broadcasts to, got ${shapeText(shape)}`;
      throw nodeError('ERR_SHAPE', context.node, message);
    }
    return [{ type: x.type, dims }];
  },
  run(context) {
    const x = requiredInput(context, 0);
    const { dims } = context.outputs[0]!;
    const from = { data: inputData(context, 0), offset: 0, strides: broadcastStrides(x.dims, dims) };
    return [outputTensor(context, 0, gatherStrided(x.type, dims, from))];
  },
  *cases() {
    for (const type of ['float32', 'int8', 'int64'] as const) {
      const inputs = [{ type, dims: [3, 1] }];
      yield caseGraph({ op: 'BroadcastTo', attributes: { shape: [2, 3, 4] }, inputs, outputs: [{ type, dims: [2, 3, 4] }] });
      yield caseGraph({ op: 'BroadcastTo', attributes: { shape: [3, 1] }, inputs, outputs: [{ type, dims: [3, 1] }] });
      const shape = { type: 'int64', dims: [2], constant: [1, 4] } as const;
      yield caseGraph({
        op: 'BroadcastTo',
        attributes: { mutual: true },
        inputs: [...inputs, shape],
        outputs: [{ type, dims: [3, 4] }],
      });
    }
  },
});
