/** Resize, ResizeBilinear and ResizeNearest: native/ops/resize_{bilinear,nearest}.cc. */
import type { ResizeAttributes } from '../../ops/resize.js';
import { floatTaps, integerTaps, type Taps } from '../../ops/resize-bilinear.js';
import { planeOf } from '../../ops/resize-nd.js';
import { nearest } from '../../ops/resize-nearest.js';
import { type ResizeNdAttributes, resizedAxes } from '../../ops/resize-plan.js';
import { coordinatesOf, nearestElements } from '../../ops/resize-taps.js';
import { product } from '../../ops/shapes.js';
import { bytesPerElement } from '../../plan/memory.js';
import { defineLowering, type LoweringContext, type Lowerings, type NativeStep, type StepOf } from './lowering.js';

/** Of native/ops/resize_{bilinear,nearest}.cc. */
const typeCodes: Readonly<Record<string, number>> = { int8: 0, uint8: 1, float32: 3 };

/** As Resize adds float32. */
const floatByRows = 4;

export const resizeLowerings: Lowerings = {
  Resize: defineLowering<ResizeNdAttributes>(lowerResize),
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

/** Images of which two dimensions in a row change, to the nearest element or between two. */
function lowerResize(step: StepOf<ResizeNdAttributes>, context: LoweringContext): readonly NativeStep[] | undefined {
  const { attributes, inputs, outputs } = step;
  const [x, y] = [inputs[0]!, outputs[0]!];
  const { mode, coordinates } = attributes;
  const axes = resizedAxes(step);
  const changed = axes.flatMap(({ from, to, scale }, axis) => (from !== to || scale !== 1 ? [axis] : []));
  const first = Math.min(changed[0] ?? 0, x.dims.length - 2);
  const isPlane = x.dims.length >= 2 && changed.every((axis) => axis === first || axis === first + 1);
  if (!isPlane || coordinates === 'tf_crop_and_resize' || product(y.dims) === 0) return undefined;
  const fields = {
    x: context.place(x),
    y: context.place(y),
    batches: product(x.dims.slice(0, first)),
    height: x.dims[first]!,
    width: x.dims[first + 1]!,
    channels: product(x.dims.slice(first + 2)),
    outHeight: y.dims[first]!,
    outWidth: y.dims[first + 1]!,
  };
  const places = [first, first + 1].map((axis) => coordinatesOf(coordinates, axes[axis]!, [0, 1]));
  if (mode === 'nearest') {
    const [rows, columns] = places.map((place, i) => nearestElements(place, axes[first + i]!, attributes.nearest));
    return [
      { kind: 'resize-nearest', fields: { ...fields, elementBytes: bytesPerElement[x.type], rows: rows!, columns: columns! } },
    ];
  }
  const plane = planeOf(step);
  if (plane === undefined || plane.first !== first) return undefined;
  const { rows, columns } = plane;
  const taps = {
    rowLower: rows.lower,
    rowUpper: rows.upper,
    rowLowerWeight: rows.lowerWeight,
    rowUpperWeight: rows.upperWeight,
    columnLower: columns.lower,
    columnUpper: columns.upper,
    columnLowerWeight: columns.lowerWeight,
    columnUpperWeight: columns.upperWeight,
  };
  return [{ kind: 'resize-bilinear', fields: { ...fields, type: floatByRows, ...taps } }];
}

function shapeFields({ inputs, outputs, attributes }: StepOf<ResizeAttributes>, context: LoweringContext) {
  const [batches, height, width, channels] = inputs[0]!.dims as [number, number, number, number];
  const [outHeight, outWidth] = [attributes.height, attributes.width];
  const places = { x: context.place(inputs[0]!), y: context.place(outputs[0]!) };
  return { ...places, batches, height, width, channels, outHeight, outWidth };
}

function isWithin({ lowerWeight, upperWeight }: Taps, limit: number): boolean {
  return [lowerWeight, upperWeight].every((weights) => weights.every((weight) => Math.abs(weight) <= limit));
}
