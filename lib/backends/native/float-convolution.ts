/** Convolutions, matrix products and poolings of float32. */
import type { Conv2dAttributes } from '../../ops/conv2d.js';
import type { ConvolutionAttributes } from '../../ops/convolution.js';
import type { FullyConnectedAttributes } from '../../ops/fully-connected.js';
import { type Activation, activationBounds } from '../../ops/output-stage.js';
import type { PoolAttributes } from '../../ops/pooling.js';
import { product } from '../../ops/shapes.js';
import { defineLowering, type LoweringContext, type Lowerings, type NativeStep, type StepOf } from './lowering.js';
import { coveredBy, maxCopyBytes, maxGroups, paddedSize, pixelFields, windowFields } from './window-fields.js';

type Dims4 = readonly [number, number, number, number];

export const floatConvolutionLowerings: Lowerings = {
  Conv2D: defineLowering<Conv2dAttributes>((step, context) => {
    const constants = constantsOf(step);
    if (constants === undefined) return undefined;
    const { window, groups } = step.attributes;
    const [channels, kernelHeight, kernelWidth] = step.inputs[1]!.dims as Dims4;
    const fields = windowFields(step, window, [kernelHeight, kernelWidth]);
    if (groups > maxGroups || 4 * paddedSize(fields) > maxCopyBytes) return undefined;
    return [{ kind: 'float-conv', fields: { ...fields, ...productFields(step, context), ...constants, channels, groups } }];
  }),

  DepthwiseConv2D: defineLowering<ConvolutionAttributes>((step, context) => {
    const constants = constantsOf(step);
    if (constants === undefined) return undefined;
    const [, kernelHeight, kernelWidth, channels] = step.inputs[1]!.dims as Dims4;
    const depth = step.inputs[0]!.dims[3]!;
    const multiplier = channels / depth;
    const geometry = windowFields(step, step.attributes.window, [kernelHeight, kernelWidth]);
    const repeatedBytes = multiplier === 1 ? 0 : 4 * multiplier * product(step.inputs[0]!.dims);
    const paddedBytes =
      depth > 1 || multiplier === 1 ? 8 * kernelHeight * coveredBy(geometry)[1] : 4 * product(coveredBy(geometry));
    if (repeatedBytes > maxCopyBytes || paddedBytes * geometry.batches > maxCopyBytes) return undefined;
    const fields = { ...geometry, ...productFields(step, context), ...constants };
    if (depth > 1 || multiplier === 1) return [{ kind: 'float-depthwise', fields: { ...fields, multiplier } }];
    // All outputs see the one input channel: a convolution whose weights begin with the output channel.
    const weights = transposed(constants.weights, kernelHeight * kernelWidth, channels);
    return [{ kind: 'float-conv', fields: { ...fields, weights, channels, groups: 1 } }];
  }),

  FullyConnected: defineLowering<FullyConnectedAttributes>((step, context) => {
    const constants = constantsOf(step);
    if (constants === undefined) return undefined;
    const [channels, depth] = step.inputs[1]!.dims as readonly [number, number];
    const rows = product(step.inputs[0]!.dims) / depth;
    const fields = pixelFields({ width: rows, depth });
    return [{ kind: 'float-conv', fields: { ...fields, ...productFields(step, context), ...constants, channels, groups: 1 } }];
  }),

  AveragePool2D: defineLowering<PoolAttributes>((step, context) => pool(step, context, 1)),
  MaxPool2D: defineLowering<PoolAttributes>((step, context) => pool(step, context, 0)),
};

function pool(step: StepOf<PoolAttributes>, context: LoweringContext, average: 0 | 1): readonly NativeStep[] | undefined {
  if (step.inputs[0]!.type !== 'float32') return undefined;
  const { window, size } = step.attributes;
  return [{ kind: 'float-pool', fields: { ...windowFields(step, window, size), ...productFields(step, context), average } }];
}

/** Weights and bias, where everything is float32 and they are known; weights of no elements have no native form. */
function constantsOf(step: StepOf<unknown>): { readonly weights: Float32Array; readonly bias?: Float32Array } | undefined {
  const [x, w, bias] = step.inputs;
  if (x!.type !== 'float32' || w!.type !== 'float32' || w!.constant === undefined || w!.dims.includes(0)) return undefined;
  const weights = w!.constant.data as Float32Array;
  if (bias === undefined) return { weights };
  return bias.constant === undefined ? undefined : { weights, bias: bias.constant.data as Float32Array };
}

function productFields(step: StepOf<{ readonly activation: Activation }>, context: LoweringContext) {
  return {
    x: context.place(step.inputs[0]!),
    y: context.place(step.outputs[0]!),
    bounds: Float32Array.from(activationBounds[step.attributes.activation]),
  };
}

/** [rows, columns] as [columns, rows]. */
function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  return values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)]!);
}
