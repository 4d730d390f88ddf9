/**
 * Compress: the slices of x along `axis` whose place in the condition, a vector of bool, is true. The condition may be shorter than the
 * axis. How many slices there are depends on data: the condition has to be constant.
 */
import { caseGraph } from './cases.js';
import { copyMapped } from './mapped-copy.js';
import { defineOp, expectRank, expectType, type NodeContext, nodeError, requiredInput } from './op.js';
import { normalizeAxis } from './shapes.js';
import { constantData, inputData, outputTensor, storedTypes } from './storage.js';

export interface CompressAttributes {
  readonly axis: number;
}

export const compress = defineOp<CompressAttributes>({
  name: 'Compress',
  inputs: [2, 2],
  outputs: [1, 1],
  parse: (attributes) => ({ axis: attributes.integer('axis', -(2 ** 31), 2 ** 31 - 1) }),
  infer(context) {
    const x = requiredInput(context, 0);
    expectType(context, x, storedTypes);
    const axis = normalizeAxis(context, context.attributes.axis, x.dims.length);
    return [{ type: x.type, dims: x.dims.with(axis, keptSlices(context, x.dims[axis]!).length) }];
  },
  run(context) {
    const x = requiredInput(context, 0);
    const { dims } = context.outputs[0]!;
    const axis = normalizeAxis(context, context.attributes.axis, x.dims.length);
    const map = (i: number) => (i === axis ? keptSlices(context, x.dims[axis]!) : [...Array(dims[i]!).keys()]);
    return [outputTensor(context, 0, copyMapped(x.type, inputData(context, 0), x.dims, dims, map))];
  },
  *cases() {
    for (const type of ['float32', 'int8', 'int64'] as const) {
      const make = (axis: number, constant: readonly number[], dims: readonly number[]) =>
        caseGraph({
          op: 'Compress',
          attributes: { axis },
          inputs: [
            { type, dims: [3, 4, 2] },
            { type: 'bool', dims: [constant.length], constant },
          ],
          outputs: [{ type, dims }],
        });
      yield make(0, [0, 1, 1], [2, 4, 2]);
      yield make(-2, [0, 1], [3, 1, 2]);
      yield make(2, [0, 0], [3, 4, 0]);
    }
  },
});

function keptSlices(context: NodeContext<CompressAttributes>, dim: number): readonly number[] {
  const condition = requiredInput(context, 1);
  expectType(context, condition, ['bool']);
  expectRank(context, condition, 1);
  const data = constantData(context, condition);
  const kept: number[] = [];
  for (let i = 0; i < data.length; i++) if (data[i] !== 0) kept.push(i);
  if ((kept.at(-1) ?? -1) >= dim) {
    throw nodeError('ERR_SHAPE', context.node, `expected a condition for ${dim} slices, got true at ${kept.at(-1)}`);
  }
  return kept;
}
