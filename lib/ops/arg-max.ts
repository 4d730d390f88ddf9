/**
 * ArgMax, ArgMin: where the largest or smallest element is along `axis`, of equals the first, or with `selectLast` the last. That
 * dimension is left out, or with `keepDims` becomes 1.
 */
import type { TypedArray } from '../typed-array.js';
import { affine, caseGraph } from './cases.js';
import { defineOp, expectType, nodeError, type Op, requiredInput } from './op.js';
import { normalizeAxis, product } from './shapes.js';
import { allocate, inputData, outputTensor } from './storage.js';

export interface ArgMaxAttributes {
  readonly axis: number;
  readonly to: 'int32' | 'int64';
  readonly keepDims: boolean;
  readonly selectLast: boolean;
}

const floatTypes = ['float32', 'float64'] as const;
const integerTypes = ['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64', 'bool'] as const;
const types = [...floatTypes, ...integerTypes] as const;

export const argMax = defineArg('ArgMax', (candidate, best) => candidate > best);
export const argMin = defineArg('ArgMin', (candidate, best) => candidate < best);

function defineArg(name: string, isBetter: (candidate: number | bigint, best: number | bigint) => boolean): Op {
  return defineOp<ArgMaxAttributes>({
    name,
    inputs: [1, 1],
    outputs: [1, 1],
    parse: (attributes) => ({
      axis: attributes.integer('axis', -(2 ** 31), 2 ** 31 - 1),
      to: attributes.oneOf('to', ['int32', 'int64'], 'int64'),
      keepDims: attributes.boolean('keepDims', false),
      selectLast: attributes.boolean('selectLast', false),
    }),
    infer(context) {
      const x = requiredInput(context, 0);
      expectType(context, x, types);
      const axis = normalizeAxis(context, context.attributes.axis, x.dims.length);
      if (x.dims[axis] === 0)
        throw nodeError('ERR_SHAPE', context.node, `expected at least 1 element along axis ${axis}, got 0`);
      const dims = context.attributes.keepDims ? x.dims.with(axis, 1) : x.dims.toSpliced(axis, 1);
      return [{ type: context.attributes.to, dims }];
    },
    run(context) {
      const x = inputData(context, 0);
      const { selectLast } = context.attributes;
      const { dims } = context.inputs[0]!;
      const axis = normalizeAxis(context, context.attributes.axis, dims.length);
      const inner = product(dims.slice(axis + 1));
      const size = dims[axis]!;
      const y = allocate(context.attributes.to, x.length / size) as { [index: number]: number | bigint } & TypedArray;
      for (let i = 0; i < y.length; i++) {
        const start = Math.floor(i / inner) * size * inner + (i % inner);
        let best = 0;
        for (let k = 1; k < size; k++) {
          const [candidate, other] = [x[start + k * inner]!, x[start + best * inner]!];
          if (isBetter(candidate, other) || (selectLast && candidate === other)) best = k;
        }
        y[i] = context.attributes.to === 'int64' ? BigInt(best) : best;
      }
      return [outputTensor(context, 0, y)];
    },
    *cases() {
      for (const type of types) {
        const qparams = type === 'int8' || type === 'uint8' || type === 'int16' ? { qparams: affine(type, 0.1) } : {};
        for (const [axis, dims] of [
          [0, [3, 21]],
          [1, [2, 21]],
          [-1, [2, 3]],
        ] as const) {
          for (const to of ['int32', 'int64'] as const) {
            const inputs = [{ type, dims: [2, 3, 21], ...qparams }];
            yield caseGraph({ op: name, attributes: { axis, to }, inputs, outputs: [{ type: to, dims }] });
          }
        }
      }
      const inputs = [{ type: 'int32', dims: [2, 9, 3], range: [0, 2] } as const];
      for (const selectLast of [false, true]) {
        const attributes = { axis: 1, keepDims: true, selectLast };
        yield caseGraph({ op: name, attributes, inputs, outputs: [{ type: 'int64', dims: [2, 1, 3] }] });
      }
    },
  });
}
