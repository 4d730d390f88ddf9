/** Operators on integers, and on float64, as they stand: native/ops/{arithmetic,select,cast}.cc. */
import type { ClipAttributes } from '../../ops/clip.js';
import { isQuantized, isWide } from '../../ops/elementwise.js';
import { integerRange } from '../../ops/integers.js';
import type { Operand } from '../../ops/op.js';
import { type Activation, activationBounds } from '../../ops/output-stage.js';
import { product } from '../../ops/shapes.js';
import { allocate } from '../../ops/storage.js';
import type { DataType } from '../../tensor.js';
import { broadcastShape, elementCode } from './elements.js';
import {
  defineLowering,
  type Lowering,
  type LoweringContext,
  type Lowerings,
  type NativeStep,
  type StepOf,
} from './lowering.js';

/** In the order of ArithmeticOp. */
const ops = [
  ...['Add', 'Sub', 'Mul', 'Div', 'FloorDiv', 'Mod', 'Fmod', 'Maximum', 'Minimum'],
  ...['BitwiseAnd', 'BitwiseOr', 'BitwiseXor', 'ShiftLeft', 'ShiftRight'],
  ...['Equal', 'NotEqual', 'Less', 'LessEqual', 'Greater', 'GreaterEqual'],
];
/** Of two 8- or 16-bit tensors with one scale and zero point, the integers are compared. */
const ignoresQuantization: ReadonlySet<string> = new Set(['Maximum', 'Minimum']);
const activation: Lowerings = {
  Relu: (step, context) => clamp(step, context, 0, Infinity),
  Relu6: (step, context) => clamp(step, context, 0, 6),
  ReluN1To1: (step, context) => clamp(step, context, -1, 1),
};

export const arithmeticLowerings: Lowerings = {
  ...Object.fromEntries(ops.map((op) => [op, lowerArithmetic satisfies Lowering])),
  ...activation,
  Select: (step, context) => {
    const [condition, a, b] = step.inputs as readonly [Operand, Operand, Operand];
    const y = step.outputs[0]!;
    const shape = broadcastShape(y.dims, [condition, a, b]);
    if (shape === undefined) return undefined;
    const [conditionStrides, aStrides, bStrides] = shape.strides as [Int32Array, Int32Array, Int32Array];
    const places = { condition: context.place(condition), a: context.place(a), b: context.place(b), y: context.place(y) };
    const fields = { ...places, type: elementCode(y.type), dims: shape.dims, conditionStrides, aStrides, bStrides };
    return [{ kind: 'select', fields }];
  },
  Cast: lowerCast,
  CastLike: lowerCast,
  Clip: defineLowering<ClipAttributes>((step, context) => clamp(step, context, step.attributes.min, step.attributes.max)),
  Neg: (step, context) => {
    const { type } = step.inputs[0]!;
    // A product has the sign that a difference from 0 has not
    if (type === 'float64') return fromConstant(step, context, 'Mul', -1, false);
    return fromConstant(step, context, 'Sub', 0, true);
  },
  BitwiseNot: (step, context) => {
    const { type } = step.inputs[0]!;
    return fromConstant(step, context, 'BitwiseXor', type.startsWith('u') ? Number(integerRange(type)[1]) : -1, false);
  },
  Square: (step, context) => {
    const [x, y] = [step.inputs[0]!, step.outputs[0]!];
    return isPlain(step) ? elementwise(context, 'Mul', { type: x.type, dims: y.dims }, [x, x], context.place(y)) : undefined;
  },
};

/** Whether elements are integers as they stand, or float64. */
function isPlain({ inputs, outputs }: StepOf<unknown>): boolean {
  const operands = [...inputs, outputs[0]].filter((operand) => operand !== undefined);
  return operands.every(({ type, qparams }) => !isQuantized(type) || qparams === undefined);
}

