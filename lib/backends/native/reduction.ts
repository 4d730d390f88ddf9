/** Poolings, reductions and softmax of 8-bit tensors, and where the largest element is. */
import { numericsCodes } from '../../addon.js';
import { OctensorError } from '../../errors.js';
import type { ArgMaxAttributes } from '../../ops/arg-max.js';
import { divided } from '../../ops/mean.js';
import type { Operand } from '../../ops/op.js';
import { quantizedBounds } from '../../ops/output-stage.js';
import { expectSameQParams, type PoolAttributes } from '../../ops/pooling.js';
import { type ReductionAttributes, reducedAxes } from '../../ops/reduction.js';
import { expectOutputQuantization } from '../../ops/saturating-input.js';
import { normalizeAxis, product } from '../../ops/shapes.js';
import { realExponentials, type SoftmaxAttributes } from '../../ops/softmax.js';
import { rowLayout, scaledDifferences } from '../../ops/softmax-input.js';
import { quantizedRanges } from '../../quant/qparams.js';
import { fixedPointLimit, toFixedPoint } from '../../quant/requant.js';
import { elementCode } from './elements.js';
import { defineLowering, type LoweringContext, type Lowerings, type NativeStep, type StepOf } from './lowering.js';
import { type Quantized, quantizedFields, quantizedOf } from './quantized.js';
import { windowFields } from './window-fields.js';

/** As in native/ops/{pool,reduce,softmax}.cc. */
const maxWindow = 65536;
const maxSummands = 2 ** 23;
const maxSoftmaxDepth = 4095;
const typeCodes: Readonly<Record<string, number>> = { int8: 0, uint8: 1, int16: 2 };

export const reductionLowerings: Lowerings = {
  AveragePool2D: defineLowering<PoolAttributes>((step, context) => lowerPool(step, context, false)),
  MaxPool2D: defineLowering<PoolAttributes>((step, context) => lowerPool(step, context, true)),
  Mean: defineLowering<ReductionAttributes>((step, context) => lowerReduction(step, context, 'mean')),
  Sum: defineLowering<ReductionAttributes>((step, context) => lowerReduction(step, context, 'sum')),
  ReduceMax: defineLowering<ReductionAttributes>((step, context) => lowerReduction(step, context, 'max')),
  Softmax: defineLowering<SoftmaxAttributes>(lowerSoftmax),
  ArgMax: defineLowering<ArgMaxAttributes>((step, context) => lowerArg(step, context, true)),
  ArgMin: defineLowering<ArgMaxAttributes>((step, context) => lowerArg(step, context, false)),
};

/** Whether a check of the reference's lets a step pass. If not, the reference says so when the graph runs. */
function passes(check: () => void): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (error instanceof OctensorError) return false;
    throw error;
  }
}

function places(step: StepOf<unknown>, context: LoweringContext): { readonly x: number; readonly y: number } {
  return { x: context.place(step.inputs[0]!), y: context.place(step.outputs[0]!) };
}

/** x and y; x takes two places of three, for operators have up to two inputs. */
function quantizedPair(step: StepOf<unknown>): { x: Quantized; y: Quantized } | undefined {
  const x = step.inputs[0]!;
  const values = quantizedOf([x, x, step.outputs[0]!]);
  return values && { x: values[0], y: values[2] };
}

function lowerPool(step: StepOf<PoolAttributes>, context: LoweringContext, isMax: boolean): readonly NativeStep[] | undefined {
  const { attributes, numerics } = step;
  const pair = quantizedPair(step);
  if (pair === undefined || product(attributes.size) > maxWindow) return undefined;
  const { x, y } = pair;
  const isInOwnTerms = isMax || numerics !== 'onnx';
  if (isInOwnTerms && !passes(() => expectSameQParams({ ...step, data: [] }))) return undefined;
  const fields = {
    ...places(step, context),
    max: Number(isMax),
    numerics: numericsCodes[numerics],
    ...windowFields(step, attributes.window, attributes.size),
    xScale: x.scale,
    yScale: y.scale,
    ...quantizedFields('', [x, x, y], quantizedBounds(attributes.activation, y, numerics)),
  };
  return [{ kind: 'pool', fields }];
}

/** [outer, count, inner] of dimensions of which the `reduced` ones are neighbours; undefined where they are not. */
export function threeParts(
  dims: readonly number[],
  reduced: ReadonlySet<number>,
): readonly [number, number, number] | undefined {
  const parts: [number, number, number] = [1, 1, 1];
  let part = 0;
  for (const [axis, dim] of dims.entries()) {
    if (dim === 1) continue;
    const isReduced = reduced.has(axis);
    if (isReduced && part === 2) return undefined;
    if (isReduced) part = 1;
    else if (part === 1) part = 2;
    parts[part]! *= dim;
  }
  return parts;
}

