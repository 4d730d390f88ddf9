/** Poolings, means and sizes of images. */
import { layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import type { PoolAttributes } from '../../ops/pooling.js';
import { type ReductionAttributes, reducedAxes } from '../../ops/reduction.js';
import type { ResizeAttributes } from '../../ops/resize.js';
import type { ResizeNdAttributes } from '../../ops/resize-plan.js';
import { activated } from './activations.js';
import type { Layer, NodeCall, RebuildRule, RebuildRules } from './node-call.js';
import { namedPadding } from './windows.js';

export const imageRules: RebuildRules = {
  MaxPool2D: pooling((options) => layers.maxPooling2d(options)),
  AveragePool2D: pooling((options) => layers.averagePooling2d(options)),
  Mean: reduction([(options) => layers.globalAveragePooling1d(options), (options) => layers.globalAveragePooling2d(options)]),
  ReduceMax: reduction([(options) => layers.globalMaxPooling1d(options), (options) => layers.globalMaxPooling2d(options)]),
  ResizeNearest: (call) => upsampled(call, isAligned(call, 'nearest'), 'nearest'),
  ResizeBilinear: (call) => upsampled(call, isAligned(call, 'bilinear'), 'bilinear'),

  Resize(call) {
    const { mode, coordinates, nearest } = call.attributes<ResizeNdAttributes>();
    // A pixel becomes a block of equal ones, however its place is worked out
    const isBlock =
      (coordinates === 'asymmetric' && (nearest === 'floor' || nearest === 'simple')) ||
      (coordinates === 'half_pixel' && nearest === 'round_prefer_floor');
    if (mode === 'nearest') return upsampled(call, isBlock, 'nearest');
    return upsampled(call, mode === 'linear' && coordinates === 'asymmetric', 'bilinear');
  },
};

type PoolOptions = { poolSize: [number, number]; strides: [number, number]; padding: 'same' | 'valid'; name: string };

function pooling(make: (options: PoolOptions) => Layer): RebuildRule {
  return (call) => {
    const { window, size } = call.attributes<PoolAttributes>();
    const [, height, width] = call.operand(0).dims as [number, number, number];
    const padding = namedPadding(window, [height, width], size);
    if (padding === undefined) throw call.unsupported(`a pooling with padding ${window.padding}`);
    const options = { poolSize: [...size] as [number, number], strides: [...window.strides] as [number, number], padding };
    return activated(
      call,
      call.apply((name) => make({ ...options, name }), call.tensor(0)),
    );
  };
}

/** Of all pixels, channel by channel. */
function reduction(
  make: readonly [line: (options: { name: string }) => Layer, image: (options: { name: string }) => Layer],
): RebuildRule {
  return (call) => {
    const attributes = call.attributes<ReductionAttributes>();
    const { dims } = call.operand(0);
    const context = { node: call.node, attributes, inputs: call.inputs, numerics: 'onnx' } as const;
    const axes = reducedAxes(context, dims.length);
    const spatial = dims.length - 2;
    const isSpatial = axes.size === spatial && !axes.has(0) && !axes.has(dims.length - 1);
    if (!isSpatial || (spatial !== 1 && spatial !== 2))
      throw call.unsupported(`a reduction of dimensions ${[...axes].join(', ')}`);
    const pooled = call.apply((name) => make[spatial - 1]!({ name }), call.tensor(0));
    return attributes.keepDims ? reshaped(call, pooled, 'reshape') : pooled;
  };
}

export function reshaped(call: NodeCall, x: SymbolicTensor, part?: string): SymbolicTensor {
  const targetShape = call.outputDims.slice(1);
  return call.apply((name) => layers.reshape({ targetShape, name }), x, part === undefined ? {} : { part });
}

/** Pixels are where UpSampling2D has them. */
function isAligned(call: NodeCall, mode: 'nearest' | 'bilinear'): boolean {
  const { alignCorners, halfPixelCenters } = call.attributes<ResizeAttributes>();
  return !alignCorners && (mode === 'nearest' || !halfPixelCenters);
}

function upsampled(call: NodeCall, isKnown: boolean, interpolation: 'nearest' | 'bilinear'): SymbolicTensor {
  const { dims } = call.operand(0);
  const size = [1, 2].map((axis) => call.outputDims[axis]! / dims[axis]!) as [number, number];
  const isImage = dims.length === 4 && dims[3] === call.outputDims[3];
  if (!isKnown || !isImage || !size.every((factor) => Number.isInteger(factor))) {
    throw call.unsupported('a resize by other than whole factors from the first pixel');
  }
  return call.apply((name) => layers.upSampling2d({ size, interpolation, name }), call.tensor(0));
}