function lowerArithmetic(step: StepOf<unknown>, context: LoweringContext): readonly NativeStep[] | undefined {
  const { node, inputs, outputs, attributes } = step;
  const [a, b, y] = [inputs[0]!, inputs[1]!, outputs[0]!];
  if (a.type === 'float16' || a.type === 'string' || !(isPlain(step) || ignoresQuantization.has(node.op))) return undefined;
  const activation = (attributes as { readonly activation?: Activation }).activation ?? 'none';
  const [low, high] = activationBounds[activation];
  const bounds = activation === 'none' ? {} : { lo: Math.max(low, -(2 ** 31)), hi: Math.min(high, 2 ** 31 - 1) };
  return elementwise(context, node.op, { type: a.type, dims: y.dims }, [a, b], context.place(y), bounds);
}

/** What stands on one side: an operand of the graph, or one number. */
type Side = Operand | { readonly place: number; readonly dims: readonly number[] };

function elementwise(
  context: LoweringContext,
  op: string,
  { type, dims }: { readonly type: DataType; readonly dims: readonly number[] },
  sides: readonly [Side, Side],
  y: number,
  bounds: Readonly<Record<string, number>> = {},
): readonly NativeStep[] | undefined {
  const shape = broadcastShape(dims, sides);
  if (shape === undefined) return undefined;
  const [a, b] = sides.map((side) => ('place' in side ? side.place : context.place(side))) as [number, number];
  const [aStrides, bStrides] = shape.strides as [Int32Array, Int32Array];
  const fields = { op: ops.indexOf(op), type: elementCode(type), a, b, y, dims: shape.dims, aStrides, bStrides, ...bounds };
  return [{ kind: 'arithmetic', fields }];
}

function number(context: LoweringContext, type: DataType, value: number): Side {
  const data = allocate(type, 1);
  if (isWide(type)) (data as BigInt64Array)[0] = BigInt(value);
  else (data as Float64Array)[0] = value;
  return { place: context.constant(data), dims: [] };
}

/** x op value, or value op x. Of types that have no form of their own. */
function fromConstant(step: StepOf<unknown>, context: LoweringContext, op: string, value: number, isFirst: boolean) {
  const [x, y] = [step.inputs[0]!, step.outputs[0]!];
  if (!isPlain(step) || x.type === 'float32' || x.type === 'float16') return undefined;
  // -1 of an unsigned type of 64 bits is no double
  const one = number(context, x.type, x.type === 'uint64' && op === 'BitwiseXor' ? -1 : value);
  return elementwise(context, op, { type: x.type, dims: y.dims }, isFirst ? [one, x] : [x, one], context.place(y));
}

/** min(max(x, low), high): the second step works in place. */
function clamp(step: StepOf<unknown>, context: LoweringContext, low: number, high: number): readonly NativeStep[] | undefined {
  const [x, y] = [step.inputs[0]!, step.outputs[0]!];
  const { type } = x;
  if (!isPlain(step) || type === 'float32' || type === 'float16') return undefined;
  const isReal = type === 'float64';
  const [least, most] = isReal ? [-Infinity, Infinity] : integerRange(type).map(Number);
  const own: readonly NativeStep[][] = [
    ...(low > least! ? [['Maximum', low] as const] : []),
    ...(high < most! ? [['Minimum', high] as const] : []),
  ].map(([op, bound], i) => {
    const place = i === 0 ? context.place(x) : context.place(y);
    return [...elementwise(context, op, y, [{ place, dims: y.dims }, number(context, type, bound)], context.place(y))!];
  });
  if (own.length > 0) return own.flat();
  const code = elementCode(type);
  const fields = { x: context.place(x), y: context.place(y), from: code, to: code, count: product(x.dims) };
  return [{ kind: 'cast', fields }];
}

function lowerCast(step: StepOf<unknown>, context: LoweringContext): readonly NativeStep[] | undefined {
  const [x, y] = [step.inputs[0]!, step.outputs[0]!];
  const places = { x: context.place(x), y: context.place(y) };
  const fields = { ...places, from: elementCode(x.type), to: elementCode(y.type), count: product(x.dims) };
  return [{ kind: 'cast', fields }];
}
