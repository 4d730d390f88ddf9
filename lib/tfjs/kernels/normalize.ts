/** Batch normalization along the last axis, and sums of several tensors. */
import {
  Add,
  AddN,
  FusedBatchNorm,
  type FusedBatchNormAttrs,
  type FusedBatchNormInputs,
  type KernelConfig,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import { eager, eagerKind } from '../eager.js';
import { addArrays } from './binary.js';
import { areFloats, nativeKernel, type Present, runKernel } from './kernel.js';

const normalizeKind = eagerKind('normalize');

type BatchNormInputs = Present<FusedBatchNormInputs, 'x' | 'mean' | 'variance'> &
  Partial<Present<FusedBatchNormInputs, 'scale' | 'offset'>>;

const batchNorm = nativeKernel<BatchNormInputs, FusedBatchNormAttrs>(FusedBatchNorm, ({ inputs, attrs, backend }) => {
  const { x, mean, variance, scale, offset } = inputs;
  const n = x.shape.at(-1) ?? 1;
  const parameters = [mean, variance, scale, offset].filter((info) => info != null);
  if (!areFloats(x, ...parameters) || n === 0) return undefined;
  if (parameters.some(({ shape }) => shape.length !== mean.shape.length || util.sizeFromShape(shape) !== n)) return undefined;
  const values = backend.floats(x);
  const [y, result] = backend.makeFloats(x.shape);
  eager(
    normalizeKind,
    [values.length / n, n, attrs.varianceEpsilon ?? 0.001],
    values,
    backend.floats(mean),
    backend.floats(variance),
    scale == null ? new Float32Array(n).fill(1) : backend.floats(scale),
    offset == null ? new Float32Array(n) : backend.floats(offset),
    result,
  );
  return y;
});

const addN = nativeKernel<readonly TensorInfo[]>(AddN, ({ inputs, backend }) => {
  const [first, second, ...more] = inputs;
  if (!areFloats(...inputs) || first === undefined || second === undefined) return undefined;
  const y = runKernel(Add, backend, { a: first, b: second });
  const sum = backend.floats(y);
  for (const info of more) addArrays(sum, backend.floats(info), sum);
  return y;
});

export const normalizeKernels: readonly KernelConfig[] = [batchNorm, addN];
