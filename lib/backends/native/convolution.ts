/** Conv2D and FullyConnected on 8-bit values with constant weights: native/ops/conv.cc. */
import { numericsCodes } from '../../addon.js';
import { multipliersOf, type ProductLayout } from '../../ops/accumulate.js';
import type { Conv2dAttributes } from '../../ops/conv2d.js';
import type { ConvolutionAttributes } from '../../ops/convolution.js';
import type { FullyConnectedAttributes } from '../../ops/fully-connected.js';
import { type Operand, perTensor } from '../../ops/op.js';
import { quantizedBounds } from '../../ops/output-stage.js';
import { product } from '../../ops/shapes.js';
import { weightQParams } from '../../ops/weights.js';
import type { TypedArray } from '../../typed-array.js';
import { defineLowering, type LoweringContext, type Lowerings, type NativeStep, type StepOf } from './lowering.js';
import { maxCopyBytes, maxGroups, paddedSize, pixelFields, windowFields } from './window-fields.js';

/** OutputKind of native/kernels/kernel.h. */
export const outputKinds = { int32: 0, float32: 1, quantized: 2 } as const;

/** Fields that convolutions of all kinds have in common. */
export type ProductFields = Readonly<Record<string, number | TypedArray>>;

/** Input, output, bias and requantization; undefined where the operands are not 8-bit values and constant 8-bit weights. */
export function productFields<A>(step: StepOf<A>, context: LoweringContext, layout: ProductLayout): ProductFields | undefined {
  const [x, w, bias] = step.inputs as readonly [Operand, Operand, Operand?];
  const y = step.outputs[0]!;
  if (!isByte(x) || !isByte(w) || !isByte(y) || w.constant === undefined) return undefined;
  if (bias !== undefined && bias.constant === undefined) return undefined;
  const [input, output] = [perTensor(step, x), perTensor(step, y)];
  const weights = weightQParams(step, w, layout);
  const [min, max] = quantizedBounds(layout.activation, output, step.numerics);
  return {
    x: context.place(x),
    y: context.place(y),
    xSigned: Number(x.type === 'int8'),
    xZeroPoint: input.zeroPoint,
    weightZeroPoints: weights.zeroPoints,
    multipliers: multipliersOf(step, layout, weights),
    outputKind: outputKinds.quantized,
    numerics: numericsCodes[step.numerics],
    ySigned: Number(y.type === 'int8'),
    yZeroPoint: output.zeroPoint,
    yMin: min,
    yMax: max,
    ...(bias === undefined ? {} : { bias: bias.constant!.data as Int32Array }),
  };
}

/** A convolution of [N, H, W, C] with `weights` in the order [O, KH, KW, C / groups]. */
export function convolutionStep<A extends ConvolutionAttributes>(
  step: StepOf<A>,
  context: LoweringContext,
  layout: ProductLayout,
  { weights, kernel, groups }: { weights: TypedArray; kernel: readonly [number, number]; groups: number },
): readonly NativeStep[] | undefined {
  const fields = productFields(step, context, layout);
  const geometry = windowFields(step, step.attributes.window, kernel);
  if (fields === undefined || groups > maxGroups || paddedSize(geometry) > maxCopyBytes) return undefined;
  return [{ kind: 'conv', fields: { ...fields, ...geometry, channels: layout.channels, groups, weights } }];
}

/** [1, KH, KW, M] of a depthwise convolution of one input channel, as the [M, KH, KW, 1] that a plain convolution takes. */
export function transposeSingleChannelWeights(w: Operand): TypedArray {
  const channels = w.dims[3]!;
  const data = w.constant!.data as Int8Array | Uint8Array;
  const result = data.slice();
  const taps = data.length / channels;
  for (let tap = 0; tap < taps; tap++) {
    for (let m = 0; m < channels; m++) result[m * taps + tap] = data[tap * channels + m]!;
  }
  return result;
}

export const convolutionLowerings: Lowerings = {
  Conv2D: defineLowering<Conv2dAttributes>((step, context) => {
    const w = step.inputs[1]!;
    const [channels, height, width] = w.dims as [number, number, number, number];
    const { activation, groups } = step.attributes;
    if (w.constant === undefined) return undefined;
    const layout: ProductLayout = { kind: 'convolution', channels, axis: 0, activation };
    const weights = w.constant.data as TypedArray;
    return convolutionStep(step, context, layout, { weights, kernel: [height, width], groups });
  }),

  FullyConnected: defineLowering<FullyConnectedAttributes>((step, context) => {
    const [x, w] = step.inputs as readonly [Operand, Operand];
    const [channels, depth] = w.dims as [number, number];
    const { activation } = step.attributes;
    const fields = productFields(step, context, { kind: 'matrix', channels, axis: 0, activation });
    if (fields === undefined) return undefined;
    const rows = product(x.dims) / depth;
    const geometry = { ...pixelFields({ width: rows, depth }), channels, groups: 1 };
    return [{ kind: 'conv', fields: { ...fields, ...geometry, weights: w.constant!.data as TypedArray } }];
  }),
};

function isByte({ type }: Operand): boolean {
  return type === 'int8' || type === 'uint8';
}
