/** Maximum and average over windows of float32 images, and their gradients. */
import {
  AvgPool,
  type AvgPoolAttrs,
  AvgPoolGrad,
  type AvgPoolGradAttrs,
  type AvgPoolGradInputs,
  type AvgPoolInputs,
  backend_util,
  type KernelConfig,
  MaxPool,
  type MaxPoolAttrs,
  MaxPoolGrad,
  type MaxPoolGradAttrs,
  type MaxPoolGradInputs,
  type MaxPoolInputs,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import type { OctensorBackend } from '../backend.js';
import { eager, eagerKind } from '../eager.js';
import { areFloats, nativeKernel, type Present } from './kernel.js';
import { windowNumbers } from './window.js';

const poolKind = eagerKind('pool');
const gradientKind = eagerKind('poolGradient');

type Shape4D = [number, number, number, number];
type Geometry = Pick<AvgPoolAttrs, 'filterSize' | 'strides' | 'pad' | 'dimRoundingMode'>;

function poolInfo(x: readonly number[], { filterSize, strides, pad, dimRoundingMode }: Geometry) {
  return backend_util.computePool2DInfo(x as Shape4D, filterSize, strides, 1, pad, dimRoundingMode);
}

function pool(backend: OctensorBackend, x: TensorInfo, attrs: Geometry, isAverage: boolean): TensorInfo | undefined {
  if (!areFloats(x)) return undefined;
  const info = poolInfo(x.shape, attrs);
  const window = windowNumbers(info);
  // Windows of one pixel copy nothing in the cpu backend's kernel.
  const isIdentity = info.filterHeight === 1 && info.filterWidth === 1 && util.arraysEqual(info.inShape, info.outShape);
  if (!window || isIdentity) return undefined;
  const values = backend.floats(x);
  const [y, result] = backend.makeFloats(info.outShape);
  eager(poolKind, [...window, Number(isAverage)], values, result);
  return y;
}

const maxPool = nativeKernel<Present<MaxPoolInputs>, MaxPoolAttrs>(MaxPool, ({ inputs: { x }, attrs, backend }) =>
  pool(backend, x, attrs, false),
);

const avgPool = nativeKernel<Present<AvgPoolInputs>, AvgPoolAttrs>(AvgPool, ({ inputs: { x }, attrs, backend }) =>
  pool(backend, x, attrs, true),
);

const maxPoolGrad = nativeKernel<Present<MaxPoolGradInputs>, MaxPoolGradAttrs>(
  MaxPoolGrad,
  ({ inputs: { dy, input }, attrs, backend }) => {
    if (!areFloats(dy, input)) return undefined;
    const window = windowNumbers(poolInfo(input.shape, attrs));
    if (!window) return undefined;
    const operands = [backend.floats(input), backend.floats(dy)];
    const [dx, result] = backend.makeFloats(input.shape);
    eager(gradientKind, [...window, 0], ...operands, result);
    return dx;
  },
);

const avgPoolGrad = nativeKernel<Present<AvgPoolGradInputs>, AvgPoolGradAttrs>(
  AvgPoolGrad,
  ({ inputs: { dy, input }, attrs, backend }) => {
    if (!areFloats(dy, input)) return undefined;
    const window = windowNumbers(poolInfo(input.shape, attrs));
    if (!window) return undefined;
    const values = backend.floats(dy);
    const [dx, result] = backend.makeFloats(input.shape);
    eager(gradientKind, [...window, 1], values, result);
    return dx;
  },
);

export const poolKernels: readonly KernelConfig[] = [maxPool, avgPool, maxPoolGrad, avgPoolGrad];
