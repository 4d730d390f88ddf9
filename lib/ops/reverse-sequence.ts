/**
 * ReverseSequence: x with the first lengths[b] elements of each slice b (along `batchAxis`) in reverse order along `timeAxis`.
 * A length that is out of range is ERR_SHAPE when the graph runs.
 */
import { caseGraph } from './cases.js';
import { indexTypes } from './gather.js';
import { advance } from './mapped-copy.js';
import { defineOp, expectType, type NodeContext, nodeError, requiredInput } from './op.js';
import { normalizeAxis, sameShape, shapeText, strides } from './shapes.js';
import { allocate, inputData, outputTensor, storedTypes } from './storage.js';

export interface ReverseSequenceAttributes {
  readonly batchAxis: number;
  readonly timeAxis: number;
}

export const reverseSequence = defineOp<ReverseSequenceAttributes>({
  name: 'ReverseSequence',
  inputs: [2, 2],
  outputs: [1, 1],
  parse: (attributes) => ({
    batchAxis: attributes.integer('batchAxis', -(2 ** 31), 2 ** 31 - 1),
    timeAxis: attributes.integer('timeAxis', -(2 ** 31), 2 ** 31 - 1),
  }),
  infer(context) {
    const x = requiredInput(context, 0);
    const lengths = requiredInput(context, 1);
    expectType(context, x, storedTypes);
    expectType(context, lengths, indexTypes);
    const [batch] = axesOf(context);
    if (!sameShape(lengths.dims, [x.dims[batch]!])) {
      const message = `expected ${x.dims[batch]} lengths for ${shapeText(x.dims)}, got shape ${shapeText(lengths.dims)}`;
      throw nodeError('ERR_SHAPE', context.node, message);
    }
    return [{ type: x.type, dims: x.dims }];
  },
  run(context) {
    const { type, dims } = requiredInput(context, 0);
    const [batch, time] = axesOf(context);
    const from = inputData(context, 0) as Float64Array;
    const lengths = Array.from(inputData(context, 1) as Int32Array, Number);
    const wrong = lengths.find((length) => length < 0 || length > dims[time]!);
    if (wrong !== undefined) {
      throw nodeError('ERR_SHAPE', context.node, `expected lengths from 0 to ${dims[time]}, got ${wrong}`);
    }
    const y = allocate(type, from.length) as Float64Array;
    const step = strides(dims)[time]!;
    const index = dims.map(() => 0);
    for (let i = 0; i < y.length; i++) {
      const [t, length] = [index[time]!, lengths[index[batch]!]!];
      y[i] = from[t < length ? i + (length - 1 - 2 * t) * step : i]!;
      advance(index, dims);
    }
    return [outputTensor(context, 0, y)];
  },
  *cases() {
    for (const type of ['float32', 'int8', 'int64'] as const) {
      for (const index of indexTypes) {
        const make = (batchAxis: number, timeAxis: number, data: readonly number[]) =>
          caseGraph({
            op: 'ReverseSequence',
            attributes: { batchAxis, timeAxis },
            inputs: [
              { type, dims: [4, 3, 2] },
              { type: index, dims: [data.length], data },
            ],
            outputs: [{ type, dims: [4, 3, 2] }],
          });
        yield make(1, 0, [4, 0, 3]);
        yield make(0, -2, [1, 2, 3, 0]);
      }
    }
  },
});

function axesOf(context: NodeContext<ReverseSequenceAttributes>): readonly [batch: number, time: number] {
  const { batchAxis, timeAxis } = context.attributes;
  const rank = requiredInput(context, 0).dims.length;
  const axes = [normalizeAxis(context, batchAxis, rank), normalizeAxis(context, timeAxis, rank)] as const;
  if (axes[0] === axes[1]) throw nodeError('ERR_SHAPE', context.node, `expected two axes, got ${axes[0]} twice`);
  return axes;
}
