/**
 * Gradients with fewer passes over memory than those of tfjs-core, for tensors on this backend; on others tfjs-core's own go on. They
 * are made of ordinary operators, so that second derivatives work.
 *
 * tfjs-core's gradient of batch normalization goes 14 times over arrays as large as x, this one 5 times; those of sums and means make an
 * array of ones with a loop in JavaScript.
 */
import {
  add,
  broadcast_util,
  ClipByValue,
  type ClipByValueAttrs,
  div,
  FusedBatchNorm,
  type FusedBatchNormAttrs,
  type GradFunc,
  getBackend,
  getGradient,
  Mean,
  mul,
  neg,
  Relu,
  Relu6,
  registerGradient,
  reshape,
  rsqrt,
  Sum,
  sub,
  sum,
  type Tensor,
  tile,
  util,
  zerosLike,
} from '@tensorflow/tfjs-core';
import { backendName } from './kernels/kernel.js';
import { type ClampAttrs, clampGradient, clampGradientName } from './kernels/training.js';

/** dy, which lacks the axes of x that were reduced, at each element of x. */
function spread(dy: Tensor, x: Tensor, axes: readonly number[]): Tensor {
  const isReduced = x.shape.map((_, i) => axes.includes(i));
  const expanded = reshape(
    dy,
    x.shape.map((size, i) => (isReduced[i] ? 1 : size)),
  );
  return tile(
    expanded,
    x.shape.map((size, i) => (isReduced[i] ? size : 1)),
  );
}

const sumGradient: GradFunc = (dy, [x], attrs) => ({
  x: () => spread(dy as Tensor, x!, util.parseAxisParam(attrs.axis as number | number[], x!.shape)),
});

const meanGradient: GradFunc = (dy, [x], attrs) => {
  const axes = util.parseAxisParam(attrs.axis as number | number[], x!.shape);
  const count = axes.reduce((product, axis) => product * x!.shape[axis]!, 1);
  return { x: () => spread(div(dy as Tensor, count), x!, axes) };
};

/**
 * With r = 1 / sqrt(variance + epsilon), over the elements of a channel: S = sum dy, T = sum dy (x - mean), and
 *
 *     dx = dy r scale,  dmean = -r scale S,  dvariance = -r^3 scale T / 2,  dscale = r T,  doffset = S
 */
const batchNormGradient: GradFunc = (gradient, saved, attrs) => {
  const [x, mean, variance, scale] = saved as [Tensor, Tensor, Tensor, Tensor | undefined];
  const { varianceEpsilon } = attrs as unknown as FusedBatchNormAttrs;
  const dy = gradient as Tensor;
  const axes = broadcast_util.getReductionAxes(mean.shape, x.shape);
  const total = (y: Tensor) => reshape(mean.rank === 1 ? sum(y, axes) : y, mean.shape);
  const r = rsqrt(add(variance, varianceEpsilon));
  const factor = scale == null ? r : mul(r, scale);
  const s = total(dy);
  const t = total(mul(dy, sub(x, mean)));
  return {
    x: () => mul(dy, factor),
    mean: () => neg(mul(factor, s)),
    variance: () => mul(mul(mul(mul(r, r), factor), t), -0.5),
    scale: () => mul(r, t),
    offset: () => s,
  };
};

const clipGradient: GradFunc = (dy, [x], attrs) => {
  const { clipValueMin, clipValueMax } = attrs as unknown as ClipByValueAttrs;
  return { x: () => clampGradient(dy as Tensor, x!, clipValueMin, clipValueMax) };
};

/** Above 0, which is from the smallest float32 on. */
const reluGradient =
  (hi: number): GradFunc =>
  (dy, [x]) => ({ x: () => clampGradient(dy as Tensor, x!, 2 ** -149, hi) });

/** Linear in dy, and the same for all x nearby. */
const clampGradientGradient: GradFunc = (dy, [x], attrs) => {
  const { lo, hi } = attrs as unknown as ClampAttrs;
  return { dy: () => clampGradient(dy as Tensor, x!, lo, hi), x: () => zerosLike(x!) };
};

const ours = new WeakSet<GradFunc>();

/** A kernel's gradient on this backend, that which is registered now on others. */
function register(kernelName: string, gradient: GradFunc): void {
  const other = getGradient(kernelName);
  if (other !== undefined && ours.has(other.gradFunc)) return;
  const gradFunc: GradFunc = (dy, saved, attrs) =>
    (other === undefined || getBackend() === backendName ? gradient : other.gradFunc)(dy, saved, attrs);
  ours.add(gradFunc);
  registerGradient({ ...(other ?? { inputsToSave: inputsToSave[kernelName]! }), kernelName, gradFunc });
}

/** As tfjs-core's gradients have it. */
const inputsToSave: Readonly<Record<string, string[]>> = {
  [Sum]: ['x'],
  [Mean]: ['x'],
  [clampGradientName]: ['x'],
  [FusedBatchNorm]: ['x', 'mean', 'variance', 'scale'],
};

/** To be called when the backend is made: importing tfjs-core or tfjs-layers registers theirs. */
export function registerGradients(): void {
  register(Sum, sumGradient);
  register(Mean, meanGradient);
  register(FusedBatchNorm, batchNormGradient);
  register(Relu, reluGradient(Number.POSITIVE_INFINITY));
  register(Relu6, reluGradient(6));
  register(ClipByValue, clipGradient);
  register(clampGradientName, clampGradientGradient);
}