function lowerReduction(
  step: StepOf<ReductionAttributes>,
  context: LoweringContext,
  kind: 'mean' | 'sum' | 'max',
): readonly NativeStep[] | undefined {
  const pair = quantizedPair(step);
  const { dims } = step.inputs[0]!;
  if (pair === undefined || dims.includes(0)) return undefined;
  const { x, y } = pair;
  const parts = threeParts(dims, reducedAxes(step, dims.length));
  if (parts === undefined) return undefined;
  const [outer, count, inner] = parts;
  const shared = {
    ...places(step, context),
    outer,
    count,
    inner,
    max: Number(kind === 'max'),
    ...quantizedFields('', [x, x, y], quantizedRanges[y.dtype]),
  };
  if (kind === 'max') {
    return passes(() => expectSameQParams({ ...step, data: [] } as never)) ? [{ kind: 'reduce', fields: shared }] : undefined;
  }
  const multiplier = multiplierFields(step, x.scale, y.scale, kind === 'mean' ? count : undefined);
  if (multiplier === undefined || count > maxSummands) return undefined;
  return [{ kind: 'reduce', fields: { ...shared, ...multiplier, numerics: numericsCodes[step.numerics] } }];
}

function multiplierFields(
  { numerics }: StepOf<unknown>,
  xScale: number,
  yScale: number,
  divisor: number | undefined,
): Readonly<Record<string, number>> | undefined {
  if (numerics === 'onnx') {
    const real = xScale / (divisor === undefined ? yScale : Math.fround(yScale * divisor));
    return real < 2 ** 90 ? { real } : undefined;
  }
  const ratio = xScale / yScale;
  if (!(ratio > 0 && ratio < fixedPointLimit)) return undefined;
  const fixed = toFixedPoint(ratio);
  return { ...(divisor === undefined ? fixed : divided(fixed, divisor)) };
}

function lowerSoftmax(step: StepOf<SoftmaxAttributes>, context: LoweringContext): readonly NativeStep[] | undefined {
  const { attributes, numerics } = step;
  const [input, output] = [step.inputs[0]!, step.outputs[0]!];
  const { outer, length: depth, inner } = rowLayout(step);
  const isByte = input.type === 'int8' || input.type === 'uint8';
  if (!isByte || inner !== 1 || depth > maxSoftmaxDepth || !isQuantizedAsWhole(input) || !isQuantizedAsWhole(output))
    return undefined;
  const fields = {
    ...places(step, context),
    rows: outer,
    depth,
    type: typeCodes[output.type]!,
    xSigned: Number(input.type === 'int8'),
  };
  const { scale } = input.qparams;
  if (numerics === 'onnx') {
    const exponentials = realExponentials(scale, attributes.beta);
    const real = Float64Array.from({ length: 256 }, (_, difference) => exponentials(-difference));
    if (!(attributes.beta >= 0)) return undefined;
    const { scale: yScale, zeroPoint: yZeroPoint } = output.qparams;
    return [{ kind: 'softmax', fields: { ...fields, real, yScale, yZeroPoint } }];
  }
  const exponentials = new Int32Array(256);
  const isRegular = passes(() => {
    const [min] = quantizedRanges[output.qparams.dtype];
    expectOutputQuantization({ ...step, data: [] }, output.type === 'int16' ? 2 ** -16 : 2 ** -8, min);
    const differences = scaledDifferences(scale * attributes.beta, numerics);
    for (const i of exponentials.keys()) exponentials[i] = differences.exponentials(-i);
  });
  return isRegular ? [{ kind: 'softmax', fields: { ...fields, exponentials } }] : undefined;
}

type WithQParams = Operand & { readonly qparams: Quantized };

function isQuantizedAsWhole(operand: Operand): operand is WithQParams {
  const { qparams, type } = operand;
  return qparams?.dtype === type && typeof qparams.scale === 'number' && typeof qparams.zeroPoint === 'number';
}

function lowerArg(step: StepOf<ArgMaxAttributes>, context: LoweringContext, isMax: boolean): readonly NativeStep[] | undefined {
  const { dims, type } = step.inputs[0]!;
  if (type === 'float16') return undefined;
  const axis = normalizeAxis(step, step.attributes.axis, dims.length);
  const fields = {
    ...places(step, context),
    type: elementCode(type),
    max: Number(isMax),
    last: Number(step.attributes.selectLast),
    long: Number(step.attributes.to === 'int64'),
    outer: product(dims.slice(0, axis)),
    count: dims[axis]!,
    inner: product(dims.slice(axis + 1)),
  };
  return [{ kind: 'arg', fields }];
}
