/**
 * Unique: the slices of x along `axis` that differ -> y, and vectors of int64: for each slice of y where it is first in x, for each slice
 * of x where it is in y, and how often each is in x. In the order in which they come, or `sorted` by their elements, the first one
 * counting most; NaNs are equal, and above all numbers. How many there are depends on data: x has to be constant.
 */
import type { Tensor } from '../tensor.js';
import type { TypedArray } from '../typed-array.js';
import { caseGraph } from './cases.js';
import { copyMapped } from './mapped-copy.js';
import { defineOp, type NodeContext, nodeError, type OutputShape, requiredInput } from './op.js';
import { normalizeAxis, product, shapeText } from './shapes.js';
import { constantData, inputData, outputTensor } from './storage.js';
import { permuted } from './strided-copy.js';

export interface UniqueAttributes {
  readonly axis: number;
  readonly sorted: boolean;
}

export const unique = defineOp<UniqueAttributes>({
  name: 'Unique',
  inputs: [1, 1],
  outputs: [1, 4],
  parse: (attributes) => ({
    axis: attributes.integer('axis', -(2 ** 31), 2 ** 31 - 1),
    sorted: attributes.boolean('sorted', true),
  }),
  infer(context) {
    const x = requiredInput(context, 0);
    const data = constantData(context, x);
    const axis = normalizeAxis(context, context.attributes.axis, x.dims.length);
    const count = groupsOf(context, data).length;
    const vector = (length: number): OutputShape => ({ type: 'int64', dims: [length] });
    return [{ type: x.type, dims: x.dims.with(axis, count) }, vector(count), vector(x.dims[axis]!), vector(count)];
  },
  run(context) {
    const x = requiredInput(context, 0);
    const data = inputData(context, 0);
    const axis = normalizeAxis(context, context.attributes.axis, x.dims.length);
    const groups = groupsOf(context, data);
    const first = groups.map((group) => group[0]!);
    const places = new BigInt64Array(x.dims[axis]!);
    for (const [place, group] of groups.entries()) for (const slice of group) places[slice] = BigInt(place);
    const { dims } = context.outputs[0]!;
    const map = (i: number) => (i === axis ? first : [...Array(dims[i]!).keys()]);
    const results: readonly (() => TypedArray)[] = [
      () => copyMapped(x.type, data, x.dims, dims, map),
      () => BigInt64Array.from(first, BigInt),
      () => places,
      () => BigInt64Array.from(groups, (group) => BigInt(group.length)),
    ];
    return context.outputs.map((_, i): Tensor => outputTensor(context, i, results[i]!()));
  },
  *cases() {
    for (const type of ['float32', 'int8', 'int64'] as const) {
      for (const sorted of [true, false]) {
        const make = (axis: number, dims: readonly number[], constant: readonly number[], count: number) =>
          caseGraph({
            op: 'Unique',
            attributes: { axis, sorted },
            inputs: [{ type, dims, constant }],
            outputs: [
              { type, dims: dims.with(axis, count) },
              { type: 'int64', dims: [count] },
              { type: 'int64', dims: [dims.at(axis)!] },
              { type: 'int64', dims: [count] },
            ],
          });
        yield make(0, [6], [2, 1, 1, 3, 4, 3], 4);
        yield make(0, [4, 2], [3, 1, 2, 9, 3, 1, 2, 8], 3);
        yield make(-1, [2, 4], [1, 1, 0, 1, 5, 4, 5, 5], 3);
        yield make(0, [0], [], 0);
      }
    }
  },
});

/** The slices that are equal, ascending, group by group in the order of y. */
function groupsOf(context: NodeContext<UniqueAttributes>, data: TypedArray): readonly (readonly number[])[] {
  const { type, dims } = requiredInput(context, 0);
  const axis = normalizeAxis(context, context.attributes.axis, dims.length);
  const count = dims[axis]!;
  const size = product(dims.toSpliced(axis, 1));
  if (size === 0 && count > 0) {
    throw nodeError('ERR_SHAPE', context.node, `expected slices that have elements, got shape ${shapeText(dims)}`);
  }
  const perm = [axis, ...[...dims.keys()].filter((i) => i !== axis)];
  const slices = axis === 0 ? data : permuted(type, data, dims, perm);
  const compare = (a: number, b: number) => {
    for (let i = 0; i < size; i++) {
      const order = compareElements(slices[a * size + i]!, slices[b * size + i]!);
      if (order !== 0) return order;
    }
    return 0;
  };
  const groups: number[][] = [];
  // A stable sort: slices that are equal stay ascending
  for (const slice of [...Array(count).keys()].sort(compare)) {
    const group = groups.at(-1);
    if (group !== undefined && compare(group[0]!, slice) === 0) group.push(slice);
    else groups.push([slice]);
  }
  return context.attributes.sorted ? groups : groups.sort((a, b) => a[0]! - b[0]!);
}

function compareElements(a: number | bigint, b: number | bigint): number {
  if (a < b) return -1;
  if (a > b) return 1;
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
}
