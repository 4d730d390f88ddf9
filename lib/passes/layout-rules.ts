/** Which operators can work in another order of their dimensions, and what they then have to be told. */
import type { Attributes, Node } from '../graph/graph.js';

/** Each element of the output comes from the elements of the inputs that stand in its place, after broadcasting. */
export const elementwise: ReadonlySet<string> = new Set(
  (
    'Abs Acos Acosh Add Asin Asinh Atan Atanh BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Cast CastLike Ceil Celu Clip Cos Cosh ' +
    'Dequantize Div Elu Equal Erf ErfGelu Exp Floor FloorDiv Fmod Gelu Greater GreaterEqual HardSigmoid HardSwish Identity IsInf IsNaN ' +
    'LeakyRelu Less LessEqual Log LogicalAnd LogicalNot LogicalOr Logistic Maximum Minimum Mish Mod Mul Neg NotEqual PRelu Pow ' +
    'Quantize Reciprocal Reinterpret Relu Relu6 ReluN1To1 Round Rsqrt Select Selu ShiftLeft ShiftRight Shrink Sign Sin Sinh ' +
    'Softplus Softsign Sqrt Square SquaredDifference Sub Swish Tan Tanh ThresholdedRelu'
  ).split(' '),
);

export interface AxisRule {
  /**
   * The node's attributes in the order before the Transpose `perm`; undefined where it cannot work in that. `data`: how many inputs
   * are in that order too (all by default; the rest must be constant). `keepsOutput`: the result is the same in either order.
   */
  rename(node: Node, perm: readonly number[], dimsOf: (name: string) => readonly number[] | undefined): Renamed | undefined;
  /** Whether outputs may have fewer dimensions than inputs. */
  readonly dropsAxes?: true;
}

export interface Renamed {
  readonly attributes: Attributes;
  readonly data?: number;
  readonly keepsOutput?: boolean;
}

const along: AxisRule = {
  rename({ attributes }, perm) {
    const axis = attributes.axis as number;
    return { attributes: { ...attributes, axis: perm[axis < 0 ? axis + perm.length : axis]! } };
  },
};

/** One dimension of input 0 has parameters of its own, in the other inputs. */
const channels: AxisRule = {
  rename(node, perm, dimsOf) {
    const renamed = along.rename({ ...node, attributes: { axis: 1, ...node.attributes } }, perm, dimsOf);
    return renamed && { ...renamed, data: 1 };
  },
};

/** Where what is left of the dimensions keeps its order, nothing is left to transpose. */
const reduction: AxisRule = {
  dropsAxes: true,
  rename({ attributes, inputs }, perm) {
    const { axes: given = [], allByDefault = false, defaultFrom = 0 } = attributes;
    if (inputs.length > 1 || !Array.isArray(given)) return undefined;
    const isAll = given.length === 0 && allByDefault === true;
    const named = isAll ? [...perm.keys()].slice(defaultFrom as number) : (given as readonly number[]);
    const axes = named.map((axis) => (axis < 0 ? axis + perm.length : axis));
    const renamed = { ...attributes, axes: axes.map((axis) => perm[axis]!) };
    if (attributes.keepDims === true) return { attributes: renamed };
    const rest = perm.filter((_, i) => !axes.includes(i));
    return rest.every((axis, i) => i === 0 || axis > rest[i - 1]!) ? { attributes: renamed, keepsOutput: true } : undefined;
  },
};

const pad: AxisRule = {
  rename({ attributes, inputs }, perm) {
    const pads = attributes.pads as readonly number[] | undefined;
    if (inputs.length > 1 || pads?.length !== 2 * perm.length) return undefined;
    const renamed = new Array<number>(pads.length);
    for (const [i, axis] of perm.entries()) [renamed[2 * axis], renamed[2 * axis + 1]] = [pads[2 * i]!, pads[2 * i + 1]!];
    return { attributes: { ...attributes, pads: renamed } };
  },
};

/** Sizes, scales and regions are given for the axes that are named, in their order. */
const resize: AxisRule = {
  rename({ attributes }, perm) {
    const axes = (attributes.axes ?? []) as readonly number[];
    const named = axes.length === 0 ? perm : axes.map((axis) => perm[axis < 0 ? axis + perm.length : axis]!);
    return { attributes: { ...attributes, axes: named }, data: 1 };
  },
};

/** Slice, whose attributes have a number for each dimension. */
const slice: AxisRule = {
  rename({ attributes, inputs }, perm) {
    const { begin, size } = attributes as { readonly begin?: readonly number[]; readonly size?: readonly number[] };
    if (inputs.length > 1 || begin?.length !== perm.length || size?.length !== perm.length) return undefined;
    const place = (list: readonly number[]) => perm.reduce<number[]>((all, axis, i) => all.with(axis, list[i]!), [...list]);
    return { attributes: { ...attributes, begin: place(begin), size: place(size) } };
  },
};

/** Along the dimension that is last before and after. */
const lastAxis: AxisRule = {
  rename: ({ attributes }, perm) => (perm.at(-1) === perm.length - 1 ? { attributes } : undefined),
};

export const axisRules: Readonly<Record<string, AxisRule>> = {
  BatchNorm: channels,
  Concat: along,
  Split: along,
  Pad: pad,
  Resize: resize,
  Slice: slice,
  Softmax: lastAxis,
  LogSoftmax: lastAxis,
  Mean: reduction,
  Sum: reduction,
  ReduceMax: reduction,
  ReduceMin: reduction,
  ReduceProd: reduction,
  ReduceL1: reduction,
  ReduceL2: reduction,
  ReduceSumSquare: reduction,
};
