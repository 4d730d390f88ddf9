/** Operators on two 8-bit tensors with broadcasting: Add, Sub and Mul by kernels, anything else by a table of all pairs. */
import { numericsCodes } from '../../addon.js';
import type { SumAttributes } from '../../ops/add-sub.js';
import { quantizer } from '../../ops/elementwise.js';
import type { MulAttributes } from '../../ops/mul.js';
import { activationBounds, quantizedBounds } from '../../ops/output-stage.js';
import { broadcastStrides } from '../../ops/shapes.js';
import { fixedPointLimit } from '../../quant/requant.js';
import { Tensor } from '../../tensor.js';
import type { TypedArray } from '../../typed-array.js';
import { mergeBroadcast } from './float-elementwise.js';
import { defineLowering, type LoweringContext, type Lowerings, type NativeStep, type StepOf } from './lowering.js';
import { type Quantized, quantizedFields, quantizedOf } from './quantized.js';
import { allBytes, isByte, runReference } from './table.js';

const maxRank = 8;
/** Of native/ops/binary.cc. */
const opCodes = { add: 0, mul: 1, table: 2 } as const;
/** Beyond these float32 sums and products of differences might not be finite; native/ops/{add,binary}.cc. */
const maxSumScale = 2 ** 115;
const maxProductScale = 2 ** 110;

type Fields = Readonly<Record<string, number | TypedArray>>;

const viaTable = [
  'Div',
  'Equal',
  'Greater',
  'GreaterEqual',
  'Less',
  'LessEqual',
  'LogicalAnd',
  'LogicalOr',
  'Maximum',
  'Minimum',
];
const moreViaTable = ['NotEqual', 'PRelu', 'SquaredDifference'];

export const binaryLowerings: Lowerings = {
  Add: defineLowering<SumAttributes>((step, context) => lowerBinary(step, context, 'add', () => addFields(step, false))),
  Sub: defineLowering<SumAttributes>((step, context) => lowerBinary(step, context, 'add', () => addFields(step, true))),
  Mul: defineLowering<MulAttributes>((step, context) => lowerBinary(step, context, 'mul', () => mulFields(step))),
  ...Object.fromEntries(
    [...viaTable, ...moreViaTable].map((name) => [
      name,
      defineLowering((step, context) => lowerBinary(step, context, 'table', () => pairTable(step))),
    ]),
  ),
};

function lowerBinary(
  step: StepOf<unknown>,
  context: LoweringContext,
  op: keyof typeof opCodes,
  fieldsOf: () => Fields | undefined,
): readonly NativeStep[] | undefined {
  const [a, b, y] = [step.inputs[0]!, step.inputs[1]!, step.outputs[0]!];
  if (!isByte(a) || !isByte(b) || !isByte(y)) return undefined;
  const shape = mergeBroadcast(y.dims, broadcastStrides(a.dims, y.dims), broadcastStrides(b.dims, y.dims));
  if (shape.dims.length > maxRank) return undefined;
  const fields = fieldsOf();
  if (fields === undefined) return undefined;
  const places = { a: context.place(a), b: context.place(b), y: context.place(y) };
  return [{ kind: 'binary', fields: { op: opCodes[op], ...places, ...shape, ...fields } }];
}

/** What native/ops/add.h reads: the sum or difference of the step's two inputs. Undefined where the reference has to do it. */
export function addFields(step: StepOf<SumAttributes>, subtract: boolean): Fields | undefined {
  const values = quantizedOf([step.inputs[0]!, step.inputs[1]!, step.outputs[0]!]);
  if (values === undefined) return undefined;
  const [a, b, y] = values;
  const { numerics } = step;
  const common = 2 * Math.max(a.scale, b.scale);
  const isOnnx = numerics === 'onnx';
  const scales = isOnnx ? [a.scale, b.scale, y.scale] : [a.scale / common, b.scale / common, common / (2 ** 20 * y.scale)];
  const limit = isOnnx ? maxSumScale : fixedPointLimit;
  if (!scales.every((scale) => scale > 0 && Math.fround(scale) > 0 && scale < limit)) return undefined;
  return {
    addNumerics: numericsCodes[numerics],
    addSubtract: Number(subtract),
    addScales: Float64Array.from(scales),
    ...quantizedFields('add', values, sumBounds(step, y)),
  };
}

/** onnx clamps the real sum; as quantizing is monotonic, its bounds can be quantized instead. */
function sumBounds({ attributes, numerics }: StepOf<SumAttributes>, y: Quantized): readonly [number, number] {
  if (numerics !== 'onnx') return quantizedBounds(attributes.activation, y, numerics);
  const [low, high] = activationBounds[attributes.activation];
  const quantize = quantizer(y, 'onnx');
  return [quantize(low), quantize(high)];
}

function mulFields(step: StepOf<MulAttributes>): Fields | undefined {
  const values = quantizedOf([step.inputs[0]!, step.inputs[1]!, step.outputs[0]!]);
  if (values === undefined) return undefined;
  const [a, b, y] = values;
  const { numerics, attributes } = step;
  const isOnnx = numerics === 'onnx';
  const scale = isOnnx ? Math.fround(Math.fround(a.scale * b.scale) / y.scale) : (a.scale * b.scale) / y.scale;
  if (!(scale > 0 && scale < (isOnnx ? maxProductScale : fixedPointLimit))) return undefined;
  return {
    mulNumerics: numericsCodes[numerics],
    mulScale: scale,
    ...quantizedFields('mul', values, quantizedBounds(attributes.activation, y, numerics)),
  };
}

function pairTable(step: StepOf<unknown>): Fields | undefined {
  const [a, b] = [step.inputs[0]!, step.inputs[1]!];
  const data = [
    new Tensor(a.type, allBytes(a.type) as Uint8Array, [256, 1]) as Tensor,
    new Tensor(b.type, allBytes(b.type) as Uint8Array, [1, 256]) as Tensor,
  ];
  const table = runReference(step, data, [256, 256]);
  return table && { table: new Uint8Array(table.buffer, table.byteOffset, table.byteLength) };
}
