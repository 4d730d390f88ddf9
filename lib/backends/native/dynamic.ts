/** Products of float32 with 8-bit weights, quantized as they come: native/ops/dynamic_{matmul,conv}.cc. */
import type { Conv2dAttributes } from '../../ops/conv2d.js';
import { type DynamicMatMulAttributes, productInputs } from '../../ops/dynamic-mat-mul.js';
import { zeroPointsOf } from '../../ops/integer-products.js';
import type { Operand } from '../../ops/op.js';
import { activationBounds } from '../../ops/output-stage.js';
import { product } from '../../ops/shapes.js';
import type { TypedArray } from '../../typed-array.js';
import { defineLowering, type LoweringContext, type Lowerings, type StepOf } from './lowering.js';
import { maxCopyBytes, maxGroups, paddedSize, windowFields } from './window-fields.js';

export const dynamicLowerings: Lowerings = {
  DynamicMatMul: defineLowering<DynamicMatMulAttributes>((step, context) => {
    const [x] = step.inputs;
    const depth = x!.dims.at(-1)!;
    if (x!.dims.includes(0)) return undefined;
    const products = step.outputs.map((_, i) => productFields(step, context, i));
    if (products.includes(undefined)) return undefined;
    const fields = {
      x: context.place(x!),
      rows: product(x!.dims) / depth,
      depth,
      products: products.length,
      gelu: Number(step.attributes.activation !== 'none'),
    };
    return [{ kind: 'dynamic-matmul', fields: Object.assign(fields, ...products) }];
  }),

  DynamicConv: defineLowering<Conv2dAttributes>((step, context) => {
    const [x, w, ...rest] = step.inputs as readonly [Operand, Operand, Operand, Operand?, Operand?];
    const { window, groups, activation } = step.attributes;
    const [channels, height, width] = w.dims as [number, number, number, number];
    const geometry = windowFields(step, window, [height, width]);
    const isConstant = [w, ...rest].every((operand) => operand === undefined || operand.constant !== undefined);
    if (!isConstant || [...x.dims, ...w.dims].includes(0)) return undefined;
    if (groups > maxGroups || paddedSize(geometry) > maxCopyBytes) return undefined;
    const [scale, zeroPoint, bias] = rest.map((operand) => operand?.constant?.data as Float32Array | undefined);
    const fields = {
      ...{ x: context.place(x), y: context.place(step.outputs[0]!), ...geometry, channels, groups },
      weights: w.constant!.data as TypedArray,
      zeroPoints: zeroPointsOf(zeroPoint, channels),
      scales: perChannel(scale!, channels),
      ...(bias !== undefined && { bias }),
      bounds: Float32Array.from(activationBounds[activation]),
    };
    return [{ kind: 'dynamic-conv', fields }];
  }),

  DynamicQuantizeLinear: ({ inputs, outputs }, context) => {
    if (outputs.length < 3) return undefined;
    const [y, scale, zeroPoint] = outputs.map((output) => context.place(output)) as [number, number, number];
    const x = inputs[0]!;
    return [{ kind: 'dynamic-quantize', fields: { x: context.place(x), y, scale, zeroPoint, count: product(x.dims) } }];
  },
};

function perChannel(scales: Float32Array, channels: number): Float32Array {
  return scales.length === 1 ? new Float32Array(channels).fill(scales[0]!) : scales;
}

/** Undefined where something of it is computed. */
function productFields(step: StepOf<DynamicMatMulAttributes>, context: LoweringContext, index: number) {
  const operands = productInputs(step.inputs, index);
  const [b, scale, zeroPoint, bias] = operands.map((operand) => operand?.constant?.data as TypedArray | undefined);
  if (operands.some((operand) => operand !== undefined && operand.constant === undefined)) return undefined;
  const y = step.outputs[index]!;
  const channels = y.dims.at(-1)!;
  if (channels === 0) return undefined;
  return {
    [`y${index}`]: context.place(y),
    [`channels${index}`]: channels,
    [`weights${index}`]: b!,
    [`zeroPoints${index}`]: zeroPointsOf(zeroPoint as Int8Array | undefined, channels),
    [`scales${index}`]: perChannel(scale as Float32Array, channels),
    ...(bias !== undefined && { [`bias${index}`]: bias }),
  };
}
