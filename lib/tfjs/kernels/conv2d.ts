/** Convolutions of float32 images in NHWC order, and their gradients. */
import {
  backend_util,
  Conv2D,
  type Conv2DAttrs,
  Conv2DBackpropFilter,
  type Conv2DBackpropFilterAttrs,
  type Conv2DBackpropFilterInputs,
  Conv2DBackpropInput,
  type Conv2DBackpropInputAttrs,
  type Conv2DBackpropInputInputs,
  type Conv2DInputs,
  FusedConv2D,
  type FusedConv2DAttrs,
  type FusedConv2DInputs,
  type KernelConfig,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import type { OctensorBackend } from '../backend.js';
import { eager, eagerKind } from '../eager.js';
import { applyRest, type Epilogue, isKnownActivation, noEpilogue, splitEpilogue } from './epilogue.js';
import { areFloats, nativeKernel, type Present } from './kernel.js';
import { windowNumbers } from './window.js';

const convKind = eagerKind('conv');
const inputGradientKind = eagerKind('convInputGradient');
const filterGradientKind = eagerKind('convFilterGradient');

type Shape4D = [number, number, number, number];
type Geometry = Pick<Conv2DAttrs, 'strides' | 'pad' | 'dataFormat' | 'dimRoundingMode'>;

function convInfo(x: readonly number[], filter: readonly number[], attrs: Geometry, dilations: Conv2DAttrs['dilations'] | 1) {
  const format = backend_util.convertConv2DDataFormat(attrs.dataFormat);
  const { strides, pad, dimRoundingMode } = attrs;
  return backend_util.computeConv2DInfo(
    x as Shape4D,
    filter as Shape4D,
    strides,
    dilations,
    pad,
    dimRoundingMode,
    false,
    format,
  );
}

function convolve(
  backend: OctensorBackend,
  { x, filter }: Present<Conv2DInputs>,
  attrs: Conv2DAttrs,
  epilogue?: Epilogue,
): TensorInfo | undefined {
  const info = convInfo(x.shape, filter.shape, attrs, attrs.dilations);
  const window = windowNumbers(info);
  // Groups of channels are for the cpu backend's kernel.
  if (!window || filter.shape[2] !== info.inChannels) return undefined;
  const { bias, bounds, rest } = epilogue ? splitEpilogue(epilogue, info.outChannels) : noEpilogue;
  const operands = [backend.floats(x), backend.floats(filter)];
  if (bias) operands.push(backend.floats(bias));
  const [y, result] = backend.makeFloats(info.outShape);
  eager(convKind, [...window, info.outChannels, bias ? 1 : 0, ...bounds], ...operands, result);
  return applyRest(backend, y, rest);
}

const conv2d = nativeKernel<Present<Conv2DInputs>, Conv2DAttrs>(Conv2D, ({ inputs, attrs, backend }) =>
  areFloats(inputs.x, inputs.filter) ? convolve(backend, inputs, attrs) : undefined,
);

const fusedConv2d = nativeKernel<FusedConv2DInputs, FusedConv2DAttrs>(FusedConv2D, ({ inputs, attrs, backend }) => {
  const { bias, preluActivationWeights: preluWeights } = inputs;
  const { activation, leakyreluAlpha } = attrs;
  const [x, filter] = [inputs.x!, inputs.filter!];
  if (!areFloats(x, filter, bias, preluWeights) || !isKnownActivation(activation)) return undefined;
  return convolve(backend, { x, filter }, attrs, { bias, preluWeights, activation, leakyreluAlpha });
});

const conv2dBackpropInput = nativeKernel<Present<Conv2DBackpropInputInputs>, Conv2DBackpropInputAttrs>(
  Conv2DBackpropInput,
  ({ inputs: { dy, filter }, attrs, backend }) => {
    if (!areFloats(dy, filter)) return undefined;
    const info = convInfo(attrs.inputShape, filter.shape, attrs, 1);
    const window = windowNumbers(info);
    if (!window || filter.shape[2] !== info.inChannels) return undefined;
    // conv2dTranspose also takes images that no convolution gives.
    if (!util.arraysEqual(dy.shape, info.outShape)) return undefined;
    const operands = [backend.floats(dy), backend.floats(filter)];
    const [dx, result] = backend.makeFloats(info.inShape);
    eager(inputGradientKind, [...window, info.outChannels], ...operands, result);
    return dx;
  },
);

const conv2dBackpropFilter = nativeKernel<Present<Conv2DBackpropFilterInputs>, Conv2DBackpropFilterAttrs>(
  Conv2DBackpropFilter,
  ({ inputs: { x, dy }, attrs, backend }) => {
    if (!areFloats(x, dy)) return undefined;
    const info = convInfo(x.shape, attrs.filterShape, attrs, 1);
    const window = windowNumbers(info);
    if (!window || attrs.filterShape[2] !== info.inChannels) return undefined;
    const operands = [backend.floats(x), backend.floats(dy)];
    const [filter, result] = backend.makeFloats(info.filterShape);
    eager(filterGradientKind, [...window, info.outChannels], ...operands, result);
    return filter;
  },
);

export const conv2dKernels: readonly KernelConfig[] = [conv2d, fusedConv2d, conv2dBackpropInput, conv2dBackpropFilter];
