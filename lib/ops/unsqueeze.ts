/** Unsqueeze: x with new dimensions of 1, which stand at `axes` of the result: an attribute, or a second input. */
import { caseGraph } from './cases.js';
import { defineOp, expectType, nodeError, requiredInput } from './op.js';
import { normalizeAxis, shapeText } from './shapes.js';
import { constantIntegers, storedTypes } from './storage.js';
import { copyElements } from './view-op.js';

export interface UnsqueezeAttributes {
  readonly axes: readonly number[];
}

/** Dimensions that a result may have: more are a mistake, or an attempt to use up memory. */
const maxRank = 64;

export const unsqueeze = defineOp<UnsqueezeAttributes>({
  name: 'Unsqueeze',
  inputs: [1, 2],
  outputs: [1, 1],
  parse: (attributes) => ({ axes: attributes.integers('axes', -(2 ** 31), 2 ** 31 - 1, []) }),
  infer(context) {
    const { node, attributes } = context;
    const x = requiredInput(context, 0);
    expectType(context, x, storedTypes);
    const given = context.inputs[1] === undefined ? attributes.axes : constantIntegers(context, context.inputs[1]);
    const rank = x.dims.length + given.length;
    const axes = new Set(rank > maxRank ? [] : given.map((axis) => normalizeAxis(context, axis, rank)));
    if (axes.size !== given.length) {
      const message = `expected axes that differ, for at most ${maxRank} dimensions, got ${shapeText(given)}`;
      throw nodeError('ERR_SHAPE', node, message);
    }
    const rest = x.dims.values();
    return [{ type: x.type, dims: Array.from({ length: rank }, (_, i) => (axes.has(i) ? 1 : rest.next().value!)) }];
  },
  run: copyElements,
  *cases() {
    for (const type of ['float32', 'int8', 'int64'] as const) {
      const x = { type, dims: [3, 4] };
      const make = (axes: readonly number[], dims: readonly number[]) => [
        caseGraph({ op: 'Unsqueeze', attributes: { axes }, inputs: [x], outputs: [{ type, dims }] }),
        caseGraph({
          op: 'Unsqueeze',
          inputs: [x, { type: 'int64', dims: [axes.length], constant: axes }],
          outputs: [{ type, dims }],
        }),
      ];
      yield* make([0], [1, 3, 4]);
      yield* make([3, -4], [1, 3, 4, 1]);
      yield* make([4, 1, 2], [3, 1, 1, 4, 1]);
      yield* make([], [3, 4]);
    }
  },
});
