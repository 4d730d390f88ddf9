/** What reductions share: axes, the output's shape, and the walk over the input with the place where each element goes. */
import type { DataType } from '../tensor.js';
import type { TypedArray } from '../typed-array.js';
import { type AttributeReader, expectType, type NodeContext, type OutputShape, perTensor, requiredInput } from './op.js';
import { checkedSize, normalizeAxis, product, strides } from './shapes.js';
import { constantIntegers } from './storage.js';

export interface ReductionAttributes {
  /** From -rank to rank - 1, repetitions allowed. A second input, which is constant, takes their place. */
  readonly axes: readonly number[];
  readonly keepDims: boolean;
  /** Whether no axes are all of them, as ONNX has it, or none (TFLite): then each element is reduced by itself. */
  readonly allByDefault: boolean;
  /** Of all by default, the first: 2 leaves the batch and the channels of [N, C, ...]. */
  readonly defaultFrom: number;
}

export interface InferredReduction {
  /** 8- and 16-bit elements may be plain integers instead of quantized ones: nothing is computed with them. */
  readonly plainIntegers?: boolean;
}

const maxRank = 32;

export function parseReduction(attributes: AttributeReader): ReductionAttributes {
  return {
    axes: attributes.integers('axes', -maxRank, maxRank - 1, []),
    keepDims: attributes.boolean('keepDims', false),
    allByDefault: attributes.boolean('allByDefault', false),
    defaultFrom: attributes.integer('defaultFrom', 0, maxRank, 0),
  };
}

export function inferReduction(
  context: NodeContext<ReductionAttributes>,
  types: readonly DataType[],
  { plainIntegers = false }: InferredReduction = {},
): readonly OutputShape[] {
  const x = requiredInput(context, 0);
  expectType(context, x, types);
  const isShort = x.type === 'int8' || x.type === 'uint8' || x.type === 'int16';
  if (isShort && !(plainIntegers && x.qparams === undefined)) perTensor(context, x);
  checkedSize(context.node, x.dims);
  const reduced = reducedAxes(context, x.dims.length);
  const kept = x.dims.map((dim, i) => (reduced.has(i) ? 1 : dim));
  const dims = context.attributes.keepDims ? kept : kept.filter((_, i) => !reduced.has(i));
  return [{ type: x.type, dims }];
}

/** From 0 on, each once. */
export function reducedAxes(
  context: Pick<NodeContext<ReductionAttributes>, 'node' | 'attributes' | 'inputs' | 'numerics'>,
  rank: number,
): ReadonlySet<number> {
  const axes = context.inputs[1] === undefined ? context.attributes.axes : constantIntegers(context, context.inputs[1]);
  const { allByDefault, defaultFrom } = context.attributes;
  if (axes.length === 0 && allByDefault) return new Set([...Array(rank).keys()].filter((axis) => axis >= defaultFrom));
  return new Set(axes.map((axis) => normalizeAxis(context, axis, rank)));
}

export type Sums = Int32Array | Float64Array | BigInt64Array;
type Numbers = Exclude<TypedArray, BigInt64Array | BigUint64Array>;

export interface Reduction {
  /** Input elements for each output element. */
  readonly count: number;
  readonly outputs: number;
  /** Calls `reduce` for runs along the last dimension: `length` elements from `start` on go to `to`, `to + step`, ... */
  forEachRun(reduce: (start: number, length: number, to: number, step: 0 | 1) => void): void;
}

export function reductionOf(context: NodeContext<ReductionAttributes>): Reduction {
  const { dims } = context.inputs[0]!;
  const reduced = reducedAxes(context, dims.length);
  const outputDims = dims.map((dim, i) => (reduced.has(i) ? 1 : dim));
  const steps = strides(outputDims).map((stride, i) => (reduced.has(i) ? 0 : stride));
  const length = dims.at(-1) ?? 1;
  const forEachRun: Reduction['forEachRun'] = (reduce) => {
    const index = new Array<number>(dims.length).fill(0);
    const size = product(dims);
    for (let start = 0, to = 0; start < size; start += length) {
      reduce(start, length, to, (steps.at(-1) ?? 0) as 0 | 1);
      for (let axis = dims.length - 2; axis >= 0; axis--) {
        index[axis] = index[axis]! + 1;
        to += steps[axis]!;
        if (index[axis]! < dims[axis]!) break;
        to -= steps[axis]! * dims[axis]!;
        index[axis] = 0;
      }
    }
  };
  return { count: product(dims.filter((_, i) => reduced.has(i))), outputs: product(outputDims), forEachRun };
}

/** The sum for each output: int64 of 64-bit integers and int32 of others, wrapping; float64 of floats. */
export function sumsOf({ outputs, forEachRun }: Reduction, x: TypedArray): Sums {
  // Both are numbers or both are BigInts
  const values = x as Numbers;
  const sums = sumsFor(x, outputs) as Float64Array;
  forEachRun((start, length, to, step) => {
    for (let i = 0; i < length; i++) sums[to + i * step] = sums[to + i * step]! + values[start + i]!;
  });
  return sums;
}

function sumsFor(x: TypedArray, outputs: number): Sums {
  if (x instanceof BigInt64Array || x instanceof BigUint64Array) return new BigInt64Array(outputs);
  // Quantized int16 is summed as it is, not modulo 2^32
  const isExact = x instanceof Float32Array || x instanceof Float64Array || x instanceof Int16Array;
  return isExact ? new Float64Array(outputs) : new Int32Array(outputs);
}
