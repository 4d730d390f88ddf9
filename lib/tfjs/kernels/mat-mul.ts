/** Products of float32 matrices and of batches of them. */
import {
  _FusedMatMul,
  type _FusedMatMulAttrs,
  type _FusedMatMulInputs,
  BatchMatMul,
  type BatchMatMulAttrs,
  type BatchMatMulInputs,
  backend_util,
  type KernelConfig,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import type { OctensorBackend } from '../backend.js';
import { eager, eagerKind } from '../eager.js';
import { applyRest, isKnownActivation, type NativeEpilogue, noEpilogue, splitEpilogue } from './epilogue.js';
import { areFloats, nativeKernel, type Present } from './kernel.js';

const kind = eagerKind('matmul');

interface Product {
  readonly a: TensorInfo;
  readonly b: TensorInfo;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** The last two dimensions, in the order that the product sees. */
function matrixSize({ shape }: TensorInfo, isTransposed: boolean): readonly [number, number] {
  const [rows, columns] = [shape.at(-2)!, shape.at(-1)!];
  return isTransposed ? [columns, rows] : [rows, columns];
}

/** Strides in matrices along the dimensions of a batch, 0 where the operand is repeated. */
function batchStrides(batch: readonly number[], dims: readonly number[]): number[] {
  const strides = new Array<number>(batch.length).fill(0);
  let stride = 1;
  for (let i = 1; i <= dims.length; i++) {
    const size = dims.at(-i)!;
    if (size !== 1) strides[batch.length - i] = stride;
    stride *= size;
  }
  return strides;
}

/** Undefined where the cpu backend's kernel is to compute the product, or to say what is wrong with it. */
function multiply(backend: OctensorBackend, product: Product, epilogue: NativeEpilogue): TensorInfo | undefined {
  const { a, b, transposeA, transposeB } = product;
  const [m, k] = matrixSize(a, transposeA);
  const [otherK, n] = matrixSize(b, transposeB);
  const [aBatch, bBatch] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const batch = backend_util.assertAndGetBroadcastShape(aBatch, bBatch);
  const counts = [util.sizeFromShape(aBatch), util.sizeFromShape(bBatch)];
  if (k !== otherK || [m, k, n, ...counts].includes(0)) return undefined;
  const [aStrides, bStrides] = [batchStrides(batch, aBatch), batchStrides(batch, bBatch)];
  const { bias, bounds } = epilogue;
  const numbers = [m, k, n, ...counts, Number(transposeA), Number(transposeB), bias ? 1 : 0, ...bounds, batch.length];
  for (let i = 0; i < batch.length; i++) numbers.push(batch[i]!, aStrides[i]!, bStrides[i]!);
  const [y, result] = backend.makeFloats([...batch, m, n]);
  const operands = bias ? [backend.floats(a), backend.floats(b), backend.floats(bias)] : [backend.floats(a), backend.floats(b)];
  eager(kind, numbers, ...operands, result);
  return y;
}

const batchMatMul = nativeKernel<Present<BatchMatMulInputs>, BatchMatMulAttrs>(
  BatchMatMul,
  ({ inputs: { a, b }, attrs: { transposeA, transposeB }, backend }) =>
    areFloats(a, b) ? multiply(backend, { a, b, transposeA, transposeB }, noEpilogue) : undefined,
);

const fusedMatMul = nativeKernel<_FusedMatMulInputs, _FusedMatMulAttrs>(_FusedMatMul, ({ inputs, attrs, backend }) => {
  const { a, b, bias, preluActivationWeights: preluWeights } = inputs;
  const { transposeA, transposeB, activation, leakyreluAlpha } = attrs;
  if (!areFloats(a, b, bias, preluWeights) || !isKnownActivation(activation)) return undefined;
  const n = matrixSize(b!, transposeB)[1];
  const epilogue = splitEpilogue({ bias, preluWeights, activation, leakyreluAlpha }, n);
  const y = multiply(backend, { a: a!, b: b!, transposeA, transposeB }, epilogue);
  return y && applyRest(backend, y, epilogue.rest);
});

export const matMulKernels: readonly KernelConfig[] = [batchMatMul, fusedMatMul];
