/** Quantize of float32, which is no table. */
import { numericsCodes } from '../../addon.js';
import { product } from '../../ops/shapes.js';
import { defineLowering, type Lowerings } from './lowering.js';

/** Of native/ops/quantize.cc. */
const typeCodes = { int8: 0, uint8: 1, int16: 2 } as const;

export const quantizeLowerings: Lowerings = {
  Quantize: defineLowering((step, context) => {
    const [x, y] = [step.inputs[0]!, step.outputs[0]!];
    const { qparams, type } = y;
    if (x.type !== 'float32' || (type !== 'int8' && type !== 'uint8' && type !== 'int16') || qparams?.dtype !== type) {
      return undefined;
    }
    const { scale, zeroPoint } = qparams;
    if (typeof scale !== 'number' || typeof zeroPoint !== 'number' || !(Math.fround(scale) > 0)) return undefined;
    const places = { x: context.place(x), y: context.place(y) };
    const rule = { type: typeCodes[type], scale, zeroPoint, numerics: numericsCodes[step.numerics] };
    return [{ kind: 'quantize', fields: { ...places, ...rule, count: product(x.dims) } }];
  }),
};
