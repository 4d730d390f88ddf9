/** Operators on int16 with `onnx` numerics: native/ops/wide_*.cc. Products but depthwise ones become products of 8 bits first (passes). */
import { isWideProduct, multipliersOf } from '../../ops/accumulate.js';
import type { SumAttributes } from '../../ops/add-sub.js';
import type { ConvolutionAttributes } from '../../ops/convolution.js';
import { quantizer } from '../../ops/elementwise.js';
import type { JoinSumsAttributes } from '../../ops/join-sums.js';
import type { MulAttributes } from '../../ops/mul.js';
import { type Operand, perTensor, type TensorQParams } from '../../ops/op.js';
import { activationBounds, quantizedBounds } from '../../ops/output-stage.js';
import { product } from '../../ops/shapes.js';
import { centeredWeights, weightQParams } from '../../ops/weights.js';
import { quantizedRanges } from '../../quant/qparams.js';
import { Tensor } from '../../tensor.js';
import { broadcastShape } from './elements.js';
import { defineLowering, type LoweringContext, type Lowerings, type NativeStep, type StepOf } from './lowering.js';
import { runReference } from './table.js';
import { maxCopyBytes, windowFields } from './window-fields.js';

/** Of kernels/elementwise.h. */
const typeCodes = { int8: 0, uint8: 1, int16: 2 } as const;
/** As in native/ops/wide_fields.cc. */
const maxScale = 2 ** 100;
/** The most channels of a block, to whose multiple native weights are filled up. */
const maxLanes = 32;

const functions =
  'Relu Relu6 ReluN1To1 LeakyRelu Logistic Tanh Elu Abs Clip Gelu HardSigmoid Swish Mish Celu Selu Softplus Softsign Erf Exp ' +
  'Log Neg Sqrt Rsqrt Reciprocal Square Sin Cos';

export const wideLowerings: Lowerings = {
  SplitInt16: ({ inputs, outputs }, context) => {
    const [x, high, low] = [inputs[0]!, outputs[0]!, outputs[1]!];
    const places = { x: context.place(x), high: context.place(high), low: context.place(low) };
    return isEmpty(x) ? [] : [{ kind: 'split-int16', fields: { ...places, count: product(x.dims) } }];
  },
  JoinSums: defineLowering<JoinSumsAttributes>(lowerJoin),
  DepthwiseConv2D: defineLowering<ConvolutionAttributes>(lowerDepthwise),
  Add: defineLowering<SumAttributes>((step, context) => lowerSum(step, context, 0)),
  Sub: defineLowering<SumAttributes>((step, context) => lowerSum(step, context, 1)),
  Mul: defineLowering<MulAttributes>(lowerMul),
  Quantize: (step, context) => lowerRescale(step, context, false),
  HardSwish: (step, context) => lowerRescale(step, context, true),
  ...Object.fromEntries(functions.split(' ').map((name) => [name, lowerFunction])),
};

export function isEmpty({ dims }: Operand): boolean {
  return dims.includes(0);
}

/** Quantized as a whole by parameters of its own type; undefined of anything else. */
export function wholeOf({ type, qparams }: Operand): TensorQParams | undefined {
  if (qparams?.dtype !== type || typeof qparams.scale !== 'number' || typeof qparams.zeroPoint !== 'number') return undefined;
  return Math.fround(qparams.scale) > 0 && qparams.scale < maxScale ? (qparams as TensorQParams) : undefined;
}

/** What ReadWideOutput reads. */
export function outputFields({ dtype, zeroPoint }: TensorQParams, [yMin, yMax]: readonly [number, number]) {
  return { type: typeCodes[dtype as 'int8' | 'uint8' | 'int16'], yZeroPoint: zeroPoint, yMin, yMax };
}

function lowerJoin(step: StepOf<JoinSumsAttributes>, context: LoweringContext): readonly NativeStep[] | undefined {
  const [sums, low, multipliers, bias] = step.inputs as readonly [Operand, Operand?, Operand?, Operand?];
  const y = step.outputs[0]!;
  const output = wholeOf(y);
  if (multipliers?.constant === undefined || (bias !== undefined && bias.constant === undefined) || output === undefined) {
    return undefined;
  }
  if (isEmpty(sums)) return [];
  const channels = sums.dims.at(-1) ?? 1;
  const given = multipliers.constant.data as Float32Array;
  if (!given.every((multiplier) => multiplier > 0 && multiplier < 2 ** 30)) return undefined;
  const fields = {
    sums: context.place(sums),
    ...(low && { low: context.place(low) }),
    y: context.place(y),
    rows: product(sums.dims) / channels,
    channels,
    multipliers: given.length === channels ? given : new Float32Array(channels).fill(given[0]!),
    ...(bias && { bias: bias.constant!.data as Int32Array }),
    ...outputFields(output, quantizedBounds(step.attributes.activation, output, 'onnx')),
  };
  return [{ kind: 'join-sums', fields }];
}

