/** Conv1D, Conv2D, Conv2DTranspose, DepthwiseConv2D, SeparableConv2D. */
import { Tensor } from '../../../tensor.js';
import { activated } from '../activations.js';
import type { Ref } from '../builder.js';
import type { LayerCall, LayerRules } from '../layer-call.js';
import { asImage, onChannelsLast, pairOf, windowOf } from './images.js';

export const convolutionRules: LayerRules = {
  Conv1D: (call) =>
    activated(
      call,
      onChannelsLast(call, call.input(3), (x) => asImage(call, causal(call, x), (image) => convolve(call, image, 'kernel', 1))),
    ),
  Conv2D: (call) =>
    activated(
      call,
      onChannelsLast(call, call.input(4), (x) => convolve(call, x, 'kernel', 2)),
    ),
  Conv2DTranspose: (call) =>
    activated(
      call,
      onChannelsLast(call, call.input(4), (x) => transposed(call, x)),
    ),
  DepthwiseConv2D: (call) =>
    activated(
      call,
      onChannelsLast(call, call.input(4), (x) => depthwise(call, x, call.bias())),
    ),
  SeparableConv2D: (call) =>
    activated(
      call,
      onChannelsLast(call, call.input(4), (x) => {
        const mixed = call.parameter('pointwise_kernel', 4, outputsFirst);
        return call.add('Conv2D', {}, [depthwise(call, x, undefined), mixed, call.bias()]);
      }),
    ),
};

function convolve(call: LayerCall, x: Ref, kernel: string, spatial: 1 | 2): Ref {
  const groups = call.config.integer('groups', 1, 2 ** 20, 1);
  const weights = call.parameter(kernel, spatial + 2, (weight) => outputsFirst(spatial === 2 ? weight : asKernel2d(weight)));
  return call.add('Conv2D', { ...windowOf(call, spatial), groups }, [x, weights, call.bias()]);
}

function depthwise(call: LayerCall, x: Ref, bias: Ref | undefined): Ref {
  // Channel c of the input gives channels c·M to c·M + M - 1, in the kernel's own order
  const weights = call.parameter('depthwise_kernel', 4, ({ data, dims: [height, width, depth, multiplier] }) => {
    return new Tensor('float32', data, [1, height!, width!, depth! * multiplier!]);
  });
  const groups = call.weight('depthwise_kernel', 4).dims[2]!;
  return call.add('DepthwiseConv2D', { ...windowOf(call, 2), groups }, [x, weights, bias]);
}

/**
 * The output has input · stride pixels, and without padding as many more as the kernel is larger than the stride: where it is smaller,
 * that is more than the kernel reaches.
 */
function transposed(call: LayerCall, x: Ref): Ref {
  const { dilations, ...window } = windowOf(call, 2);
  if ((dilations as readonly number[]).some((dilation) => dilation !== 1)) throw call.unsupported('a dilation rate');
  if (call.config.has('output_padding')) throw call.unsupported('output_padding');
  const [, , channels] = call.weight('kernel', 4).dims as [number, number, number, number];
  if (channels < 1) throw call.error('ERR_SHAPE', 'expected a kernel with filters, got none');
  const [height, width] = call.weight('kernel', 4).dims as [number, number, number, number];
  const [vertical, horizontal] = pairOf(call, 'strides', 2, [1, 1]) as [number, number];
  const outputPadding = [Math.max(vertical - height, 0), Math.max(horizontal - width, 0)];
  const isPadded = window.padding === 'valid' && outputPadding.some((pad) => pad > 0);
  // [KH, KW, O, C] as [O, KH, KW, C]
  const weights = call.parameter('kernel', 4, (weight) => permuted(weight, [2, 0, 1, 3]));
  const attributes = isPadded ? { ...window, outputPadding, anySize: true } : window;
  return call.add('TransposeConv2D', attributes, [x, weights, call.bias()]);
}

/** Zeros before the first step, so that no output sees a later input than its own. */
function causal(call: LayerCall, x: Ref): Ref {
  if (call.config.oneOf('padding', ['valid', 'same', 'causal'], 'valid') !== 'causal') return x;
  const [, dilation] = pairOf(call, 'dilation_rate', 1, [1]) as [number, number];
  const before = (call.weight('kernel', 3).dims[0]! - 1) * dilation;
  return before > 0 ? call.add('Pad', { pads: [0, 0, before, 0, 0, 0] }, [x]) : x;
}

/** [K, C, O] as [1, K, C, O]. */
function asKernel2d({ data, dims }: Tensor<'float32'>): Tensor<'float32'> {
  return new Tensor('float32', data, [1, ...dims]);
}

/** [KH, KW, C, O] as [O, KH, KW, C]. */
export function outputsFirst(weight: Tensor<'float32'>): Tensor<'float32'> {
  return permuted(weight, [3, 0, 1, 2]);
}

/** Dimension i of the result is dimension perm[i] of the tensor. */
export function permuted({ data, dims }: Tensor<'float32'>, perm: readonly number[]): Tensor<'float32'> {
  const own = dims.map((_, i) => dims.slice(i + 1).reduce((product, dim) => product * dim, 1));
  const [shape, steps] = [perm.map((axis) => dims[axis]!), perm.map((axis) => own[axis]!)];
  const result = new Float32Array(data.length);
  const index = new Array<number>(perm.length).fill(0);
  for (let i = 0, from = 0; i < result.length; i++) {
    result[i] = data[from]!;
    for (let axis = perm.length - 1; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= steps[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return new Tensor('float32', result, shape);
}
