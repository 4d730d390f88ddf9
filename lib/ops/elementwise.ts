/** What operators that work element by element share: loops, broadcasting, and how quantized elements go through a function. */
import { quantizedRanges } from '../quant/qparams.js';
import { roundHalfAway, roundHalfEven } from '../rounding.js';
import type { DataType, Tensor } from '../tensor.js';
import type { TypedArray } from '../typed-array.js';
import {
  expectType,
  type NodeContext,
  nodeError,
  type Operand,
  type OutputShape,
  perTensor,
  type RunContext,
  requiredInput,
  type TensorQParams,
} from './op.js';
import { broadcast, broadcastStrides, checkedSize, product, sameShape } from './shapes.js';
import { allocate, inputData, outputTensor } from './storage.js';

export const quantizedTypes = ['int8', 'uint8', 'int16'] as const;
export const realTypes = ['float32', ...quantizedTypes] as const;
export const floatTypes = ['float32', 'float64'] as const;
export const signedTypes = [...floatTypes, 'int8', 'int16', 'int32', 'int64'] as const;
export const unsignedTypes = ['uint8', 'uint16', 'uint32', 'uint64'] as const;
/** Types of numbers, as they are where nothing is quantized. Integers wrap around. */
export const plainTypes = [...signedTypes, ...unsignedTypes] as const;

/** Of functions that have fixed-point rules for 8 bits alone, and through float32 are what they are for any type. */
export function functionTypes(numerics: NodeContext<unknown>['numerics']): readonly DataType[] {
  return numerics === 'onnx' ? quantizedTypes : ['int8', 'uint8'];
}

export function isQuantized(type: DataType): boolean {
  return (quantizedTypes as readonly DataType[]).includes(type);
}

/** Shape inference of an operator with one input and an output like it. For `plain`, see `checkedOperand`. */
export function inferUnary<A>(
  context: NodeContext<A>,
  types: readonly DataType[],
  plain: readonly DataType[] = [],
): readonly OutputShape[] {
  const x = checkedOperand(context, 0, types, plain);
  return [{ type: x.type, dims: x.dims }];
}

/** Shape inference of an operator with two inputs of one type that are broadcast; `type` of the output is theirs by default. */
export function inferBinary<A>(
  context: NodeContext<A>,
  types: readonly DataType[],
  { plain = [], type }: { readonly plain?: readonly DataType[]; readonly type?: DataType } = {},
): readonly OutputShape[] {
  const a = checkedOperand(context, 0, types, plain);
  const b = checkedOperand(context, 1, types, plain);
  if (a.type !== b.type) {
    throw nodeError('ERR_DTYPE', context.node, `expected two inputs of one type, got ${a.type} and ${b.type}`);
  }
  expectAllOrNoneQuantized(context, [a, b]);
  return [{ type: type ?? a.type, dims: broadcast(context.node, a.dims, b.dims) }];
}

/**
 * An input of one of the types; where it is of a type for quantized values, it is quantized as a whole. Without quantization
 * parameters it may be of a `plain` type as well: its integers are then meant as they stand.
 */
export function checkedOperand<A>(
  context: NodeContext<A>,
  index: number,
  types: readonly DataType[],
  plain: readonly DataType[] = [],
): Operand {
  const operand = requiredInput(context, index);
  const isPlain = operand.qparams === undefined;
  const accepted = [...types, ...plain.filter((type) => isPlain || !isQuantized(type))];
  expectType(context, operand, [...new Set(accepted)]);
  checkedSize(context.node, operand.dims);
  if (isQuantized(operand.type) && !(isPlain && plain.includes(operand.type))) perTensor(context, operand);
  return operand;
}

/**
 * Whether a node's elements stand for reals, by quantization parameters of its inputs and its output. ERR_QUANTIZATION where only
 * some have them.
 */
export function isQuantizedNode<A>(context: RunContext<A>): boolean {
  const operands = [...context.inputs, context.outputs[0]].filter((operand) => operand !== undefined);
  return expectAllOrNoneQuantized(context, operands);
}

function expectAllOrNoneQuantized<A>(context: NodeContext<A>, operands: readonly Operand[]): boolean {
  const candidates = operands.filter(({ type }) => isQuantized(type));
  if (candidates.every(({ qparams }) => qparams === undefined)) return false;
  for (const operand of candidates) perTensor(context, operand);
  return true;
}

/** The quantization of input 0 and of output 0. */
export function quantizations<A>(context: RunContext<A>): readonly [x: TensorQParams, y: TensorQParams] {
  return [perTensor(context, requiredInput(context, 0)), perTensor(context, context.outputs[0]!)];
}

export type Unary = (x: number) => number;
/** An element: a BigInt where the type has 64-bit integers. */
export type Element = number | bigint;

/** Whether elements are BigInts. */
export function isWide(type: DataType): boolean {
  return type === 'int64' || type === 'uint64';
}

/** Clamps elements to bounds, which are integers, or infinite, for types of integers. NaN stays. */
export function clampBetween(type: DataType, low: number, high: number): (x: Element) => Element {
  if (!isWide(type)) return (x) => Math.min(Math.max(x as number, low), high);
  const [least, most] = [low, high].map((bound) => (Number.isFinite(bound) ? BigInt(bound) : bound)) as [Element, Element];
  return (x) => {
    if (most < least || x > most) return most;
    if (x < least) return least;
    return x;
  };
}

