/** DepthwiseConv2D on 8-bit values with constant weights: native/ops/depthwise.cc. */

import type { ProductLayout } from '../../ops/accumulate.js';
import type { ConvolutionAttributes } from '../../ops/convolution.js';
import { extentsOf } from '../../ops/convolution.js';
import type { TypedArray } from '../../typed-array.js';
import { convolutionStep, productFields, transposeSingleChannelWeights } from './convolution.js';
import { defineLowering, type Lowerings } from './lowering.js';

/** What the windows of a step may cover, in bytes; what is out of all proportion is left to the reference. */
const maxCoveredBytes = 2 ** 38;

export const depthwiseLowerings: Lowerings = {
  DepthwiseConv2D: defineLowering<ConvolutionAttributes>((step, context) => {
    const [x, w] = [step.inputs[0]!, step.inputs[1]!];
    const { window, activation } = step.attributes;
    const { strides, dilations } = window;
    const [batches, height, width, depth] = x.dims as [number, number, number, number];
    const [, kernelHeight, kernelWidth, channels] = w.dims as [number, number, number, number];
    const layout: ProductLayout = { kind: 'convolution', channels, axis: 3, activation };
    const fields = productFields(step, context, layout);
    if (fields === undefined) return undefined;
    if (depth === 1 && channels > 1) {
      const weights = transposeSingleChannelWeights(w);
      return convolutionStep(step, context, layout, { weights, kernel: [kernelHeight, kernelWidth], groups: 1 });
    }
    const [vertical, horizontal] = extentsOf(step, window, [height, width], [kernelHeight, kernelWidth]);
    const coveredHeight = vertical.size * strides[0] + kernelHeight * dilations[0];
    const coveredWidth = horizontal.size * strides[1] + kernelWidth * dilations[1];
    if (batches * coveredHeight * coveredWidth * channels * kernelHeight > maxCoveredBytes) return undefined;
    const geometry = {
      batches,
      height,
      width,
      depth,
      channels,
      groups: depth,
      outHeight: vertical.size,
      outWidth: horizontal.size,
      kernelHeight,
      kernelWidth,
      strideY: strides[0],
      strideX: strides[1],
      dilationY: dilations[0],
      dilationX: dilations[1],
      padTop: vertical.before,
      padLeft: horizontal.before,
    };
    return [{ kind: 'depthwise', fields: { ...fields, ...geometry, weights: w.constant!.data as TypedArray } }];
  }),
};
