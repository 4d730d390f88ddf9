/** Products of 8-bit matrices that are both computed: native/ops/byte_matmul.cc. */
import { numericsCodes } from '../../addon.js';
import { OctensorError } from '../../errors.js';
import { multipliersOf } from '../../ops/accumulate.js';
import { columnLayout, floatScales, type MatMulAttributes } from '../../ops/matmul.js';
import { notTransposed } from '../../ops/matmul-integer.js';
import { inferMatrixProduct, type Transposed } from '../../ops/matrix.js';
import { type Operand, perTensor } from '../../ops/op.js';
import { quantizedBounds } from '../../ops/output-stage.js';
import { product } from '../../ops/shapes.js';
import { weightQParams } from '../../ops/weights.js';
import { outputKinds } from './convolution.js';
import { broadcastShape } from './elements.js';
import { defineLowering, type LoweringContext, type Lowerings, type NativeStep, type StepOf } from './lowering.js';

export const byteProductLowerings: Lowerings = {
  MatMulInteger: (step, context) => {
    const [a, b, za, zb] = step.inputs as readonly [Operand, Operand, Operand?, Operand?];
    const shape = matrixFields(step, notTransposed);
    if (shape === undefined) return undefined;
    const zeros = (name: string, operand: Operand | undefined) =>
      operand === undefined
        ? { [`${name}ZeroCount`]: 0 }
        : { [`${name}ZeroCount`]: product(operand.dims), [`${name}ZeroPoints`]: context.place(operand) };
    const fields = { ...places(step, context, a, b), ...shape, ...zeros('a', za), ...zeros('b', zb) };
    return [{ kind: 'byte-matmul', fields: { ...fields, outputKind: outputKinds.int32, numerics: 0 } }];
  },

  MatMul: defineLowering<MatMulAttributes>((step, context) => {
    const [a, b, bias] = step.inputs as readonly [Operand, Operand, Operand?];
    const { activation, to, transposeA, transposeB } = step.attributes;
    const shape = isByte(a) && isByte(b) ? matrixFields(step, { transposeA, transposeB }) : undefined;
    if (shape === undefined || (to === 'float32' && activation !== 'none') || to === 'int16') return undefined;
    try {
      const fields = {
        ...places(step, context, a, b),
        ...shape,
        ...outputFields(step, shape.n),
        ...zeroPoint(context, 'a', a, Int32Array.of(perTensor(step, a).zeroPoint)),
        ...zeroPoint(context, 'b', b, weightQParams(step, b, columnLayout(b, shape.n, step.attributes)).zeroPoints),
        ...(bias && { bias: context.place(bias) }),
      };
      return [{ kind: 'byte-matmul', fields }];
    } catch (error) {
      if (error instanceof OctensorError) return undefined; // the reference says so when the graph runs
      throw error;
    }
  }),
};

function isByte({ type }: Operand): boolean {
  return type === 'int8' || type === 'uint8';
}

function places(step: StepOf<unknown>, context: LoweringContext, a: Operand, b: Operand) {
  const signs = { aSigned: Number(a.type === 'int8'), bSigned: Number(b.type === 'int8') };
  return { a: context.place(a), b: context.place(b), y: context.place(step.outputs[0]!), ...signs };
}

/** Undefined where there is nothing to multiply, or too many dimensions of batches. */
function matrixFields(step: StepOf<unknown>, transposed: Transposed) {
  const [a, b] = step.inputs as readonly [Operand, Operand];
  const { m, k, n } = inferMatrixProduct(step, transposed);
  const batchesOf = ({ dims }: Operand) => ({ dims: dims.slice(0, -2) });
  const vectors = Number(a.dims.length === 1) + Number(b.dims.length === 1);
  const batches = step.outputs[0]!.dims.slice(0, step.outputs[0]!.dims.length - 2 + vectors);
  const shape = broadcastShape(batches, [batchesOf(a), batchesOf(b)]);
  if (shape === undefined || m * k * n === 0) return undefined;
  const [aStrides, bStrides] = shape.strides as [Int32Array, Int32Array];
  return {
    ...{ m, k, n, dims: shape.dims },
    ...{ aStrides: aStrides.map((stride) => stride * m * k), bStrides: bStrides.map((stride) => stride * k * n) },
    // A vector has one order
    aTransposed: Number(transposed.transposeA && a.dims.length > 1),
    bTransposed: Number(transposed.transposeB && b.dims.length > 1),
  };
}

function zeroPoint(context: LoweringContext, name: string, { type }: Operand, zeroPoints: Int32Array): NativeStep['fields'] {
  const isOne = zeroPoints.every((value) => value === zeroPoints[0]);
  const values = isOne ? zeroPoints.subarray(0, 1) : zeroPoints;
  const data = type === 'int8' ? Int8Array.from(values) : Uint8Array.from(values);
  return { [`${name}ZeroCount`]: values.length, [`${name}ZeroPoints`]: context.constant(data) };
}

function outputFields(step: StepOf<MatMulAttributes>, n: number): NativeStep['fields'] {
  const layout = columnLayout(step.inputs[1]!, n, step.attributes);
  const weights = weightQParams(step, step.inputs[1]!, layout);
  const numerics = numericsCodes[step.numerics];
  if (step.attributes.to === 'float32') {
    const multipliers = Float64Array.from(floatScales(step, weights.scales));
    return { outputKind: outputKinds.float32, numerics, multipliers };
  }
  const y = perTensor(step, step.outputs[0]!);
  const [yMin, yMax] = quantizedBounds(step.attributes.activation, y, step.numerics);
  const multipliers = multipliersOf(step, { kind: 'matrix' }, weights);
  const ySigned = Number(step.outputs[0]!.type === 'int8');
  return { outputKind: outputKinds.quantized, numerics, multipliers, ySigned, yZeroPoint: y.zeroPoint, yMin, yMax };
}
