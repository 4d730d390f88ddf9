/** Poolings and means of int16 with `onnx` numerics: native/ops/wide_pool.cc. */
import { quantizedBounds } from '../../ops/output-stage.js';
import type { PoolAttributes } from '../../ops/pooling.js';
import { type ReductionAttributes, reducedAxes } from '../../ops/reduction.js';
import { product } from '../../ops/shapes.js';
import { quantizedRanges } from '../../quant/qparams.js';
import { defineLowering, type LoweringContext, type Lowerings, type NativeStep, type StepOf } from './lowering.js';
import { threeParts } from './reduction.js';
import { isEmpty, outputFields, wholeOf } from './wide.js';
import { windowFields } from './window-fields.js';

/** Of native/ops/wide_pool.cc. */
const pools = { max: 0, average: 1, mean: 2 } as const;
const maxWindow = 65535;

export const widePoolLowerings: Lowerings = {
  AveragePool2D: defineLowering<PoolAttributes>((step, context) => lowerPool(step, context, 'average')),
  MaxPool2D: defineLowering<PoolAttributes>((step, context) => lowerPool(step, context, 'max')),
  Mean: defineLowering<ReductionAttributes>(lowerMean),
};

function lowerPool(step: StepOf<PoolAttributes>, context: LoweringContext, pool: 'max' | 'average') {
  const operands = wideOperands(step);
  const { size, window, activation } = step.attributes;
  if (operands === undefined || product(size) > maxWindow) return undefined;
  const { input, output } = operands;
  if (pool === 'max' && (input.scale !== output.scale || input.zeroPoint !== output.zeroPoint)) return undefined;
  const fields = {
    ...commonFields(step, context, pool, operands),
    ...windowFields(step, window, size),
    xScale: input.scale,
    yScale: output.scale,
    ...outputFields(output, quantizedBounds(activation, output, 'onnx')),
  };
  return [{ kind: 'wide-pool', fields }];
}

/** The average of columns one element wide. */
function lowerMean(step: StepOf<ReductionAttributes>, context: LoweringContext): readonly NativeStep[] | undefined {
  const operands = wideOperands(step);
  const { dims } = step.inputs[0]!;
  const parts = operands && threeParts(dims, reducedAxes(step, dims.length));
  if (operands === undefined || parts === undefined || parts[1] > maxWindow) return undefined;
  const { input, output } = operands;
  const [batches, height, depth] = parts;
  const multiplier = Math.fround(input.scale / Math.fround(output.scale * height));
  if (!(multiplier > 0 && multiplier < 2 ** 90)) return undefined;
  const window = { kernelHeight: height, kernelWidth: 1, strideY: 1, strideX: 1, padTop: 0, padLeft: 0 };
  const fields = {
    ...commonFields(step, context, 'mean', operands),
    ...{ batches, height, width: 1, depth, outHeight: 1, outWidth: 1, ...window, multiplier },
    ...outputFields(output, quantizedRanges.int16),
  };
  return [{ kind: 'wide-pool', fields }];
}

function wideOperands({ inputs, outputs, numerics }: StepOf<unknown>) {
  const [x, y] = [inputs[0]!, outputs[0]!];
  const [input, output] = [wholeOf(x), wholeOf(y)];
  if (numerics !== 'onnx' || x.type !== 'int16' || input === undefined || output === undefined) return undefined;
  return isEmpty(x) || isEmpty(y) ? undefined : { input, output };
}

function commonFields(
  { inputs, outputs }: StepOf<unknown>,
  context: LoweringContext,
  pool: keyof typeof pools,
  { input }: NonNullable<ReturnType<typeof wideOperands>>,
) {
  const places = { x: context.place(inputs[0]!), y: context.place(outputs[0]!) };
  return { ...places, pool: pools[pool], xZeroPoint: input.zeroPoint };
}
