/** Operators of float32 that work element by element. */
import type { ClipAttributes } from '../../ops/clip.js';
import type { LeakyReluAttributes } from '../../ops/leaky-relu.js';
import { type Activation, activationBounds } from '../../ops/output-stage.js';
import { broadcastStrides, product } from '../../ops/shapes.js';
import { defineLowering, type Lowering, type Lowerings } from './lowering.js';

/** In the order of native/ops/float_unary.cc. */
const unaryFunctions = [
  ...['clamp', 'abs', 'neg', 'sqrt', 'square', 'floor', 'ceil', 'round', 'leaky-relu', 'hard-swish'],
  ...['exp', 'tanh', 'logistic', 'erf', 'gelu', 'gelu-tanh', 'swish'],
  ...['rsqrt', 'log', 'sin', 'cos', 'elu'],
];

/** In the order of native/ops/float_binary.cc. */
const binaryFunctions = ['add', 'sub', 'mul', 'div', 'max', 'min', 'prelu', 'squared-difference', 'floor-div', 'pow'];

const maxRank = 6;

export const floatElementwiseLowerings: Lowerings = {
  Relu: unary('clamp', activationBounds.relu),
  Relu6: unary('clamp', activationBounds.relu6),
  ReluN1To1: unary('clamp', activationBounds['relu-n1-to-1']),
  Clip: defineLowering<ClipAttributes>((step, context) => {
    const { min, max } = step.attributes;
    return unary('clamp', [Math.min(min, max), max])(step, context);
  }),
  Abs: unary('abs'),
  Neg: unary('neg'),
  Sqrt: unary('sqrt'),
  Square: unary('square'),
  Floor: unary('floor'),
  Ceil: unary('ceil'),
  Round: unary('round'),
  LeakyRelu: defineLowering<LeakyReluAttributes>((step, context) => {
    return unary('leaky-relu', [step.attributes.alpha, Infinity])(step, context);
  }),
  HardSwish: unary('hard-swish'),
  Rsqrt: unary('rsqrt'),
  Exp: unary('exp'),
  Log: unary('log'),
  Sin: unary('sin'),
  Cos: unary('cos'),
  Tanh: unary('tanh'),
  Logistic: unary('logistic'),
  Elu: unary('elu'),
  Erf: unary('erf'),
  ErfGelu: unary('gelu'),
  Gelu: defineLowering<'none' | 'tanh'>((step, context) => {
    return unary(step.attributes === 'tanh' ? 'gelu-tanh' : 'gelu')(step, context);
  }),
  Swish: defineLowering<{ readonly alpha: number }>((step, context) => {
    return unary('swish', [step.attributes.alpha, Infinity])(step, context);
  }),

  Add: binary('add'),
  Sub: binary('sub'),
  Mul: binary('mul'),
  Div: binary('div'),
  Maximum: binary('max'),
  Minimum: binary('min'),
  PRelu: binary('prelu'),
  SquaredDifference: binary('squared-difference'),
  FloorDiv: binary('floor-div'),
  Pow: binary('pow'),
};

function unary(name: string, bounds: readonly [number, number] = activationBounds.none): Lowering {
  return ({ inputs, outputs }, context) => {
    const [x, y] = [inputs[0]!, outputs[0]!];
    if (x.type !== 'float32') return undefined;
    const places = { x: context.place(x), y: context.place(y) };
    const op = unaryFunctions.indexOf(name);
    return [{ kind: 'float-unary', fields: { op, count: product(x.dims), bounds: Float32Array.from(bounds), ...places } }];
  };
}

function binary(name: string): Lowering {
  return defineLowering<{ readonly activation?: Activation }>(({ inputs, outputs, attributes }, context) => {
    const [a, b, y] = [inputs[0]!, inputs[1]!, outputs[0]!];
    if (a.type !== 'float32' || b.type !== 'float32') return undefined;
    const shape = mergeBroadcast(y.dims, broadcastStrides(a.dims, y.dims), broadcastStrides(b.dims, y.dims));
    if (shape.dims.length > maxRank) return undefined;
    const bounds = Float32Array.from(activationBounds[attributes.activation ?? 'none']);
    const places = { a: context.place(a), b: context.place(b), y: context.place(y) };
    return [{ kind: 'float-binary', fields: { op: binaryFunctions.indexOf(name), ...shape, bounds, ...places } }];
  });
}

export interface Broadcast {
  readonly dims: Int32Array;
  readonly aStrides: Int32Array;
  readonly bStrides: Int32Array;
}

/** As few dimensions as lead to the same elements; at least one, and its strides 0 or 1. */
export function mergeBroadcast(dims: readonly number[], aStrides: readonly number[], bStrides: readonly number[]): Broadcast {
  const merged: { dim: number; a: number; b: number }[] = [];
  for (const [i, dim] of dims.entries()) {
    if (dim === 1) continue;
    const [a, b] = [aStrides[i]!, bStrides[i]!];
    const outer = merged.at(-1);
    if (outer !== undefined && outer.a === a * dim && outer.b === b * dim) {
      merged[merged.length - 1] = { dim: outer.dim * dim, a, b };
    } else {
      merged.push({ dim, a, b });
    }
  }
  if (merged.length === 0) merged.push({ dim: 1, a: 0, b: 0 });
  return {
    dims: Int32Array.from(merged, ({ dim }) => dim),
    aStrides: Int32Array.from(merged, ({ a }) => a),
    bStrides: Int32Array.from(merged, ({ b }) => b),
  };
}
