/** Reductions of float32 over any axes, and softmax. */
import {
  ArgMax,
  type ArgMaxAttrs,
  ArgMin,
  backend_util,
  type KernelConfig,
  Max,
  Mean,
  Min,
  Prod,
  Softmax,
  type SoftmaxAttrs,
  type SoftmaxInputs,
  Sum,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import { eager, eagerKind } from '../eager.js';
import { areFloats, nativeKernel, type Present } from './kernel.js';

const reduceKind = eagerKind('reduce');
const argKind = eagerKind('arg');
const softmaxKind = eagerKind('softmax');

/** As EagerReduction of native/kernels/eager.h. */
const reductions = ['sum', 'max', 'min', 'prod'] as const;

interface ReductionAttrs {
  readonly axis?: number | number[];
  /** What Max calls it. */
  readonly reductionIndices?: number | number[];
  readonly keepDims?: boolean;
}

/** Runs of dimensions that are all reduced or all kept, from the outermost in. */
function mergeAxes(shape: readonly number[], axes: readonly number[]): { size: number; isReduced: boolean }[] {
  const runs: { size: number; isReduced: boolean }[] = [];
  shape.forEach((size, i) => {
    const isReduced = axes.includes(i);
    const last = runs.at(-1);
    if (last?.isReduced === isReduced) last.size *= size;
    else runs.push({ size, isReduced });
  });
  return runs;
}

const product = (runs: readonly { size: number }[]) => runs.reduce((size, run) => size * run.size, 1);

function reduction(name: string, op: (typeof reductions)[number], isMean = false): KernelConfig {
  const code = reductions.indexOf(op);
  return nativeKernel<{ readonly x: TensorInfo }, ReductionAttrs>(name, ({ inputs: { x }, attrs, backend }) => {
    if (!areFloats(x)) return undefined;
    const axes = util.parseAxisParam((attrs.axis ?? attrs.reductionIndices)!, x.shape);
    const [outShape, reducedShape] = backend_util.computeOutAndReduceShapes(x.shape, axes);
    const count = util.sizeFromShape(reducedShape);
    if (count === 0) return undefined; // of nothing
    const [y, result] = backend.makeFloats(attrs.keepDims ? backend_util.expandShapeToKeepDim(outShape, axes) : outShape);
    const runs = mergeAxes(x.shape, axes);
    if (!runs.some(({ isReduced }) => isReduced)) runs.push({ size: 1, isReduced: true });
    let values = backend.floats(x);
    // One run at a time, from the innermost out: what it leaves is the input of the next.
    for (;;) {
      const at = runs.findLastIndex(({ isReduced }) => isReduced);
      const [outer, size, inner] = [product(runs.slice(0, at)), runs[at]!.size, product(runs.slice(at + 1))];
      runs.splice(at, 1);
      const isLast = !runs.some(({ isReduced }) => isReduced);
      const target = isLast ? result : new Float32Array(outer * inner);
      eager(reduceKind, [code, outer, size, inner, isMean && isLast ? count : 1], values, target);
      if (isLast) return y;
      values = target;
    }
  });
}

function arg(name: string, isLeast: boolean): KernelConfig {
  return nativeKernel<{ readonly x: TensorInfo }, ArgMaxAttrs>(name, ({ inputs: { x }, attrs, backend }) => {
    if (!areFloats(x)) return undefined;
    const axis = util.parseAxisParam(attrs.axis, x.shape)[0]!;
    const size = x.shape[axis]!;
    if (size === undefined || size === 0) return undefined; // a scalar, or of nothing
    const [outer, inner] = [util.sizeFromShape(x.shape.slice(0, axis)), util.sizeFromShape(x.shape.slice(axis + 1))];
    const result = new Int32Array(outer * inner);
    eager(argKind, [isLeast ? 1 : 0, outer, size, inner], backend.floats(x), result);
    return backend.makeTensorInfo(x.shape.toSpliced(axis, 1), 'int32', result);
  });
}

const softmax = nativeKernel<Present<SoftmaxInputs>, SoftmaxAttrs>(Softmax, ({ inputs: { logits }, attrs, backend }) => {
  const last = logits.shape.length - 1;
  if (!areFloats(logits) || last < 0 || (attrs.dim !== -1 && attrs.dim !== last)) return undefined;
  const length = logits.shape[last]!;
  const values = backend.floats(logits);
  const [y, result] = backend.makeFloats(logits.shape);
  if (length > 0) eager(softmaxKind, [values.length / length, length], values, result);
  return y;
});

export const reduceKernels: readonly KernelConfig[] = [
  reduction(Sum, 'sum'),
  reduction(Mean, 'sum', true),
  reduction(Prod, 'prod'),
  reduction(Max, 'max'),
  reduction(Min, 'min'),
  arg(ArgMax, false),
  arg(ArgMin, true),
  softmax,
];
