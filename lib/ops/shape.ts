/** Shape: the dimensions of x from `start` up to `end`, which count from the end below 0 and are clamped, as a vector of type `to`. */
import { caseGraph } from './cases.js';
import { defineOp, type NodeContext, requiredInput } from './op.js';
import { maxElements } from './shapes.js';
import { outputTensor } from './storage.js';

export interface ShapeAttributes {
  readonly to: 'int32' | 'int64';
  readonly start: number;
  readonly end: number;
}

export const shape = defineOp<ShapeAttributes>({
  name: 'Shape',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: (attributes) => ({
    to: attributes.oneOf('to', ['int32', 'int64'], 'int32'),
    start: attributes.integer('start', -maxElements, maxElements, 0),
    end: attributes.integer('end', -maxElements, maxElements, maxElements),
  }),
  infer: (context) => [{ type: context.attributes.to, dims: [shownDims(context).length] }],
  run(context) {
    const dims = shownDims(context);
    const data = context.attributes.to === 'int32' ? Int32Array.from(dims) : BigInt64Array.from(dims, BigInt);
    return [outputTensor(context, 0, data)];
  },
  *cases() {
    for (const to of ['int32', 'int64'] as const) {
      for (const dims of [[], [7], [2, 0, 3]]) {
        const inputs = [{ type: 'float32' as const, dims }];
        yield caseGraph({ op: 'Shape', attributes: { to }, inputs, outputs: [{ type: to, dims: [dims.length] }] });
      }
    }
    for (const [start, end, count] of [
      [1, 3, 2],
      [-2, -1, 1],
      [-9, 9, 4],
      [3, 1, 0],
    ] as const) {
      const inputs = [{ type: 'int8' as const, dims: [2, 3, 4, 5] }];
      yield caseGraph({ op: 'Shape', attributes: { start, end }, inputs, outputs: [{ type: 'int32', dims: [count] }] });
    }
  },
});

function shownDims(context: NodeContext<ShapeAttributes>): readonly number[] {
  const { start, end } = context.attributes;
  // Array.prototype.slice counts and clamps the same
  return requiredInput(context, 0).dims.slice(start, end);
}
