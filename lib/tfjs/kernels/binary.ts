/** Operators and comparisons of two float32 tensors, with broadcasting. */
import {
  Add,
  type BinaryInputs,
  backend_util,
  EluGrad,
  type EluGradInputs,
  Equal,
  Greater,
  GreaterEqual,
  type KernelConfig,
  Less,
  LessEqual,
  Maximum,
  Minimum,
  Multiply,
  NotEqual,
  Pow,
  Prelu,
  type PreluInputs,
  RealDiv,
  SquaredDifference,
  Sub,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import type { OctensorBackend } from '../backend.js';
import { eager, eagerKind } from '../eager.js';
import { areFloats, nativeKernel, type Present } from './kernel.js';

const binaryKind = eagerKind('binary');
const compareKind = eagerKind('compare');
const powKind = eagerKind('pow');

/** As EagerBinary and EagerComparison of native/kernels/eager.h. */
const operators = ['add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'squaredDifference', 'prelu', 'eluGrad'] as const;
const comparisons = ['equal', 'notEqual', 'less', 'lessEqual', 'greater', 'greaterEqual'] as const;

function binaryCall(backend: OctensorBackend, kind: number, numbers: number[], a: TensorInfo, b: TensorInfo): TensorInfo {
  const shape = backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
  const [p, q] = [backend.floats(a), backend.floats(b)];
  const [y, result] = backend.makeFloats(shape);
  numbers.push(a.shape.length, ...a.shape, b.shape.length, ...b.shape);
  eager(kind, numbers, p, q, result);
  return y;
}

/** y = a + b, of the same length; y may be a or b. */
export function addArrays(a: Float32Array, b: Float32Array, y: Float32Array): void {
  eager(binaryKind, [operators.indexOf('add'), 1, a.length, 1, b.length], a, b, y);
}

function binary(name: string, op: (typeof operators)[number]): KernelConfig {
  const code = operators.indexOf(op);
  return nativeKernel<Present<BinaryInputs>>(name, ({ inputs: { a, b }, backend }) =>
    areFloats(a, b) ? binaryCall(backend, binaryKind, [code], a, b) : undefined,
  );
}

function comparison(name: string, op: (typeof comparisons)[number]): KernelConfig {
  const code = comparisons.indexOf(op);
  return nativeKernel<Present<BinaryInputs>>(name, ({ inputs: { a, b }, backend }) => {
    if (!areFloats(a, b)) return undefined;
    const shape = backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
    const [p, q] = [backend.floats(a), backend.floats(b)];
    const [y, result] = backend.makeBools(shape);
    eager(compareKind, [code, a.shape.length, ...a.shape, b.shape.length, ...b.shape], p, q, result);
    return y;
  });
}

const pow = nativeKernel<Present<BinaryInputs>>(Pow, ({ inputs: { a, b }, backend }) =>
  areFloats(a, b) ? binaryCall(backend, powKind, [], a, b) : undefined,
);

const prelu = nativeKernel<Present<PreluInputs>>(Prelu, ({ inputs: { x, alpha }, backend }) =>
  areFloats(x, alpha) ? binaryCall(backend, binaryKind, [operators.indexOf('prelu')], x, alpha) : undefined,
);

const eluGrad = nativeKernel<Present<EluGradInputs>>(EluGrad, ({ inputs: { dy, y }, backend }) =>
  areFloats(dy, y) ? binaryCall(backend, binaryKind, [operators.indexOf('eluGrad')], dy, y) : undefined,
);

export const binaryKernels: readonly KernelConfig[] = [
  binary(Add, 'add'),
  binary(Sub, 'sub'),
  binary(Multiply, 'mul'),
  binary(RealDiv, 'div'),
  binary(Maximum, 'maximum'),
  binary(Minimum, 'minimum'),
  binary(SquaredDifference, 'squaredDifference'),
  comparison(Equal, 'equal'),
  comparison(NotEqual, 'notEqual'),
  comparison(Less, 'less'),
  comparison(LessEqual, 'lessEqual'),
  comparison(Greater, 'greater'),
  comparison(GreaterEqual, 'greaterEqual'),
  pow,
  prelu,
  eluGrad,
];
