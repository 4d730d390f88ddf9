/** ConvInteger and MatMulInteger with constant weights and zero points: native/ops/conv.cc with int32 results. */
import { numericsCodes } from '../../addon.js';
import type { Conv2dAttributes } from '../../ops/conv2d.js';
import { constantZeroPoints } from '../../ops/integer-products.js';
import type { Operand } from '../../ops/op.js';
import { product } from '../../ops/shapes.js';
import type { TypedArray } from '../../typed-array.js';
import { outputKinds } from './convolution.js';
import { defineLowering, type LoweringContext, type Lowerings, type StepOf } from './lowering.js';
import { rightMatrix } from './matmul.js';
import { maxCopyBytes, maxGroups, paddedSize, pixelFields, windowFields } from './window-fields.js';

export const integerProductLowerings: Lowerings = {
  ConvInteger: defineLowering<Conv2dAttributes>((step, context) => {
    const w = step.inputs[1]!;
    const [channels, height, width] = w.dims as [number, number, number, number];
    const { window, groups } = step.attributes;
    const fields = integerFields(step, context, channels);
    const geometry = windowFields(step, window, [height, width]);
    if (fields === undefined || w.constant === undefined || w.dims.includes(0)) return undefined;
    if (groups > maxGroups || paddedSize(geometry) > maxCopyBytes) return undefined;
    const weights = w.constant.data as TypedArray;
    return [{ kind: 'conv', fields: { ...fields, ...geometry, channels, groups, weights } }];
  }),

  MatMulInteger: defineLowering<unknown>((step, context) => {
    const [a, b] = step.inputs as readonly [Operand, Operand];
    const matrix = rightMatrix(b, false);
    if (matrix === undefined || a.dims.includes(0)) return undefined;
    const { k, n, weights } = matrix;
    const fields = integerFields(step, context, n);
    const geometry = { ...pixelFields({ width: product(a.dims) / k, depth: k }), channels: n, groups: 1 };
    return fields && [{ kind: 'conv', fields: { ...fields, ...geometry, weights } }];
  }),
};

/** Undefined where zero points are computed, or where rows have their own. */
function integerFields(step: StepOf<unknown>, context: LoweringContext, channels: number) {
  const [x, , xZeroPoint, weightZeroPoint] = step.inputs;
  const isOne = xZeroPoint === undefined || product(xZeroPoint.dims) === 1;
  const zeroPoint = constantZeroPoints(xZeroPoint, 1);
  const weightZeroPoints = constantZeroPoints(weightZeroPoint, channels);
  if (!isOne || zeroPoint === undefined || weightZeroPoints === undefined) return undefined;
  return {
    x: context.place(x!),
    y: context.place(step.outputs[0]!),
    xSigned: Number(x!.type === 'int8'),
    xZeroPoint: zeroPoint[0]!,
    weightZeroPoints,
    outputKind: outputKinds.int32,
    numerics: numericsCodes[step.numerics],
  };
}
