/** Squeeze: x without the dimensions of 1 at `axes`, an attribute or a second input; without axes, without all of them. */
import { caseGraph } from './cases.js';
import { defineOp, expectType, nodeError, requiredInput } from './op.js';
import { normalizeAxis, shapeText } from './shapes.js';
import { constantIntegers, storedTypes } from './storage.js';
import { copyElements } from './view-op.js';

export interface SqueezeAttributes {
  readonly axes: readonly number[];
}

export const squeeze = defineOp<SqueezeAttributes>({
  name: 'Squeeze',
  inputs: [1, 2],
  outputs: [1, 1],
  parse: (attributes) => ({ axes: attributes.integers('axes', -(2 ** 31), 2 ** 31 - 1, []) }),
  infer(context) {
    const { node, attributes } = context;
    const x = requiredInput(context, 0);
    expectType(context, x, storedTypes);
    const given = context.inputs[1] === undefined ? attributes.axes : constantIntegers(context, context.inputs[1]);
    if (given.length === 0) return [{ type: x.type, dims: x.dims.filter((dim) => dim !== 1) }];
    const axes = new Set(given.map((axis) => normalizeAxis(context, axis, x.dims.length)));
    for (const axis of axes) {
      if (x.dims[axis] !== 1) throw nodeError('ERR_SHAPE', node, `expected 1 at axis ${axis}, got shape ${shapeText(x.dims)}`);
    }
    return [{ type: x.type, dims: x.dims.filter((_, i) => !axes.has(i)) }];
  },
  run: copyElements,
  *cases() {
    for (const type of ['float32', 'int8', 'int64'] as const) {
      const inputs = [{ type, dims: [1, 3, 1, 4] }];
      yield caseGraph({ op: 'Squeeze', inputs, outputs: [{ type, dims: [3, 4] }] });
      yield caseGraph({ op: 'Squeeze', attributes: { axes: [-2] }, inputs, outputs: [{ type, dims: [1, 3, 4] }] });
      yield caseGraph({ op: 'Squeeze', attributes: { axes: [0, 2] }, inputs, outputs: [{ type, dims: [3, 4] }] });
      const axes = { type: 'int64', dims: [1], constant: [-4] } as const;
      yield caseGraph({ op: 'Squeeze', inputs: [...inputs, axes], outputs: [{ type, dims: [3, 1, 4] }] });
    }
  },
});
