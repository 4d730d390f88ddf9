/** Quantize and Dequantize of what is no table: native/ops/{quantize,rescale}.cc. */
import { numericsCodes } from '../../addon.js';
import { product } from '../../ops/shapes.js';
import { fixedPointLimit, toFixedPoint } from '../../quant/requant.js';
import { elementCode } from './elements.js';
import { defineLowering, type LoweringContext, type Lowerings, type NativeStep, type StepOf } from './lowering.js';

/** Of native/ops/quantize.cc. */
const typeCodes = { int8: 0, uint8: 1, int16: 2 } as const;

export const quantizeLowerings: Lowerings = {
  Quantize: defineLowering((step, context) => {
    const [x, y] = [step.inputs[0]!, step.outputs[0]!];
    const { qparams, type } = y;
    if (x.type !== 'float32' || (type !== 'int8' && type !== 'uint8' && type !== 'int16') || qparams?.dtype !== type) {
      return lowerRescale(step, context);
    }
    const { scale, zeroPoint } = qparams;
    if (typeof scale !== 'number' || typeof zeroPoint !== 'number' || !(Math.fround(scale) > 0)) return undefined;
    const places = { x: context.place(x), y: context.place(y) };
    const rule = { type: typeCodes[type], scale, zeroPoint, numerics: numericsCodes[step.numerics] };
    return [{ kind: 'quantize', fields: { ...places, ...rule, count: product(x.dims) } }];
  }),

  Dequantize: (step, context) => {
    const [x, y] = [step.inputs[0]!, step.outputs[0]!];
    if (x.type !== 'float16') return lowerRescale(step, context);
    const fields = { from: elementCode(x.type), to: elementCode(y.type), count: product(x.dims) };
    return [{ kind: 'cast', fields: { x: context.place(x), y: context.place(y), ...fields } }];
  },
};

function lowerRescale(step: StepOf<unknown>, context: LoweringContext): readonly NativeStep[] | undefined {
  const [x, y] = [step.inputs[0]!, step.outputs[0]!];
  const real = { scale: 1, zeroPoint: 0 };
  const [from, to] = [x, y].map(({ type, qparams }) => (type === 'float32' ? real : qparams));
  if (typeof from?.scale !== 'number' || typeof to?.scale !== 'number') return undefined;
  const isInteger = x.type !== 'float32' && y.type !== 'float32' && step.numerics !== 'onnx';
  const ratio = from.scale / to.scale;
  if (isInteger && !(ratio > 0 && ratio < fixedPointLimit)) return undefined;
  if (!(Math.fround(from.scale) > 0 && Math.fround(to.scale) > 0)) return undefined;
  const { multiplier, exponent } = isInteger ? toFixedPoint(ratio) : { multiplier: 0, exponent: 0 };
  const fields = {
    ...{ x: context.place(x), y: context.place(y), from: elementCode(x.type), to: elementCode(y.type) },
    ...{ numerics: numericsCodes[step.numerics], count: product(x.dims), xScale: from.scale, yScale: to.scale },
    ...{ xZeroPoint: from.zeroPoint as number, yZeroPoint: to.zeroPoint as number },
    ...(isInteger && { fixed: Int32Array.of(multiplier, exponent) }),
  };
  return [{ kind: 'rescale', fields }];
}
