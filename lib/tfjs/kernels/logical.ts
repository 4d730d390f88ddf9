/** Casts, selections, operators on bool tensors, and tensors of one value. */
import {
  Cast,
  type CastAttrs,
  type CastInputs,
  Fill,
  type FillAttrs,
  type KernelConfig,
  LogicalAnd,
  LogicalNot,
  LogicalOr,
  NotEqual,
  OnesLike,
  Select,
  type SelectInputs,
  type TensorInfo,
  util,
  ZerosLike,
} from '@tensorflow/tfjs-core';
import { eager, eagerKind } from '../eager.js';
import { areFloats, nativeKernel, type Present, runKernel } from './kernel.js';

const castKind = eagerKind('cast');
const logicalKind = eagerKind('logical');
const selectKind = eagerKind('select');

/** As the kind `logical` has them. */
const operators = ['and', 'or', 'not'] as const;

function isBool(info: TensorInfo): boolean {
  return info.dtype === 'bool';
}

// The cpu kernel gives a float32 tensor the memory of the int32 or bool one, whose array native kernels would have to convert each
// time.
const cast = nativeKernel<Present<CastInputs>, CastAttrs>(Cast, ({ inputs: { x }, attrs: { dtype }, backend }) => {
  if (dtype === 'float32' && (x.dtype === 'int32' || x.dtype === 'bool')) {
    const values = x.dtype === 'int32' ? backend.ints(x) : backend.bools(x);
    const [y, result] = backend.makeFloats(x.shape);
    eager(castKind, [values.length], values, result);
    return y;
  }
  if (dtype === 'int32' && x.dtype === 'float32') {
    return backend.makeTensorInfo(x.shape, 'int32', new Int32Array(backend.floats(x)));
  }
  if (dtype === 'bool' && x.dtype === 'float32') {
    const zero = backend.makeTensorInfo([], 'float32', new Float32Array(1));
    const y = runKernel(NotEqual, backend, { a: x, b: zero });
    backend.disposeIntermediateTensorInfo(zero);
    return y;
  }
  return undefined;
});

const select = nativeKernel<Present<SelectInputs>>(Select, ({ inputs: { condition, t, e }, backend }) => {
  // A condition of rank 1 may choose among rows.
  if (!isBool(condition) || !areFloats(t, e) || !util.arraysEqual(condition.shape, t.shape)) return undefined;
  const [p, q] = [backend.floats(t), backend.floats(e)];
  const [y, result] = backend.makeFloats(t.shape);
  eager(selectKind, [p.length], backend.bools(condition), p, q, result);
  return y;
});

function logical(name: string, op: (typeof operators)[number]): KernelConfig {
  const code = operators.indexOf(op);
  return nativeKernel<{ readonly a: TensorInfo; readonly b: TensorInfo }>(name, ({ inputs: { a, b }, backend }) => {
    if (!isBool(a) || !isBool(b) || !util.arraysEqual(a.shape, b.shape)) return undefined;
    const [y, result] = backend.makeBools(a.shape);
    eager(logicalKind, [code, result.length], backend.bools(a), backend.bools(b), result);
    return y;
  });
}

const logicalNot = nativeKernel<{ readonly x: TensorInfo }>(LogicalNot, ({ inputs: { x }, backend }) => {
  if (!isBool(x)) return undefined;
  const values = backend.bools(x);
  const [y, result] = backend.makeBools(x.shape);
  eager(logicalKind, [operators.indexOf('not'), result.length], values, values, result);
  return y;
});

function filled(name: string, value: number): KernelConfig {
  return nativeKernel<{ readonly x: TensorInfo }>(name, ({ inputs: { x }, backend }) => {
    if (!areFloats(x)) return undefined;
    const [y, result] = backend.makeFloats(x.shape);
    result.fill(value);
    return y;
  });
}

const fill = nativeKernel<object, FillAttrs>(Fill, ({ attrs: { shape, value, dtype }, backend }) => {
  if (typeof value !== 'number' || dtype !== 'float32') return undefined;
  const [y, result] = backend.makeFloats(shape);
  result.fill(value);
  return y;
});

export const logicalKernels: readonly KernelConfig[] = [
  cast,
  select,
  logical(LogicalAnd, 'and'),
  logical(LogicalOr, 'or'),
  logicalNot,
  filled(ZerosLike, 0),
  filled(OnesLike, 1),
  fill,
];
