/** Depthwise convolutions of float32 images in NHWC order, and their gradients. */
import {
  backend_util,
  DepthwiseConv2dNative,
  type DepthwiseConv2dNativeAttrs,
  DepthwiseConv2dNativeBackpropFilter,
  type DepthwiseConv2dNativeBackpropFilterAttrs,
  type DepthwiseConv2dNativeBackpropFilterInputs,
  DepthwiseConv2dNativeBackpropInput,
  type DepthwiseConv2dNativeBackpropInputAttrs,
  type DepthwiseConv2dNativeBackpropInputInputs,
  type DepthwiseConv2dNativeInputs,
  FusedDepthwiseConv2D,
  type FusedDepthwiseConv2DAttrs,
  type FusedDepthwiseConv2DInputs,
  type KernelConfig,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import type { OctensorBackend } from '../backend.js';
import { eager, eagerKind } from '../eager.js';
import { applyRest, type Epilogue, isKnownActivation, noEpilogue, splitEpilogue } from './epilogue.js';
import { areFloats, nativeKernel, type Present } from './kernel.js';
import { windowNumbers } from './window.js';

const depthwiseKind = eagerKind('depthwise');
const inputGradientKind = eagerKind('depthwiseInputGradient');
const filterGradientKind = eagerKind('depthwiseFilterGradient');

type Shape4D = [number, number, number, number];
type Geometry = Pick<DepthwiseConv2dNativeAttrs, 'strides' | 'pad' | 'dilations' | 'dimRoundingMode'>;

/** The window and the multiplier. Undefined where the cpu backend's kernel is to compute the call, or to say what is wrong. */
function readGeometry(x: readonly number[], filter: readonly number[], attrs: Geometry) {
  const { strides, pad, dimRoundingMode } = attrs;
  const dilations = attrs.dilations ?? [1, 1];
  const info = backend_util.computeConv2DInfo(x as Shape4D, filter as Shape4D, strides, dilations, pad, dimRoundingMode, true);
  const window = windowNumbers(info);
  if (!window || filter[2] !== info.inChannels) return undefined;
  if (!backend_util.eitherStridesOrDilationsAreOne(strides, dilations)) return undefined;
  return { info, numbers: [...window, info.outChannels / info.inChannels] };
}

function hasGaps({ info }: { readonly info: backend_util.Conv2DInfo }): boolean {
  return info.dilationHeight !== 1 || info.dilationWidth !== 1;
}

function convolve(
  backend: OctensorBackend,
  { x, filter }: Present<DepthwiseConv2dNativeInputs>,
  attrs: DepthwiseConv2dNativeAttrs,
  epilogue?: Epilogue,
): TensorInfo | undefined {
  const geometry = attrs.dataFormat === 'NCHW' ? undefined : readGeometry(x.shape, filter.shape, attrs);
  if (!geometry) return undefined;
  const { info, numbers } = geometry;
  const { bias, bounds, rest } = epilogue ? splitEpilogue(epilogue, info.outChannels) : noEpilogue;
  const operands = [backend.floats(x), backend.floats(filter)];
  if (bias) operands.push(backend.floats(bias));
  const [y, result] = backend.makeFloats(info.outShape);
  eager(depthwiseKind, [...numbers, bias ? 1 : 0, ...bounds], ...operands, result);
  return applyRest(backend, y, rest);
}

const depthwise = nativeKernel<Present<DepthwiseConv2dNativeInputs>, DepthwiseConv2dNativeAttrs>(
  DepthwiseConv2dNative,
  ({ inputs, attrs, backend }) => (areFloats(inputs.x, inputs.filter) ? convolve(backend, inputs, attrs) : undefined),
);

const fusedDepthwise = nativeKernel<FusedDepthwiseConv2DInputs, FusedDepthwiseConv2DAttrs>(
  FusedDepthwiseConv2D,
  ({ inputs, attrs, backend }) => {
    const { bias, preluActivationWeights: preluWeights } = inputs;
    const { activation, leakyreluAlpha } = attrs;
    const [x, filter] = [inputs.x!, inputs.filter!];
    if (!areFloats(x, filter, bias, preluWeights) || !isKnownActivation(activation)) return undefined;
    return convolve(backend, { x, filter }, attrs, { bias, preluWeights, activation, leakyreluAlpha });
  },
);

const depthwiseBackpropInput = nativeKernel<
  Present<DepthwiseConv2dNativeBackpropInputInputs>,
  DepthwiseConv2dNativeBackpropInputAttrs
>(DepthwiseConv2dNativeBackpropInput, ({ inputs: { dy, filter }, attrs, backend }) => {
  if (!areFloats(dy, filter)) return undefined;
  const geometry = readGeometry(attrs.inputShape, filter.shape, attrs);
  if (!geometry || hasGaps(geometry)) return undefined;
  const operands = [backend.floats(dy), backend.floats(filter)];
  const [dx, result] = backend.makeFloats(geometry.info.inShape);
  eager(inputGradientKind, geometry.numbers, ...operands, result);
  return dx;
});

const depthwiseBackpropFilter = nativeKernel<
  Present<DepthwiseConv2dNativeBackpropFilterInputs>,
  DepthwiseConv2dNativeBackpropFilterAttrs
>(DepthwiseConv2dNativeBackpropFilter, ({ inputs: { x, dy }, attrs, backend }) => {
  if (!areFloats(x, dy)) return undefined;
  const geometry = readGeometry(x.shape, attrs.filterShape, attrs);
  // The cpu backend's kernel does not know gaps; tfjs-core asks for no gradient of windows that have some.
  if (!geometry || hasGaps(geometry)) return undefined;
  const operands = [backend.floats(x), backend.floats(dy)];
  const [filter, result] = backend.makeFloats(geometry.info.filterShape);
  eager(filterGradientKind, geometry.numbers, ...operands, result);
  return filter;
});

export const depthwiseConv2dKernels: readonly KernelConfig[] = [
  depthwise,
  fusedDepthwise,
  depthwiseBackpropInput,
  depthwiseBackpropFilter,
];
