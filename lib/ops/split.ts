/**
 * Split: x[..., n, ...] -> [..., sizes[0], ...], [..., sizes[1], ...], ... along `axis`. One size may be -1: what the others leave.
 * Without sizes the parts are equal, as many as the node has outputs; with `uneven`, the last one may be smaller than the others.
 * The sizes are the attribute, or a second input that is constant.
 */
import { caseGraph } from './cases.js';
import { defineOp, expectType, type NodeContext, nodeError, requiredInput } from './op.js';
import { maxElements, normalizeAxis, shapeText } from './shapes.js';
import { constantIntegers, inputData, outputTensor, storedTypes } from './storage.js';
import { block } from './strided-copy.js';

export interface SplitAttributes {
  readonly axis: number;
  readonly sizes: readonly number[];
  readonly uneven: boolean;
}

export const split = defineOp<SplitAttributes>({
  name: 'Split',
  inputs: [1, 2],
  outputs: [1, Infinity],
  parse: (attributes) => ({
    axis: attributes.integer('axis', -(2 ** 31), 2 ** 31 - 1),
    sizes: attributes.integers('sizes', -1, maxElements, []),
    uneven: attributes.boolean('uneven', false),
  }),
  infer(context) {
    const x = requiredInput(context, 0);
    expectType(context, x, storedTypes);
    const axis = normalizeAxis(context, context.attributes.axis, x.dims.length);
    const sizes = context.inputs[1] === undefined ? context.attributes.sizes : constantIntegers(context, context.inputs[1]);
    return partSizes(context, x.dims[axis]!, sizes).map((size) => ({ type: x.type, dims: x.dims.with(axis, size) }));
  },
  run(context) {
    const x = requiredInput(context, 0);
    const axis = normalizeAxis(context, context.attributes.axis, x.dims.length);
    const begin = x.dims.map(() => 0);
    return context.outputs.map(({ dims }, i) => {
      const part = block(x.type, inputData(context, 0), x.dims, begin, dims);
      begin[axis]! += dims[axis]!;
      return outputTensor(context, i, part);
    });
  },
  *cases() {
    for (const type of ['float32', 'int8', 'int64'] as const) {
      const outputs = [2, 1, 3].map((size) => ({ type, dims: [2, size, 2] }));
      yield caseGraph({ op: 'Split', attributes: { axis: 1, sizes: [2, 1, 3] }, inputs: [{ type, dims: [2, 6, 2] }], outputs });
      yield caseGraph({
        op: 'Split',
        attributes: { axis: -2, sizes: [2, -1, 3] },
        inputs: [{ type, dims: [2, 6, 2] }],
        outputs,
      });
      const halves = [0, 1].map(() => ({ type, dims: [3, 2] }));
      yield caseGraph({ op: 'Split', attributes: { axis: 1 }, inputs: [{ type, dims: [3, 4] }], outputs: halves });
      yield caseGraph({
        op: 'Split',
        attributes: { axis: 0, uneven: true },
        inputs: [{ type, dims: [7, 2] }],
        outputs: [3, 3, 1].map((size) => ({ type, dims: [size, 2] })),
      });
      yield caseGraph({
        op: 'Split',
        attributes: { axis: 1 },
        inputs: [
          { type, dims: [2, 6, 2] },
          { type: 'int64', dims: [3], constant: [4, 0, 2] },
        ],
        outputs: [4, 0, 2].map((size) => ({ type, dims: [2, size, 2] })),
      });
    }
  },
});

function partSizes(
  { node, attributes }: NodeContext<SplitAttributes>,
  whole: number,
  sizes: readonly number[],
): readonly number[] {
  const count = node.outputs.length;
  if (sizes.length === 0) {
    const size = Math.ceil(whole / count);
    const last = whole - size * (count - 1);
    if (last === size || (attributes.uneven && last >= 0)) return node.outputs.map((_, i) => (i < count - 1 ? size : last));
    throw nodeError('ERR_SHAPE', node, `expected a dimension that divides into ${count} equal parts, got ${whole}`);
  }
  const known = sizes.reduce((sum, size) => sum + Math.max(size, 0), 0);
  const isOpen = sizes.includes(-1);
  const isClear = sizes.indexOf(-1) === sizes.lastIndexOf(-1) && sizes.length === count && sizes.every((size) => size >= -1);
  if (!isClear || known > whole || (!isOpen && known !== whole)) {
    throw nodeError('ERR_SHAPE', node, `expected ${count} sizes that make up ${whole}, got ${shapeText(sizes)}`);
  }
  return sizes.map((size) => (size === -1 ? whole - known : size));
}
