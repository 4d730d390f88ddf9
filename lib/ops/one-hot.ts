/**
 * OneHot: indices[I...], depth, values [off, on] -> a new dimension of `depth` at `axis` of the result, in which the element that the
 * index names is on and the others are off. An index below 0 counts from the end; one that is out of range leaves all of them off.
 */
import { caseGraph } from './cases.js';
import { defineOp, expectType, type NodeContext, nodeError, requiredInput } from './op.js';
import { checkedSize, normalizeAxis, product, shapeText } from './shapes.js';
import { allocate, constantData, inputData, outputTensor, type StoredType, storedTypes } from './storage.js';

export interface OneHotAttributes {
  readonly axis: number;
}

/** Reals are truncated toward zero. */
const numberTypes = storedTypes.filter((type) => type !== 'float16' && type !== 'bool');

export const oneHot = defineOp<OneHotAttributes>({
  name: 'OneHot',
  inputs: [3, 3],
  outputs: [1, 1],
  parse: (attributes) => ({ axis: attributes.integer('axis', -(2 ** 31), 2 ** 31 - 1, -1) }),
  infer(context) {
    const { node, attributes } = context;
    const indices = requiredInput(context, 0);
    const values = requiredInput(context, 2);
    expectType(context, indices, numberTypes);
    expectType(context, values, storedTypes);
    if (values.dims.length !== 1 || values.dims[0] !== 2) {
      throw nodeError('ERR_SHAPE', node, `expected shape [2] for ${values.name}, got ${shapeText(values.dims)}`);
    }
    const axis = normalizeAxis(context, attributes.axis, indices.dims.length + 1);
    const dims = indices.dims.toSpliced(axis, 0, depthOf(context));
    checkedSize(node, dims);
    return [{ type: values.type, dims }];
  },
  run(context) {
    const { type, dims } = context.outputs[0]!;
    const axis = normalizeAxis(context, context.attributes.axis, dims.length);
    const depth = dims[axis]!;
    const indices = inputData(context, 0);
    const [off, on] = inputData(context, 2) as Float64Array;
    const y = (allocate(type, product(dims)) as Float64Array).fill(off!);
    const inner = product(dims.slice(axis + 1));
    for (let i = 0; y.length > 0 && i < indices.length; i++) {
      const given = Math.trunc(Number(indices[i]));
      const index = given < 0 ? given + depth : given;
      if (index >= 0 && index < depth) y[(Math.floor(i / inner) * depth + index) * inner + (i % inner)] = on!;
    }
    return [outputTensor(context, 0, y)];
  },
  *cases() {
    const make = (axis: number, index: StoredType, type: StoredType, dims: readonly number[]) =>
      caseGraph({
        op: 'OneHot',
        attributes: { axis },
        inputs: [
          { type: index, dims: [2, 3], data: index === 'uint8' ? [0, 4, 5, 1, 1, 200] : [0, 4, 5, -1, -5, -6] },
          { type: 'int64', dims: [], constant: [5] },
          { type, dims: [2], data: [2, 7] },
        ],
        outputs: [{ type, dims }],
      });
    for (const index of ['int64', 'int32', 'float32', 'uint8'] as const) {
      yield make(-1, index, 'float32', [2, 3, 5]);
      yield make(1, index, 'int64', [2, 5, 3]);
      yield make(-3, index, 'int8', [5, 2, 3]);
    }
  },
});

function depthOf(context: NodeContext<OneHotAttributes>): number {
  const operand = requiredInput(context, 1);
  expectType(context, operand, numberTypes);
  if (product(operand.dims) !== 1) {
    throw nodeError(
      'ERR_SHAPE',
      context.node,
      `expected one element for ${operand.name}, got shape ${shapeText(operand.dims)}`,
    );
  }
  return Math.trunc(Number(constantData(context, operand)[0]));
}
