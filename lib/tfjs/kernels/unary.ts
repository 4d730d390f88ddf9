/** Functions of one float32. */
import {
  Abs,
  backend_util,
  Ceil,
  ClipByValue,
  type ClipByValueAttrs,
  Cos,
  Elu,
  Erf,
  Exp,
  Expm1,
  Floor,
  type KernelConfig,
  LeakyRelu,
  type LeakyReluAttrs,
  Log,
  Log1p,
  Neg,
  Reciprocal,
  Relu,
  Relu6,
  Round,
  Rsqrt,
  Selu,
  Sigmoid,
  Sign,
  Sin,
  Softplus,
  Sqrt,
  Square,
  Step,
  type StepAttrs,
  Tanh,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import { eager, eagerKind } from '../eager.js';
import { areFloats, nativeKernel } from './kernel.js';

const kind = eagerKind('unary');

/** As EagerUnary of native/kernels/eager.h. */
const functions = [
  'abs',
  'neg',
  'sqrt',
  'rsqrt',
  'square',
  'reciprocal',
  'floor',
  'ceil',
  'round',
  'sign',
  'relu',
  'step',
  'leakyRelu',
  'clip',
  'elu',
  'selu',
  'exp',
  'sigmoid',
  'tanh',
  'erf',
] as const;

type Parameters = readonly [number, number];

function unary<Attrs>(name: string, op: (typeof functions)[number], parameters?: (attrs: Attrs) => Parameters): KernelConfig {
  const code = functions.indexOf(op);
  return nativeKernel<{ x: TensorInfo }, Attrs>(name, ({ inputs: { x }, attrs, backend }) => {
    if (!areFloats(x)) return undefined;
    const [p, q] = parameters?.(attrs) ?? [0, 0];
    const values = backend.floats(x);
    const [y, result] = backend.makeFloats(x.shape);
    eager(kind, [code, p, q, values.length], values, result);
    return y;
  });
}

const functionKind = eagerKind('function');

/** As the kind `function` has them. */
const scalarFunctions = ['log', 'log1p', 'expm1', 'softplus', 'sin', 'cos'] as const;

function scalar(name: string, op: (typeof scalarFunctions)[number]): KernelConfig {
  const code = scalarFunctions.indexOf(op);
  return nativeKernel<{ x: TensorInfo }>(name, ({ inputs: { x }, backend }) => {
    if (!areFloats(x)) return undefined;
    const values = backend.floats(x);
    const [y, result] = backend.makeFloats(x.shape);
    eager(functionKind, [code, values.length], values, result);
    return y;
  });
}

export const unaryKernels: readonly KernelConfig[] = [
  unary(Abs, 'abs'),
  unary(Neg, 'neg'),
  unary(Sqrt, 'sqrt'),
  unary(Rsqrt, 'rsqrt'),
  unary(Square, 'square'),
  unary(Reciprocal, 'reciprocal'),
  unary(Floor, 'floor'),
  unary(Ceil, 'ceil'),
  unary(Round, 'round'),
  unary(Sign, 'sign'),
  unary(Relu, 'relu', () => [Number.POSITIVE_INFINITY, 0]),
  unary(Relu6, 'relu', () => [6, 0]),
  unary<StepAttrs>(Step, 'step', ({ alpha }) => [alpha, 0]),
  unary<LeakyReluAttrs>(LeakyRelu, 'leakyRelu', ({ alpha }) => [alpha, 0]),
  unary<ClipByValueAttrs>(ClipByValue, 'clip', ({ clipValueMin, clipValueMax }) => [clipValueMin, clipValueMax]),
  unary(Elu, 'elu'),
  unary(Selu, 'selu', () => [backend_util.SELU_SCALE, backend_util.SELU_SCALEALPHA]),
  unary(Exp, 'exp'),
  unary(Sigmoid, 'sigmoid'),
  unary(Tanh, 'tanh'),
  unary(Erf, 'erf'),
  scalar(Log, 'log'),
  scalar(Log1p, 'log1p'),
  scalar(Expm1, 'expm1'),
  scalar(Softplus, 'softplus'),
  scalar(Sin, 'sin'),
  scalar(Cos, 'cos'),
];
