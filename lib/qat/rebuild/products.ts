/** Convolutions, dense layers, BatchNorm. */
import { layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import type { BatchNormAttributes } from '../../ops/batch-norm.js';
import type { Conv2dAttributes } from '../../ops/conv2d.js';
import type { FullyConnectedAttributes } from '../../ops/fully-connected.js';
import type { MatMulAttributes } from '../../ops/matmul.js';
import { permuted } from '../../ops/strided-copy.js';
import type { TransposeConv2dAttributes } from '../../ops/transpose-conv2d.js';
import { Tensor } from '../../tensor.js';
import { activated } from './activations.js';
import type { NodeCall, RebuildRules } from './node-call.js';
import { namedPadding, padded } from './windows.js';

export const productRules: RebuildRules = {
  Conv2D(call) {
    const { window, groups } = call.attributes<Conv2dAttributes>();
    const w = call.constant(1);
    const [channels, height, width] = w.dims as [number, number, number];
    if (groups !== 1) throw call.unsupported(`a convolution of ${groups} groups`);
    const bias = call.vector(2, channels);
    const { x, padding } = windowed(call, window, [height, width]);
    const shape = {
      filters: channels,
      kernelSize: [height, width],
      strides: [...window.strides],
      dilationRate: [...window.dilations],
    };
    const make = (name: string) => layers.conv2d({ ...shape, padding, useBias: bias !== undefined, name } as never);
    // [O, KH, KW, C] as [KH, KW, C, O]
    return activated(call, call.apply(make, x, { weights: weightsOf(reordered(w, [1, 2, 3, 0]), bias) }));
  },

  DepthwiseConv2D(call) {
    const { window } = call.attributes<Conv2dAttributes>();
    const w = call.constant(1);
    const [, height, width, channels] = w.dims as [number, number, number, number];
    const depth = call.operand(0).dims[3]!;
    const bias = call.vector(2, channels);
    const { x, padding } = windowed(call, window, [height, width]);
    const depthMultiplier = channels / depth;
    const shape = {
      depthMultiplier,
      kernelSize: [height, width],
      strides: [...window.strides],
      dilationRate: [...window.dilations],
    };
    const make = (name: string) => layers.depthwiseConv2d({ ...shape, padding, useBias: bias !== undefined, name } as never);
    const kernel = new Tensor('float32', w.data as Float32Array, [height, width, depth, depthMultiplier]);
    return activated(call, call.apply(make, x, { weights: weightsOf(kernel, bias) }));
  },

  TransposeConv2D(call) {
    const { window, groups } = call.attributes<TransposeConv2dAttributes>();
    const { padding, strides, dilations } = window;
    if (groups !== 1 || typeof padding !== 'string' || padding === 'same-lower' || dilations.some((step) => step !== 1)) {
      throw call.unsupported('a transposed convolution of groups, with dilation or explicit padding');
    }
    const w = call.constant(1);
    const [filters, height, width] = w.dims as [number, number, number];
    const bias = call.vector(2, filters);
    const shape = { filters, kernelSize: [height, width], strides: [...strides], padding };
    const make = (name: string) => layers.conv2dTranspose({ ...shape, useBias: bias !== undefined, name } as never);
    // [O, KH, KW, C] as [KH, KW, O, C]
    return activated(call, call.apply(make, call.tensor(0), { weights: weightsOf(reordered(w, [1, 2, 0, 3]), bias) }));
  },

  FullyConnected(call) {
    const { keepDims } = call.attributes<FullyConnectedAttributes>();
    const w = call.constant(1);
    const { dims } = call.operand(0);
    const x = keepDims || dims.length === 2 ? call.tensor(0) : flattened(call);
    return dense(call, x, reordered(w, [1, 0]), call.vector(2, w.dims[0]!));
  },

  MatMul(call) {
    const { transposeA, transposeB } = call.attributes<MatMulAttributes>();
    const w = call.constant(1);
    if (w.dims.length !== 2 || transposeA || call.operand(0).dims.length < 2) {
      throw call.unsupported('a product that is not of rows with constant columns');
    }
    const kernel = transposeB ? reordered(w, [1, 0]) : w;
    return dense(call, call.tensor(0), kernel, call.vector(2, kernel.dims[1]!));
  },

  BatchNorm(call) {
    const { axis, epsilon } = call.attributes<BatchNormAttributes>();
    const { dims } = call.operand(0);
    if (axis !== -1 && axis !== dims.length - 1) throw call.unsupported('channels that are not the last dimension');
    const channels = dims.at(-1)!;
    const weights = [1, 2, 3, 4].map((index) => call.vector(index, channels)!);
    return call.apply((name) => layers.batchNormalization({ epsilon, name }), call.tensor(0), { weights });
  },
};

function dense(
  call: NodeCall,
  x: SymbolicTensor,
  kernel: Tensor<'float32'>,
  bias: Tensor<'float32'> | undefined,
): SymbolicTensor {
  const make = (name: string) => layers.dense({ units: kernel.dims[1]!, useBias: bias !== undefined, name });
  return activated(call, call.apply(make, x, { weights: weightsOf(kernel, bias) }));
}

function weightsOf(kernel: Tensor<'float32'>, bias: Tensor<'float32'> | undefined): readonly Tensor<'float32'>[] {
  return bias === undefined ? [kernel] : [kernel, bias];
}

/** One row for each of the batch. */
function flattened(call: NodeCall): SymbolicTensor {
  return call.apply((name) => layers.flatten({ name }), call.tensor(0), { part: 'flatten' });
}

function windowed(call: NodeCall, window: Conv2dAttributes['window'], kernel: readonly [number, number]) {
  const [, height, width] = call.operand(0).dims as [number, number, number];
  const padding = namedPadding(window, [height, width], kernel);
  if (padding !== undefined) return { x: call.tensor(0), padding };
  return { x: padded(call, window, [height, width], kernel), padding: 'valid' as const };
}

/** Dimension i of the result is dimension perm[i]. */
function reordered({ data, dims }: Tensor<'float32'>, perm: readonly number[]): Tensor<'float32'> {
  const result = permuted('float32', data as Float32Array, dims, perm) as Float32Array;
  return new Tensor(
    'float32',
    result,
    perm.map((axis) => dims[axis]!),
  );
}
