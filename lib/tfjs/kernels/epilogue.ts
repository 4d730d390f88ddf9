/** What the fused kernels do to the sums of a product or convolution: a bias, an activation. */
import { Add, type backend_util, LeakyRelu, type NamedAttrMap, Prelu, type TensorInfo, util } from '@tensorflow/tfjs-core';
import type { OctensorBackend } from '../backend.js';
import { runKernel } from './kernel.js';

export interface Epilogue {
  readonly bias: TensorInfo | null | undefined;
  readonly preluWeights: TensorInfo | null | undefined;
  readonly activation: backend_util.Activation | null | undefined;
  readonly leakyreluAlpha: number | null | undefined;
}

/** As much of an epilogue as goes with the sums: a bias of one value a channel, then bounds. The others are kernels that follow. */
export interface NativeEpilogue {
  readonly bias: TensorInfo | undefined;
  readonly bounds: readonly [number, number];
  readonly rest: Epilogue;
}

const unbounded = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] as const;
const boundsOf = new Map<string, readonly [number, number]>([
  ['relu', [0, Number.POSITIVE_INFINITY]],
  ['relu6', [0, 6]],
]);
export const noEpilogue: NativeEpilogue = {
  bias: undefined,
  bounds: unbounded,
  rest: { bias: undefined, preluWeights: undefined, activation: undefined, leakyreluAlpha: undefined },
};

/** Of a product or convolution with that many channels. */
export function splitEpilogue(epilogue: Epilogue, channels: number): NativeEpilogue {
  const { bias, activation } = epilogue;
  const isChannelwise = bias != null && bias.shape.at(-1) === channels && util.sizeFromShape(bias.shape) === channels;
  if (bias != null && !isChannelwise) return { ...noEpilogue, rest: epilogue };
  const bounds = boundsOf.get(activation ?? '');
  return {
    bias: bias ?? undefined,
    bounds: bounds ?? unbounded,
    rest: { ...epilogue, bias: undefined, activation: bounds ? undefined : activation },
  };
}

/** Kernels by the activations' names; `prelu` and `leakyrelu` have parameters. */
const activationKernels: Readonly<Record<string, string>> = {
  relu: 'Relu',
  relu6: 'Relu6',
  elu: 'Elu',
  sigmoid: 'Sigmoid',
  prelu: Prelu,
  leakyrelu: LeakyRelu,
};

/** Whether this is an activation that some kernel computes; cpu's fused kernels say so where it is not. */
export function isKnownActivation(activation: backend_util.Activation | null | undefined): boolean {
  return activation == null || activation === 'linear' || activation in activationKernels;
}

/** Applies what native code has left to `y`, which it takes. */
export function applyRest(backend: OctensorBackend, y: TensorInfo, rest: Epilogue): TensorInfo {
  let result = y;
  const replace = (next: TensorInfo): void => {
    backend.disposeIntermediateTensorInfo(result);
    result = next;
  };
  if (rest.bias) replace(runKernel(Add, backend, { a: result, b: rest.bias }));
  const { activation } = rest;
  if (activation == null || activation === 'linear') return result;
  const kernel = activationKernels[activation]!;
  if (activation === 'prelu') {
    replace(runKernel(kernel, backend, { x: result, alpha: rest.preluWeights! }));
  } else {
    const attrs = activation === 'leakyrelu' ? { alpha: rest.leakyreluAlpha } : {};
    replace(runKernel(kernel, backend, { x: result }, attrs as NamedAttrMap));
  }
  return result;
}
