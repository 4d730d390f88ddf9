/** DepthwiseConv2D on 8-bit values with constant weights: native/ops/depthwise.cc. */

import type { ProductLayout } from '../../ops/accumulate.js';
import type { ConvolutionAttributes } from '../../ops/convolution.js';
import { inPixels } from '../../ops/planar-depthwise.js';
import { product } from '../../ops/shapes.js';
import type { TypedArray } from '../../typed-array.js';
import { convolutionStep, productFields, transposeSingleChannelWeights } from './convolution.js';
import { defineLowering, type LoweringContext, type Lowerings, type NativeStep, type StepOf } from './lowering.js';
import { coveredBy, windowFields } from './window-fields.js';

/** What the windows of a step may cover, in bytes; what is out of all proportion is left to the reference. */
const maxCoveredBytes = 2 ** 38;

export const depthwiseLowerings: Lowerings = {
  DepthwiseConv2D: defineLowering<ConvolutionAttributes>(lowerDepthwise),
  PlanarDepthwiseConv2D: defineLowering<ConvolutionAttributes>((step, context) => {
    const [native] = lowerDepthwise(inPixels(step), context) ?? [];
    return native?.kind === 'depthwise' ? [{ kind: native.kind, fields: { ...native.fields, planar: 1 } }] : undefined;
  }),
};

function lowerDepthwise(step: StepOf<ConvolutionAttributes>, context: LoweringContext): readonly NativeStep[] | undefined {
  const [x, w] = [step.inputs[0]!, step.inputs[1]!];
  const { window, activation } = step.attributes;
  const depth = x.dims[3]!;
  const [, kernelHeight, kernelWidth, channels] = w.dims as [number, number, number, number];
  const layout: ProductLayout = { kind: 'convolution', channels, axis: 3, activation };
  const fields = productFields(step, context, layout);
  if (fields === undefined) return undefined;
  if (depth === 1 && channels > 1) {
    const weights = transposeSingleChannelWeights(w);
    return convolutionStep(step, context, layout, { weights, kernel: [kernelHeight, kernelWidth], groups: 1 });
  }
  const geometry = windowFields(step, window, [kernelHeight, kernelWidth]);
  if (product(coveredBy(geometry)) * geometry.batches * channels * kernelHeight > maxCoveredBytes) return undefined;
  return [
    {
      kind: 'depthwise',
      fields: { ...fields, ...geometry, channels, groups: depth, weights: w.constant!.data as TypedArray },
    },
  ];
}
