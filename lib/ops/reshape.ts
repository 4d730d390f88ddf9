/**
 * Reshape: the same elements in another shape. One dimension may be -1: what the others leave. The shape is the attribute, or a
 * second input that is constant. With `zeroCopies`, a dimension of 0 is the one that x has in its place.
 */
import { caseGraph } from './cases.js';
import { defineOp, expectType, type NodeContext, nodeError, requiredInput } from './op.js';
import { product, shapeText } from './shapes.js';
import { constantIntegers, storedTypes } from './storage.js';
import { copyElements } from './view-op.js';

export interface ReshapeAttributes {
  readonly shape: readonly number[];
  readonly zeroCopies: boolean;
}

export const reshape = defineOp<ReshapeAttributes>({
  name: 'Reshape',
  inputs: [1, 2],
  outputs: [1, 1],
  parse: (attributes) => ({
    shape: attributes.integers('shape', -1, 2 ** 31 - 1, []),
    zeroCopies: attributes.boolean('zeroCopies', false),
  }),
  infer(context) {
    const x = requiredInput(context, 0);
    expectType(context, x, storedTypes);
    const shapeInput = context.inputs[1];
    const shape = shapeInput === undefined ? context.attributes.shape : constantIntegers(context, shapeInput);
    return [{ type: x.type, dims: completed(context, x.dims, shape) }];
  },
  run: copyElements,
  *cases() {
    for (const type of ['float32', 'int8', 'int64'] as const) {
      const inputs = [{ type, dims: [2, 3, 4] }];
      yield caseGraph({ op: 'Reshape', attributes: { shape: [4, 6] }, inputs, outputs: [{ type, dims: [4, 6] }] });
      yield caseGraph({ op: 'Reshape', attributes: { shape: [2, -1] }, inputs, outputs: [{ type, dims: [2, 12] }] });
      const shape = { type: 'int32', dims: [3], constant: [-1, 2, 2] } as const;
      yield caseGraph({ op: 'Reshape', inputs: [...inputs, shape], outputs: [{ type, dims: [6, 2, 2] }] });
    }
    for (const [from, shape, dims] of [
      [
        [2, 3, 4],
        [0, -1],
        [2, 12],
      ],
      [
        [2, 3, 4],
        [3, 2, 0],
        [3, 2, 4],
      ],
      [
        [0, 3],
        [0, 3, 1],
        [0, 3, 1],
      ],
    ] as const) {
      yield caseGraph({
        op: 'Reshape',
        attributes: { zeroCopies: true },
        inputs: [
          { type: 'float32', dims: from },
          { type: 'int64', dims: [shape.length], constant: shape },
        ],
        outputs: [{ type: 'float32', dims }],
      });
    }
    yield caseGraph({ op: 'Reshape', inputs: [{ type: 'float32', dims: [1, 1] }], outputs: [{ type: 'float32', dims: [] }] });
  },
});

function completed(
  { node, attributes }: NodeContext<ReshapeAttributes>,
  from: readonly number[],
  given: readonly number[],
): readonly number[] {
  const size = product(from);
  const shape = attributes.zeroCopies ? given.map((dim, i) => (dim === 0 ? (from[i] ?? 0) : dim)) : given;
  const known = shape.reduce((result, dim) => (dim === -1 ? result : result * dim), 1);
  const dims = shape.map((dim) => (dim === -1 ? size / known : dim));
  const isOpenOnce = shape.indexOf(-1) === shape.lastIndexOf(-1);
  if (!isOpenOnce || !dims.every((dim) => Number.isInteger(dim) && dim >= 0) || product(dims) !== size) {
    throw nodeError('ERR_SHAPE', node, `expected a shape of ${size} elements for ${shapeText(from)}, got ${shapeText(given)}`);
  }
  return dims;
}
