/** ResizeBilinear and ResizeNearest: native/ops/resize_{bilinear,nearest}.cc. */
import type { ResizeAttributes } from '../../ops/resize.js';
import { floatTaps, integerTaps, type Taps } from '../../ops/resize-bilinear.js';
import { nearest } from '../../ops/resize-nearest.js';
import { bytesPerElement } from '../../plan/memory.js';
import { defineLowering, type LoweringContext, type Lowerings, type StepOf } from './lowering.js';

/** Of native/ops/resize_{bilinear,nearest}.cc. */
const typeCodes: Readonly<Record<string, number>> = { int8: 0, uint8: 1, float32: 3 };

export const resizeLowerings: Lowerings = {
  ResizeNearest: defineLowering<ResizeAttributes>((step, context) => {
    const { attributes, inputs } = step;
    const [, height, width] = inputs[0]!.dims as [number, number, number, number];
    const rows = nearest(height, attributes.height, attributes);
    const columns = nearest(width, attributes.width, attributes);
    const elementBytes = bytesPerElement[inputs[0]!.type];
    return [{ kind: 'resize-nearest', fields: { ...shapeFields(step, context), elementBytes, rows, columns } }];
  }),
  ResizeBilinear: defineLowering<ResizeAttributes>((step, context) => {
    const { attributes, inputs } = step;
    const { type, dims } = inputs[0]!;
    const code = typeCodes[type];
    if (code === undefined) return undefined;
    const tapsOf = type === 'int8' ? integerTaps : floatTaps;
    const rows = tapsOf(dims[1]!, attributes.height, attributes);
    const columns = tapsOf(dims[2]!, attributes.width, attributes);
    const limit = type === 'int8' ? 2048 : 2; // huge images carry rounded places far past their last pixel
    if (![rows, columns].every((taps) => isWithin(taps, limit))) return undefined;
    const weights = (values: Float64Array) => (type === 'int8' ? Int32Array.from(values) : Float32Array.from(values));
    const fields = {
      rowLower: rows.lower,
      rowUpper: rows.upper,
      rowLowerWeight: weights(rows.lowerWeight),
      rowUpperWeight: weights(rows.upperWeight),
      columnLower: columns.lower,
      columnUpper: columns.upper,
      columnLowerWeight: weights(columns.lowerWeight),
      columnUpperWeight: weights(columns.upperWeight),
    };
    return [{ kind: 'resize-bilinear', fields: { ...shapeFields(step, context), type: code, ...fields } }];
  }),
};

function shapeFields({ inputs, outputs, attributes }: StepOf<ResizeAttributes>, context: LoweringContext) {
  const [batches, height, width, channels] = inputs[0]!.dims as [number, number, number, number];
  const [outHeight, outWidth] = [attributes.height, attributes.width];
  const places = { x: context.place(inputs[0]!), y: context.place(outputs[0]!) };
  return { ...places, batches, height, width, channels, outHeight, outWidth };
}

function isWithin({ lowerWeight, upperWeight }: Taps, limit: number): boolean {
  return [lowerWeight, upperWeight].every((weights) => weights.every((weight) => Math.abs(weight) <= limit));
}