/** f of each element of input 0; elements of 64-bit types are BigInts. Of 8-bit elements there are 256, each computed once. */
export function mapUnary<A, E extends Element = number>(context: RunContext<A>, f: (x: E) => Element): readonly Tensor[] {
  const x = inputData(context, 0);
  const y = allocate(context.outputs[0]!.type, x.length) as { [index: number]: Element } & TypedArray;
  const g = (x.BYTES_PER_ELEMENT === 1 && x.length > 256 ? tabulate(f as Unary, x) : f) as (x: number | bigint) => Element;
  for (let i = 0; i < x.length; i++) y[i] = g(x[i]!);
  return [outputTensor(context, 0, y)];
}

function tabulate(f: Unary, like: TypedArray): Unary {
  const isSigned = like instanceof Int8Array;
  const table = Float64Array.from({ length: 256 }, (_, i) => f(isSigned ? (i << 24) >> 24 : i));
  return (x) => table[x & 255]!;
}

/** f of each pair of elements of inputs 0 and 1 after broadcasting. Elements of 64-bit types are BigInts. */
export function mapBinary<A, E extends Element = number>(
  context: RunContext<A>,
  f: (a: E, b: E) => Element,
): readonly Tensor[] {
  const { dims, type } = context.outputs[0]!;
  const a = broadcastData(context, 0, dims) as unknown as ArrayLike<E>;
  const b = broadcastData(context, 1, dims) as unknown as ArrayLike<E>;
  const y = allocate(type, product(dims)) as { [index: number]: Element } & TypedArray;
  for (let i = 0; i < y.length; i++) y[i] = f(a[i]!, b[i]!);
  return [outputTensor(context, 0, y)];
}

/** The elements of an input in the shape `to`, repeated where it was broadcast. Not a copy where nothing repeats. */
export function broadcastData<A>(context: RunContext<A>, index: number, to: readonly number[]): TypedArray {
  const data = inputData(context, index);
  const { type, dims } = context.inputs[index]!;
  if (sameShape(dims, to)) return data;
  const result = allocate(type, product(to));
  const steps = broadcastStrides(dims, to);
  const position = new Array<number>(to.length).fill(0);
  let offset = 0;
  for (let i = 0; i < result.length; i++) {
    result[i] = data[offset]!;
    for (let axis = to.length - 1; axis >= 0; axis--) {
      offset += steps[axis]!;
      if (++position[axis]! < to[axis]!) break;
      offset -= steps[axis]! * to[axis]!;
      position[axis] = 0;
    }
  }
  return result;
}

/** float32(scale · (q - zeroPoint)), which TFLite and ONNX agree on. */
export function dequantizer({ scale, zeroPoint }: TensorQParams): Unary {
  const s = Math.fround(scale);
  return (q) => Math.fround(s * Math.fround(q - zeroPoint));
}

/** float32 to the integers of `output`: x / scale in float32, half to even for `onnx`, else half away; NaN is a real 0. */
export function quantizer({ dtype, scale, zeroPoint }: TensorQParams, numerics: NodeContext<unknown>['numerics']): Unary {
  const [min, max] = quantizedRanges[dtype];
  const s = Math.fround(scale);
  const round = numerics === 'onnx' ? roundHalfEven : roundHalfAway;
  return (x) => {
    // Clamped to integers first, rounding cannot leave the range, and the sum is the one that clamping last would give
    const quotient = Math.min(Math.max(Math.fround(x / s), min - zeroPoint), max - zeroPoint);
    return Number.isNaN(quotient) ? zeroPoint : round(quotient) + zeroPoint;
  };
}

/**
 * A real function on quantized elements, for operators without a fixed-point rule. TFLite's lookup tables multiply by the
 * inverse scale instead of dividing: round half away(f32(f(x)) · f32(1 / scale)) + zero point.
 */
export function throughFloat<A>(context: RunContext<A>, f: Unary): Unary {
  const [x, y] = quantizations(context);
  const dequantize = dequantizer(x);
  const real: Unary = (q) => Math.fround(f(dequantize(q)));
  if (context.numerics === 'onnx') {
    const quantize = quantizer(y, 'onnx');
    return (q) => quantize(real(q));
  }
  const [min, max] = quantizedRanges[y.dtype];
  const inverse = Math.fround(1 / y.scale);
  return (q) => {
    const rescaled = Math.min(Math.max(Math.fround(real(q) * inverse), min - y.zeroPoint), max - y.zeroPoint);
    return Number.isNaN(rescaled) ? y.zeroPoint : roundHalfAway(rescaled) + y.zeroPoint;
  };
}

/** A real function of two quantized elements in float32, as `onnx` numerics have it. */
export function binaryThroughFloat<A>(
  context: RunContext<A>,
  f: (a: number, b: number) => number,
): (a: number, b: number) => number {
  const a = dequantizer(perTensor(context, requiredInput(context, 0)));
  const b = dequantizer(perTensor(context, requiredInput(context, 1)));
  const quantize = quantizer(perTensor(context, context.outputs[0]!), 'onnx');
  return (p, q) => quantize(Math.fround(f(a(p), b(q))));
}
