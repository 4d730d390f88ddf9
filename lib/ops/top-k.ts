/**
 * TopK: x, k -> values, indices (int64): the k largest elements along `axis`, or smallest, in order; of equals the one that comes
 * first. With `sorted` false ONNX leaves the order open: it is the same. NaN counts as larger than all numbers.
 */
import type { TypedArray } from '../typed-array.js';
import { caseGraph } from './cases.js';
import { defineOp, expectType, nodeError, requiredInput } from './op.js';
import { checkedSize, normalizeAxis, product } from './shapes.js';
import { allocate, constantIntegers, inputData, outputTensor } from './storage.js';

export interface TopKAttributes {
  readonly axis: number;
  readonly largest: boolean;
}

type Element = number | bigint;

const types = ['float32', 'float64', 'int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64'] as const;
const maxRank = 32;

export const topK = defineOp<TopKAttributes>({
  name: 'TopK',
  inputs: [2, 2],
  outputs: [1, 2],
  parse: (attributes) => ({
    axis: attributes.integer('axis', -maxRank, maxRank - 1, -1),
    largest: attributes.boolean('largest', true),
  }),
  infer(context) {
    const [x, count] = [requiredInput(context, 0), requiredInput(context, 1)];
    expectType(context, x, types);
    checkedSize(context.node, x.dims);
    const axis = normalizeAxis(context, context.attributes.axis, x.dims.length);
    const [k, ...others] = constantIntegers(context, count);
    if (k === undefined || others.length > 0 || k < 0 || k > x.dims[axis]!) {
      const found = others.length > 0 ? `${others.length + 1} values` : (k ?? 'none');
      throw nodeError('ERR_SHAPE', context.node, `expected one k from 0 to ${x.dims[axis]} in ${count.name}, got ${found}`);
    }
    const dims = x.dims.with(axis, k);
    const outputs = [{ type: x.type, dims } as const, { type: 'int64', dims } as const];
    return outputs.slice(0, context.node.outputs.length);
  },
  run(context) {
    const { dims, type } = context.inputs[0]!;
    const axis = normalizeAxis(context, context.attributes.axis, dims.length);
    const x = inputData(context, 0) as ArrayLike<Element>;
    const [length, inner, k] = [dims[axis]!, product(dims.slice(axis + 1)), context.outputs[0]!.dims[axis]!];
    const rows = x.length === 0 ? 0 : x.length / length;
    const values = allocate(type, rows * k) as { [index: number]: Element } & TypedArray;
    const indices = new BigInt64Array(rows * k);
    const order = new Uint32Array(length);
    for (let row = 0; row < rows; row++) {
      const [outer, at] = [Math.floor(row / inner), row % inner];
      const start = outer * length * inner + at;
      for (let i = 0; i < length; i++) order[i] = i;
      order.sort((a, b) => compare(x[start + a * inner]!, x[start + b * inner]!, context.attributes.largest) || a - b);
      for (let i = 0; i < k; i++) {
        const to = (outer * k + i) * inner + at;
        values[to] = x[start + order[i]! * inner]!;
        indices[to] = BigInt(order[i]!);
      }
    }
    const results = [outputTensor(context, 0, values)];
    return context.outputs.length === 1 ? results : [...results, outputTensor(context, 1, indices)];
  },
  *cases() {
    for (const [axis, dims, k, to] of [
      [-1, [2, 7], 3, [2, 3]],
      [1, [2, 6, 3], 6, [2, 6, 3]],
      [0, [5], 0, [0]],
    ] as const) {
      for (const type of types) {
        const count = { type: 'int64', dims: [1], constant: [k] } as const;
        for (const largest of [true, false]) {
          // Few values, so that some are equal
          const inputs = [{ type, dims, ...(type.startsWith('float') ? {} : { range: [0, 3] as const }) }, count];
          const outputs = [{ type, dims: to } as const, { type: 'int64', dims: to } as const];
          yield caseGraph({ op: 'TopK', attributes: { axis, largest }, inputs, outputs });
          if (type === 'float32')
            yield caseGraph({ op: 'TopK', attributes: { axis, largest }, inputs, outputs: [outputs[0]!] });
        }
      }
    }
  },
});

/** Negative where a comes before b. */
function compare(a: Element, b: Element, largest: boolean): number {
  const order = a < b ? -1 : a > b ? 1 : Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return largest ? -order : order;
}