function lowerDepthwise(step: StepOf<ConvolutionAttributes>, context: LoweringContext): readonly NativeStep[] | undefined {
  const [x, w, bias] = step.inputs as readonly [Operand, Operand, Operand?];
  if (!isWideProduct(step) || w.constant === undefined || (bias !== undefined && bias.constant === undefined)) return undefined;
  const [, kernelHeight, kernelWidth, channels] = w.dims as [number, number, number, number];
  const layout = { kind: 'convolution', channels, axis: 3 } as const;
  const weights = weightQParams(step, w, layout);
  const centered = centeredWeights(w.constant, weights.zeroPoints, layout);
  const [input, output] = [perTensor(step, x), perTensor(step, step.outputs[0]!)];
  const copyBytes = 2 * channels * Math.max(product(x.dims.slice(0, 3)), kernelHeight * kernelWidth * maxLanes);
  if (copyBytes > maxCopyBytes || !sumsFit(centered, channels, x.type === 'int16' ? 32768 : 255)) return undefined;
  const fields = {
    ...windowFields(step, step.attributes.window, [kernelHeight, kernelWidth]),
    groups: x.dims[3]!,
    channels,
    x: context.place(x),
    y: context.place(step.outputs[0]!),
    xType: typeCodes[x.type as 'int8' | 'uint8' | 'int16'],
    xZeroPoint: input.zeroPoint,
    weights: centered,
    multipliers: Float32Array.from(multipliersOf(step, layout, weights)),
    ...(bias && { bias: bias.constant!.data as Int32Array }),
    ...outputFields(output, quantizedBounds(step.attributes.activation, output, 'onnx')),
  };
  return [{ kind: 'wide-depthwise', fields }];
}

/** Whether int32 holds the sums of each channel, which is the last axis. */
function sumsFit(weights: Int16Array, channels: number, largest: number): boolean {
  const sums = new Float64Array(channels);
  for (let i = 0, c = 0; i < weights.length; i++, c = c + 1 === channels ? 0 : c + 1)
    sums[c] = sums[c]! + Math.abs(weights[i]!);
  return sums.every((sum) => sum * largest < 2 ** 31);
}

/** Operands of an operator on two; undefined unless all are int16, quantized as a whole. */
function wideOperands(step: StepOf<unknown>) {
  const [a, b, y] = [step.inputs[0]!, step.inputs[1]!, step.outputs[0]!];
  if (step.numerics !== 'onnx' || [a, b, y].some(({ type }) => type !== 'int16') || isEmpty(y)) return undefined;
  const [first, second, output] = [a, b, y].map(wholeOf);
  if (first === undefined || second === undefined || output === undefined) return undefined;
  const shape = broadcastShape(y.dims, [a, b]);
  return shape && { first, second, output, shape };
}

function placesOf(
  { inputs, outputs }: StepOf<unknown>,
  context: LoweringContext,
  { dims, strides }: NonNullable<ReturnType<typeof broadcastShape>>,
) {
  const [aStrides, bStrides] = strides as [Int32Array, Int32Array];
  const [a, b, y] = [inputs[0]!, inputs[1]!, outputs[0]!].map((operand) => context.place(operand)) as [number, number, number];
  return { a, b, y, dims, aStrides, bStrides };
}

function lowerSum(step: StepOf<SumAttributes>, context: LoweringContext, op: 0 | 1): readonly NativeStep[] | undefined {
  const operands = wideOperands(step);
  if (operands === undefined || step.attributes.potScale) return undefined;
  const { first, second, output, shape } = operands;
  // The real sum is clamped; as quantizing is monotonic, its bounds can be quantized instead
  const quantize = quantizer(output, 'onnx');
  const [low, high] = activationBounds[step.attributes.activation].map(quantize) as [number, number];
  const fields = {
    op,
    ...placesOf(step, context, shape),
    ...outputFields(output, [low, high]),
    scale: output.scale,
    aScale: first.scale,
    aZeroPoint: first.zeroPoint,
    bScale: second.scale,
    bZeroPoint: second.zeroPoint,
  };
  return [{ kind: 'wide-binary', fields }];
}

function lowerMul(step: StepOf<MulAttributes>, context: LoweringContext): readonly NativeStep[] | undefined {
  const operands = wideOperands(step);
  if (operands === undefined) return undefined;
  const { first, second, output, shape } = operands;
  const scale = Math.fround(Math.fround(first.scale * second.scale) / output.scale);
  if ([first, second, output].some(({ zeroPoint }) => zeroPoint !== 0) || !(scale > 0 && scale < maxScale / 2 ** 31)) {
    return undefined;
  }
  const bounds = quantizedBounds(step.attributes.activation, output, 'onnx');
  return [
    { kind: 'wide-binary', fields: { op: 2, ...placesOf(step, context, shape), ...outputFields(output, bounds), scale } },
  ];
}

/** int16 to other parameters, through a function or as it is. */
function lowerRescale(
  step: StepOf<unknown>,
  context: LoweringContext,
  isHardSwish: boolean,
): readonly NativeStep[] | undefined {
  const [x, y] = [step.inputs[0]!, step.outputs[0]!];
  const [input, output] = [wholeOf(x), wholeOf(y)];
  if (step.numerics !== 'onnx' || x.type !== 'int16' || y.type === 'int32') return undefined;
  if (input === undefined || output === undefined || isEmpty(x)) return undefined;
  const fields = {
    x: context.place(x),
    y: context.place(y),
    count: product(x.dims),
    hardSwish: Number(isHardSwish),
    xScale: input.scale,
    xZeroPoint: input.zeroPoint,
    scale: output.scale,
    ...outputFields(output, quantizedRanges[output.dtype]),
  };
  return [{ kind: 'wide-rescale', fields }];
}

/** Any function of one element: the reference's results for all 65536. */
function lowerFunction(step: StepOf<unknown>, context: LoweringContext): readonly NativeStep[] | undefined {
  const [x, y] = [step.inputs[0]!, step.outputs[0]!];
  const isOne = step.inputs.filter((operand) => operand !== undefined).length === 1;
  if (!isOne || x.type !== 'int16' || y.type !== 'int16' || wholeOf(x) === undefined || isEmpty(x)) return undefined;
  const all = Int16Array.from({ length: 65536 }, (_, i) => i);
  const table = runReference(step, [new Tensor('int16', all, [65536]) as Tensor], [65536]);
  if (table === undefined) return undefined;
  const fields = { x: context.place(x), y: context.place(y), count: product(x.dims), table: context.constant(table) };
  return [{ kind: 'wide-table', fields }];
}
