/**
 * MatMul with a constant matrix on the right: the product of rows and packed weights that FullyConnected is, of 8 bits
 * (native/ops/conv.cc) and of float32 (native/ops/float_conv.cc). All rows before the last dimension are one matrix.
 */
import { numericsCodes } from '../../addon.js';
import { columnLayout, floatScales, type MatMulAttributes } from '../../ops/matmul.js';
import { transposedMatrix } from '../../ops/matrix.js';
import { type Operand, perTensor } from '../../ops/op.js';
import { activationBounds } from '../../ops/output-stage.js';
import { product } from '../../ops/shapes.js';
import { weightQParams } from '../../ops/weights.js';
import type { TypedArray } from '../../typed-array.js';
import { outputKinds, productFields } from './convolution.js';
import { defineLowering, type LoweringContext, type Lowerings, type NativeStep, type StepOf } from './lowering.js';
import { pixelFields } from './window-fields.js';

export const matmulLowerings: Lowerings = {
  MatMul: defineLowering<MatMulAttributes>((step, context) => {
    const [a, b, bias] = step.inputs as readonly [Operand, Operand, Operand?];
    const { activation, transposeA, transposeB } = step.attributes;
    const matrix = rightMatrix(b, transposeB);
    if (matrix === undefined || transposeA || a.dims.includes(0)) return undefined;
    if (bias !== undefined && bias.constant === undefined) return undefined;
    const { k, n, weights } = matrix;
    const geometry = { ...pixelFields({ width: product(a.dims) / k, depth: k }), channels: n, groups: 1 };
    if (a.type === 'float32') {
      const places = { x: context.place(a), y: context.place(step.outputs[0]!) };
      const finish = {
        bounds: Float32Array.from(activationBounds[activation]),
        ...(bias && { bias: bias.constant!.data as Float32Array }),
      };
      return [{ kind: 'float-conv', fields: { ...geometry, ...places, ...finish, weights: weights as Float32Array } }];
    }
    const fields = byteFields(step, context, n);
    return fields && [{ kind: 'conv', fields: { ...geometry, ...fields, weights } }];
  }),
};

/** [K, N], a vector or one matrix, as [N, K]. Undefined for one that is computed, and for several. */
export function rightMatrix(
  { dims, constant }: Operand,
  isTransposed: boolean,
): { readonly k: number; readonly n: number; readonly weights: TypedArray } | undefined {
  if (constant === undefined || dims.includes(0) || product(dims.slice(0, -2)) !== 1) return undefined;
  const data = constant.data as TypedArray;
  const [rows, columns] = dims.length === 1 ? [dims[0]!, 1] : (dims.slice(-2) as [number, number]);
  if (isTransposed && dims.length > 1) return { k: columns, n: rows, weights: data };
  return { k: rows, n: columns, weights: transposedMatrix(data, 0, columns, rows) };
}

function byteFields(step: StepOf<MatMulAttributes>, context: LoweringContext, n: number): NativeStep['fields'] | undefined {
  const [x, b, bias] = step.inputs as readonly [Operand, Operand, Operand?];
  const layout = columnLayout(b, n, step.attributes);
  const { activation, to } = step.attributes;
  if (to !== 'float32') return productFields(step, context, { kind: 'matrix', ...layout, activation });
  if ((x.type !== 'int8' && x.type !== 'uint8') || activation !== 'none') return undefined;
  const { scales, zeroPoints } = weightQParams(step, b, layout);
  return {
    x: context.place(x),
    y: context.place(step.outputs[0]!),
    xSigned: Number(x.type === 'int8'),
    xZeroPoint: perTensor(step, x).zeroPoint,
    weightZeroPoints: zeroPoints,
    multipliers: Float64Array.from(floatScales(step, scales)),
    outputKind: outputKinds.float32,
    numerics: numericsCodes[step.numerics],
    ...(bias && { bias: bias.constant!.data as Int32Array }),
  };
}
