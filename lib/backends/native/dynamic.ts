/** Products of float32 matrices with 8-bit ones, quantized as they come: native/ops/dynamic_matmul.cc. */
import { type DynamicMatMulAttributes, productInputs } from '../../ops/dynamic-mat-mul.js';
import { zeroPointsOf } from '../../ops/integer-products.js';
import { product } from '../../ops/shapes.js';
import type { TypedArray } from '../../typed-array.js';
import { defineLowering, type LoweringContext, type Lowerings, type StepOf } from './lowering.js';

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
};

/** Undefined where something of it is computed. */
function productFields(step: StepOf<DynamicMatMulAttributes>, context: LoweringContext, index: number) {
  const operands = productInputs(step.inputs, index);
  const [b, scale, zeroPoint, bias] = operands.map((operand) => operand?.constant?.data as TypedArray | undefined);
  if (operands.some((operand) => operand !== undefined && operand.constant === undefined)) return undefined;
  const y = step.outputs[index]!;
  const channels = y.dims.at(-1)!;
  if (channels === 0) return undefined;
  const scales = scale as Float32Array;
  return {
    [`y${index}`]: context.place(y),
    [`channels${index}`]: channels,
    [`weights${index}`]: b!,
    [`zeroPoints${index}`]: zeroPointsOf(zeroPoint as Int8Array | undefined, channels),
    [`scales${index}`]: scales.length === 1 ? new Float32Array(channels).fill(scales[0]!) : scales,
    ...(bias !== undefined && { [`bias${index}`]: bias }),
  };
}
