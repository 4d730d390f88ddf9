/** Convolutions and matrix products of float32 with int8 weights: native/ops/hybrid_conv.cc. */

import type { ProductLayout } from '../../ops/accumulate.js';
import type { Conv2dAttributes } from '../../ops/conv2d.js';
import type { FullyConnectedAttributes } from '../../ops/fully-connected.js';
import { isAsymmetric, isWeightScaleFirst } from '../../ops/hybrid.js';
import { activationBounds } from '../../ops/output-stage.js';
import { product } from '../../ops/shapes.js';
import { weightQParams } from '../../ops/weights.js';
import { defineLowering, type LoweringContext, type Lowerings, type StepOf } from './lowering.js';
import { maxCopyBytes, paddedSize, pixelFields, windowFields } from './window-fields.js';

export const hybridLowerings: Lowerings = {
  Conv2D: defineLowering<Conv2dAttributes>((step, context) => {
    const { window, activation, groups } = step.attributes;
    const [channels, ...kernel] = step.inputs[1]!.dims as [number, number, number, number];
    const fields = hybridFields(step, context, { kind: 'convolution', channels, axis: 0, activation });
    if (fields === undefined || groups !== 1) return undefined;
    const geometry = windowFields(step, window, [kernel[0], kernel[1]]);
    if (paddedSize(geometry) > maxCopyBytes) return undefined;
    return [{ kind: 'hybrid-conv', fields: { ...fields, ...geometry, channels, groups } }];
  }),

  FullyConnected: defineLowering<FullyConnectedAttributes>((step, context) => {
    const { activation, asymmetricInputs } = step.attributes;
    const [channels, depth] = step.inputs[1]!.dims as [number, number];
    const fields = hybridFields(step, context, { kind: 'matrix', channels, axis: 0, activation, asymmetricInputs });
    if (fields === undefined) return undefined;
    // Each row is a batch, for it has a scale of its own.
    const geometry = pixelFields({ batches: product(step.inputs[0]!.dims) / depth, depth });
    return [{ kind: 'hybrid-conv', fields: { ...fields, ...geometry, channels, groups: 1 } }];
  }),
};

/** Undefined where weights and bias are not known, or the weights have zero points, which the format has no use for. */
function hybridFields<A>(step: StepOf<A>, context: LoweringContext, layout: ProductLayout) {
  const [x, w, bias] = step.inputs;
  if (x!.type !== 'float32' || w!.type !== 'int8' || w!.constant === undefined || w!.dims.includes(0)) return undefined;
  if (bias !== undefined && bias.constant === undefined) return undefined;
  const { scales, zeroPoints } = weightQParams(step, w!, layout);
  if (zeroPoints.some((zeroPoint) => zeroPoint !== 0)) return undefined;
  return {
    x: context.place(x!),
    y: context.place(step.outputs[0]!),
    weights: w!.constant.data as Int8Array,
    scales: Float32Array.from(scales),
    bias: (bias?.constant?.data as Float32Array | undefined) ?? new Float32Array(layout.channels),
    asymmetric: Number(isAsymmetric(layout, scales)),
    weightScaleFirst: Number(isWeightScaleFirst(layout, scales)),
    bounds: Float32Array.from(activationBounds[layout.activation]),
  };
}
