/**
 * ReduceMax, ReduceMin: x -> y, the largest or smallest over `axes`. Integers are compared as they are. Of nothing it is what
 * changes no other: the type's lowest value for ReduceMax and its highest for ReduceMin. A NaN makes the result NaN.
 */
import type { DataType } from '../tensor.js';
import type { TypedArray } from '../typed-array.js';
import { affine, caseGraph } from './cases.js';
import { defineOp, type Op, type OpCase } from './op.js';
import { expectSameQParams } from './pooling.js';
import { inferReduction, parseReduction, type ReductionAttributes, reductionOf } from './reduction.js';
import { allocate, inputData, outputTensor } from './storage.js';

type Element = number | bigint;
type Choice = (a: Element, b: Element) => Element;
type Order = (a: Element, b: Element) => boolean;

const limits: Readonly<Partial<Record<DataType, readonly [lowest: Element, highest: Element]>>> = {
  float32: [-Infinity, Infinity],
  float64: [-Infinity, Infinity],
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  bool: [0, 1],
};
const types = Object.keys(limits) as DataType[];

export const reduceMax = defineExtremum('ReduceMax', 0, Math.max, (a, b) => a > b);
export const reduceMin = defineExtremum('ReduceMin', 1, Math.min, (a, b) => a < b);

function defineExtremum(name: string, limit: 0 | 1, ofNumbers: (a: number, b: number) => number, isBetter: Order): Op {
  return defineOp<ReductionAttributes>({
    name,
    inputs: [1, 2],
    outputs: [1, 1],
    parse: parseReduction,
    infer: (context) => inferReduction(context, types, { plainIntegers: true }),

    run(context) {
      const { type } = context.outputs[0]!;
      if (context.inputs[0]!.qparams !== undefined) expectSameQParams(context);
      const x = inputData(context, 0) as ArrayLike<Element>;
      const { outputs, forEachRun } = reductionOf(context);
      const y = allocate(type, outputs) as { [index: number]: Element } & TypedArray;
      (y.fill as (value: Element) => void)(limits[type]![limit]);
      const isLong = type === 'int64' || type === 'uint64';
      const pick = isLong ? (a: Element, b: Element) => (isBetter(a, b) ? a : b) : (ofNumbers as Choice);
      forEachRun((start, length, to, step) => {
        for (let i = 0; i < length; i++) y[to + i * step] = pick(y[to + i * step]!, x[start + i]!);
      });
      return [outputTensor(context, 0, y)];
    },

    cases: () => cases(name),
  });
}

function* cases(op: string): Iterable<OpCase> {
  const shapes = [
    { x: [2, 5, 3, 6], y: [2, 6], attributes: { axes: [1, 2] } },
    { x: [3, 6], y: [3, 1], attributes: { axes: [-1], keepDims: true } },
    { x: [4], y: [], attributes: { axes: [0] } },
    { x: [3, 5], y: [], attributes: { allByDefault: true } },
    { x: [2, 0, 4], y: [2, 4], attributes: { axes: [1] } },
  ] as const;
  for (const { x, y, attributes } of shapes) {
    for (const type of ['int8', 'uint8', 'int16'] as const) {
      const qparams = affine(type, 0.05, 0);
      yield caseGraph({ op, attributes, inputs: [{ type, dims: x, qparams }], outputs: [{ type, dims: y, qparams }] });
    }
    for (const type of types) {
      yield caseGraph({ op, attributes, inputs: [{ type, dims: x }], outputs: [{ type, dims: y }] });
    }
  }
  const axes = { type: 'int64', dims: [1], constant: [0] } as const;
  yield caseGraph({ op, inputs: [{ type: 'int32', dims: [4, 5] }, axes], outputs: [{ type: 'int32', dims: [5] }] });
}
