/** How a native kernel is registered: before the cpu backend's kernel of the same name, which takes what the native one leaves. */
import {
  getKernel,
  type KernelConfig,
  type NamedAttrMap,
  type NamedTensorInfoMap,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import type { OctensorBackend } from '../backend.js';

export const backendName = 'octensor';

/** Of the inputs that tfjs-core declares as perhaps undefined, those that are always there. */
export type Present<Inputs, Names extends keyof Inputs = keyof Inputs> = {
  readonly [Name in Names]: NonNullable<Inputs[Name]>;
};

export interface KernelCall<Inputs, Attrs> {
  readonly inputs: Inputs;
  readonly attrs: Attrs;
  readonly backend: OctensorBackend;
}

/** Undefined, before anything was made: the cpu kernel computes this call. */
export type NativeKernel<Inputs, Attrs> = (call: KernelCall<Inputs, Attrs>) => TensorInfo | TensorInfo[] | undefined;

/** `Inputs` and `Attrs` are what tfjs-core declares for the kernel's name. */
export function nativeKernel<Inputs, Attrs = unknown>(kernelName: string, run: NativeKernel<Inputs, Attrs>): KernelConfig {
  const { kernelFunc: fallback } = getKernel(kernelName, 'cpu');
  return {
    kernelName,
    backendName,
    kernelFunc: (call) => run(call as unknown as KernelCall<Inputs, Attrs>) ?? fallback(call),
  };
}

/** Whether all are float32 tensors; absent ones do not count. */
export function areFloats(...infos: readonly (TensorInfo | null | undefined)[]): boolean {
  return infos.every((info) => info == null || info.dtype === 'float32');
}

/** Runs another kernel of the backend, say one that a kernel is made of. */
export function runKernel(
  kernelName: string,
  backend: OctensorBackend,
  inputs: NamedTensorInfoMap,
  attrs: NamedAttrMap = {},
): TensorInfo {
  return getKernel(kernelName, backendName).kernelFunc({ inputs, attrs, backend }) as TensorInfo;
}
