/**
 * Any operator on one 8-bit tensor, element by element, is a table of the 256 results, which the reference itself computes:
 * equal by construction. So is an operator on two of them, of which one is a constant of one element.
 */
import { OctensorError } from '../../errors.js';
import type { Operand } from '../../ops/op.js';
import { product } from '../../ops/shapes.js';
import { bytesPerElement } from '../../plan/memory.js';
import { Tensor } from '../../tensor.js';
import type { TypedArray } from '../../typed-array.js';
import type { Lowering, LoweringContext, Lowerings, NativeStep, StepOf } from './lowering.js';

const unary = ['Abs', 'Cast', 'Dequantize', 'Elu', 'HardSwish', 'LeakyRelu', 'LogicalNot', 'Logistic', 'Quantize', 'Relu'];
const moreUnary = ['Relu6', 'ReluN1To1', 'Tanh'];
const functions =
  'Acos Acosh Asin Asinh Atan Atanh BitwiseNot Ceil Celu Clip Cos Cosh Erf Exp Floor Gelu HardSigmoid Log Mish Neg Reciprocal ' +
  'Round Rsqrt Selu Shrink Sign Sin Sinh Softplus Softsign Sqrt Square Swish Tan ThresholdedRelu';
const binary = ['Add', 'Div', 'Equal', 'Greater', 'GreaterEqual', 'Less', 'LessEqual', 'LogicalAnd', 'LogicalOr', 'Maximum'];
const moreBinary = ['Minimum', 'Mul', 'NotEqual', 'PRelu', 'SquaredDifference', 'Sub'];

export const tableLowerings: Lowerings = Object.fromEntries(
  [...unary, ...moreUnary, ...functions.split(' '), ...binary, ...moreBinary].map((name) => [
    name,
    lowerTable satisfies Lowering,
  ]),
);

/** All 256 values of an 8-bit type, in the order of their bytes. */
export function allBytes(type: Operand['type']): Int8Array | Uint8Array {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  return type === 'int8' ? new Int8Array(bytes.buffer) : bytes;
}

export function isByte({ type }: Operand): boolean {
  return bytesPerElement[type] === 1;
}

/** Runs the step's operator on data in the place of its inputs. Undefined where it throws, as it will when the graph runs. */
export function runReference(
  step: StepOf<unknown>,
  data: readonly Tensor[],
  outputDims: readonly number[],
): TypedArray | undefined {
  const inputs = step.inputs.map((operand, i) => {
    const { constant: _, ...rest } = operand!;
    return { ...rest, dims: data[i]!.dims };
  });
  const outputs = [{ ...step.outputs[0]!, dims: outputDims }];
  try {
    return step.op.run({ ...step, inputs, outputs, data })[0]!.data as TypedArray;
  } catch (error) {
    if (error instanceof OctensorError) return undefined;
    throw error;
  }
}

function lowerTable(step: StepOf<unknown>, context: LoweringContext): readonly NativeStep[] | undefined {
  const varying = step.inputs.filter((operand) => operand?.constant === undefined);
  const x = varying[0];
  if (varying.length !== 1 || x === undefined || !isByte(x) || step.outputs.length !== 1) return undefined;
  if (x.qparams !== undefined && typeof x.qparams.scale !== 'number') return undefined; // not one function for all elements
  if (step.inputs.some((operand) => operand !== x && product(operand!.dims) !== 1)) return undefined;
  const y = step.outputs[0]!;
  const count = product(x.dims);
  if (product(y.dims) !== count) return undefined;
  const bytes = new Tensor(x.type, allBytes(x.type) as Uint8Array, [256]) as Tensor;
  const data = step.inputs.map((operand) => {
    return operand === x ? bytes : (new Tensor(operand!.type, operand!.constant!.data as Uint8Array, []) as Tensor);
  });
  const table = runReference(step, data, [256]);
  return table && [tableStep(table, { x: context.place(x), y: context.place(y), count })];
}

/** `table` has 256 elements; rows of `count` elements may lie apart. */
export function tableStep(
  table: TypedArray,
  fields: {
    readonly x: number;
    readonly y: number;
    readonly count: number;
    readonly rows?: number;
    readonly xStride?: number;
    readonly yStride?: number;
  },
): NativeStep {
  const bytes = new Uint8Array(table.buffer, table.byteOffset, table.byteLength);
  return { kind: 'table', fields: { ...fields, elementBytes: table.BYTES_PER_ELEMENT, table: bytes } };
}
