/**
 * Reductions over `axes` of a function of each element: x -> y
 *
 *     ReduceProd  Π x          ReduceL1         Σ |x|        ReduceLogSum     log Σ x
 *     ReduceL2    √Σ x²        ReduceSumSquare  Σ x²         ReduceLogSumExp  log Σ e^x
 *
 * Floats are reduced in float64 and rounded once. Integers: products and sums are exact and wrap; √ and log are computed in
 * float64 and cut toward zero.
 */
import type { DataType } from '../tensor.js';
import type { TypedArray } from '../typed-array.js';
import { caseGraph } from './cases.js';
import { defineOp, type Op, type RunContext } from './op.js';
import { inferReduction, parseReduction, type Reduction, type ReductionAttributes, reductionOf } from './reduction.js';
import { allocate, inputData, outputTensor } from './storage.js';

interface Reducer {
  readonly initial: number;
  readonly step: (total: number, x: number) => number;
  readonly finish?: (total: number) => number;
  /** The same of integers, where it can be exact. */
  readonly integerStep?: (total: bigint, x: bigint) => bigint;
}

const types = ['float32', 'float64', 'int32', 'uint32', 'int64', 'uint64'] as const;

export const reduceProd = defineReduction('ReduceProd', {
  initial: 1,
  step: (total, x) => total * x,
  integerStep: (total, x) => total * x,
});
export const reduceL1 = defineReduction('ReduceL1', {
  initial: 0,
  step: (total, x) => total + Math.abs(x),
  integerStep: (total, x) => total + (x < 0n ? -x : x),
});
export const reduceL2 = defineReduction('ReduceL2', { initial: 0, step: (total, x) => total + x * x, finish: Math.sqrt });
export const reduceSumSquare = defineReduction('ReduceSumSquare', {
  initial: 0,
  step: (total, x) => total + x * x,
  integerStep: (total, x) => total + x * x,
});
export const reduceLogSum = defineReduction('ReduceLogSum', { initial: 0, step: (total, x) => total + x, finish: Math.log });
export const reduceLogSumExp = defineOp<ReductionAttributes>({
  ...header('ReduceLogSumExp'),
  run: (context) => reduceReals(context, logSumExp),
});

function header(name: string) {
  return {
    name,
    inputs: [1, 2],
    outputs: [1, 1],
    parse: parseReduction,
    infer: (context: Parameters<typeof inferReduction>[0]) => inferReduction(context, types),
    *cases() {
      const shapes = [
        { x: [2, 5, 3, 6], y: [2, 6], attributes: { axes: [1, 2] } },
        { x: [3, 6], y: [3, 1], attributes: { axes: [-1], keepDims: true } },
        { x: [2, 3], y: [1, 1], attributes: { keepDims: true, allByDefault: true } },
        { x: [2, 3], y: [2, 3], attributes: {} },
        { x: [2, 0], y: [2], attributes: { axes: [1] } },
      ] as const;
      for (const { x, y, attributes } of shapes) {
        for (const type of types) {
          const range = type.startsWith('float') ? ([0.1, 3] as const) : ([1, 5] as const);
          yield caseGraph({ op: name, attributes, inputs: [{ type, dims: x, range }], outputs: [{ type, dims: y }] });
        }
      }
      const range = [0.1, 3] as const;
      const inputs = [{ type: 'float32', dims: [4, 5], range } as const, { type: 'int64', dims: [1], constant: [-2] } as const];
      yield caseGraph({ op: name, inputs, outputs: [{ type: 'float32', dims: [5] }] });
    },
  } as const;
}

function defineReduction(name: string, reducer: Reducer): Op {
  return defineOp<ReductionAttributes>({
    ...header(name),
    run(context) {
      const { integerStep } = reducer;
      const isFloat = context.outputs[0]!.type.startsWith('float');
      if (!isFloat && integerStep !== undefined) return reduceIntegers(context, BigInt(reducer.initial), integerStep);
      return reduceReals(context, (reduction, x) => totals(reduction, x, reducer));
    },
  });
}

function totals({ outputs, forEachRun }: Reduction, x: Float64Array, reducer: Reducer): Float64Array {
  const { initial, step, finish } = reducer;
  const result = new Float64Array(outputs).fill(initial);
  forEachRun((start, length, to, stride) => {
    for (let i = 0; i < length; i++) result[to + i * stride] = step(result[to + i * stride]!, x[start + i]!);
  });
  return finish === undefined ? result : result.map(finish);
}

/** max + log Σ e^(x - max), which neither overflows nor vanishes; an infinite max is the result. */
function logSumExp({ outputs, forEachRun }: Reduction, x: Float64Array): Float64Array {
  const largest = new Float64Array(outputs).fill(-Infinity);
  forEachRun((start, length, to, step) => {
    for (let i = 0; i < length; i++) largest[to + i * step] = Math.max(largest[to + i * step]!, x[start + i]!);
  });
  const sums = new Float64Array(outputs);
  forEachRun((start, length, to, step) => {
    for (let i = 0; i < length; i++) sums[to + i * step]! += Math.exp(x[start + i]! - largest[to + i * step]!);
  });
  return sums.map((sum, i) => (Math.abs(largest[i]!) === Infinity ? largest[i]! : largest[i]! + Math.log(sum)));
}

function reduceReals(
  context: RunContext<ReductionAttributes>,
  reduce: (reduction: Reduction, x: Float64Array) => Float64Array,
) {
  const { type } = context.outputs[0]!;
  const x = inputData(context, 0) as Float64Array;
  const isLong = type === 'int64' || type === 'uint64';
  const result = reduce(reductionOf(context), isLong ? Float64Array.from(x, Number) : x);
  const y = allocate(type, result.length);
  // The logarithm of 0 has no integer: 0 then
  for (let i = 0; i < y.length; i++)
    y[i] = isLong ? BigInt(Number.isFinite(result[i]!) ? Math.trunc(result[i]!) : 0) : result[i]!;
  return [outputTensor(context, 0, y)];
}

function reduceIntegers(context: RunContext<ReductionAttributes>, initial: bigint, step: (total: bigint, x: bigint) => bigint) {
  const { type } = context.outputs[0]! as { readonly type: DataType };
  const x = inputData(context, 0) as ArrayLike<number | bigint>;
  const { outputs, forEachRun } = reductionOf(context);
  const result = new BigInt64Array(outputs).fill(initial); // wraps, so numbers stay short
  forEachRun((start, length, to, stride) => {
    for (let i = 0; i < length; i++) result[to + i * stride] = step(result[to + i * stride]!, BigInt(x[start + i]!));
  });
  const y = allocate(type, outputs) as { [index: number]: number | bigint } & TypedArray;
  const isLong = type === 'int64' || type === 'uint64';
  for (let i = 0; i < outputs; i++) y[i] = isLong ? result[i]! : Number(BigInt.asIntN(32, result[i]!));
  return [outputTensor(context, 0, y)];
}
