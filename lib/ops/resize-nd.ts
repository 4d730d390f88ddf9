/**
 * Resize: x in another shape, each axis stretched or shrunk on its own. Inputs: x; the region of interest, for `tf_crop_and_resize`;
 * then either scales in float32 (a length becomes floor(scale · length)) or sizes. What there is to choose is in resize-plan.ts and
 * resize-taps.ts. (ONNX Resize)
 *
 * Images in float32, two dimensions of which change, are interpolated in float32 step by step, as ONNX Runtime does: what is quantized
 * again is often half way between two integers. Other sums are kept in float64 and rounded once: for float32 to the nearest, for
 * quantized integers to the nearest, half to even; plain integers are truncated toward zero. Integers saturate.
 */
import { toFloat16Bits } from '../float16.js';
import { roundHalfEven } from '../rounding.js';
import type { TypedArray } from '../typed-array.js';
import { integerRange } from './integers.js';
import { copyMapped } from './mapped-copy.js';
import { defineOp, expectType, type NodeContext, type Operand, type RunContext, requiredInput } from './op.js';
import { resizeNdCases } from './resize-cases.js';
import { type ResizeNdAttributes, regionOf, resizedAxes } from './resize-plan.js';
import {
  coordinateModes,
  coordinatesOf,
  nearestElements,
  nearestModes,
  type PairTaps,
  pairTaps,
  type ResizedAxis,
  weightedTaps,
} from './resize-taps.js';
import { product } from './shapes.js';
import { allocate, inputData, outputTensor, storedTypes } from './storage.js';

const interpolatedTypes = ['float32', 'float64', 'int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32'] as const;

export const resizeNd = defineOp<ResizeNdAttributes>({
  name: 'Resize',
  inputs: [3, 4],
  outputs: [1, 1],
  parse: (attributes) => ({
    mode: attributes.oneOf('mode', ['nearest', 'linear', 'cubic'], 'nearest'),
    coordinates: attributes.oneOf('coordinates', coordinateModes, 'half_pixel'),
    nearest: attributes.oneOf('nearest', nearestModes, 'round_prefer_floor'),
    cubicA: attributes.number('cubicA', -0.75),
    excludeOutside: attributes.boolean('excludeOutside', false),
    antialias: attributes.boolean('antialias', false),
    extrapolation: attributes.number('extrapolation', 0),
    axes: attributes.integers('axes', -(2 ** 31), 2 ** 31 - 1, []),
    aspect: attributes.oneOf('aspect', ['stretch', 'not_larger', 'not_smaller'], 'stretch'),
  }),
  infer(context) {
    const x = requiredInput(context, 0);
    expectType(context, x, context.attributes.mode === 'nearest' ? storedTypes : interpolatedTypes);
    return [{ type: x.type, dims: resizedAxes(context).map(({ to }) => to) }];
  },
  run(context) {
    const { type, dims } = context.outputs[0]!;
    if (product(dims) === 0) return [outputTensor(context, 0, allocate(type, 0))];
    const plane = planeOf(context);
    const data =
      context.attributes.mode === 'nearest'
        ? pickNearest(context)
        : plane === undefined
          ? interpolate(context)
          : interpolatePlane(context, plane);
    return [outputTensor(context, 0, data)];
  },
  cases: resizeNdCases,
});

type Context = RunContext<ResizeNdAttributes>;

/** Whether an axis has to be touched at all: every kernel leaves what lies on an element as it is. */
function isChanged({ from, to, scale }: ResizedAxis, { coordinates }: ResizeNdAttributes): boolean {
  return from !== to || scale !== 1 || coordinates === 'tf_crop_and_resize';
}

function coordinatesAlong(context: Context, axis: number, resized: ResizedAxis): Float32Array {
  const { coordinates } = context.attributes;
  const isCropped = coordinates === 'tf_crop_and_resize';
  const region = isCropped ? regionOf(context, inputData(context, 1) as Float32Array, axis) : ([0, 1] as const);
  return coordinatesOf(coordinates, resized, region);
}

/** Of a cropped axis, what is outside is extrapolated. NaN is outside too. */
function isOutside(x: number, { from }: ResizedAxis, { coordinates }: ResizeNdAttributes): boolean {
  return coordinates === 'tf_crop_and_resize' && !(x >= 0 && x <= from - 1);
}

function pickNearest(context: Context): TypedArray {
  const { attributes, inputs, outputs } = context;
  const x = inputs[0]!;
  const axes = resizedAxes(context);
  const map = (axis: number) => {
    const resized = axes[axis]!;
    if (!isChanged(resized, attributes)) return Int32Array.from({ length: resized.to }, (_, i) => i);
    const coordinates = coordinatesAlong(context, axis, resized);
    const elements = nearestElements(coordinates, resized, attributes.nearest);
    return elements.map((element, i) => (isOutside(coordinates[i]!, resized, attributes) ? -1 : element));
  };
  const otherwise = elementOf(attributes.extrapolation, x);
  return copyMapped(x.type, inputData(context, 0), x.dims, outputs[0]!.dims, map, otherwise);
}

export interface Plane {
  /** The first of the two axes. */
  readonly first: number;
  readonly rows: PairTaps;
  readonly columns: PairTaps;
}

/** The two neighbouring axes that change, where they are interpolated linearly between pairs of elements of float32. */
export function planeOf(context: NodeContext<ResizeNdAttributes>): Plane | undefined {
  const { attributes, inputs } = context;
  const { mode, coordinates, antialias, excludeOutside } = attributes;
  const { type, dims } = inputs[0]!;
  if (mode !== 'linear' || coordinates === 'tf_crop_and_resize' || antialias || excludeOutside) return undefined;
  if (type !== 'float32' || dims.length < 2) return undefined;
  const axes = resizedAxes(context);
  const first = Math.min(
    Math.max(
      0,
      axes.findIndex((axis) => isChanged(axis, attributes)),
    ),
    dims.length - 2,
  );
  if (axes.some((axis, i) => i !== first && i !== first + 1 && isChanged(axis, attributes))) return undefined;
  const [rows, columns] = [axes[first]!, axes[first + 1]!].map((axis) =>
    pairTaps(coordinatesOf(coordinates, axis, [0, 1]), axis),
  );
  return { first, rows: rows!, columns: columns! };
}

function interpolatePlane(context: Context, { first, rows, columns }: Plane): Float32Array {
  const { fround } = Math;
  const { dims } = context.inputs[0]!;
  const to = context.outputs[0]!.dims;
  const x = inputData(context, 0) as Float32Array;
  const y = new Float32Array(product(to));
  const [height, width] = [dims[first]!, dims[first + 1]!];
  const inner = product(dims.slice(first + 2));
  let position = 0;
  for (let o = product(dims.slice(0, first)), image = 0; o > 0; o--, image += height * width * inner) {
    for (let i = 0; i < to[first]!; i++) {
      const [top, bottom] = [image + rows.lower[i]! * width * inner, image + rows.upper[i]! * width * inner];
      for (let j = 0; j < to[first + 1]!; j++) {
        const [left, right] = [columns.lower[j]! * inner, columns.upper[j]! * inner];
        const [l, r, t, b] = [columns.lowerWeight[j]!, columns.upperWeight[j]!, rows.lowerWeight[i]!, rows.upperWeight[i]!];
        const weights = [fround(l * t), fround(r * t), fround(l * b), fround(r * b)] as const;
        for (let c = 0; c < inner; c++) {
          const upper = fround(fround(weights[0] * x[top + left + c]!) + fround(weights[1] * x[top + right + c]!));
          const three = fround(upper + fround(weights[2] * x[bottom + left + c]!));
          y[position++] = three + fround(weights[3] * x[bottom + right + c]!);
        }
      }
    }
  }
  return y;
}

function interpolate(context: Context): TypedArray {
  const { attributes, inputs, outputs } = context;
  const x = inputs[0]!;
  const axes = resizedAxes(context);
  // What becomes shortest goes first: nothing in between is larger than both x and the result
  const order = [...axes.keys()].sort((a, b) => axes[a]!.to / axes[a]!.from - axes[b]!.to / axes[b]!.from);
  let data: ArrayLike<number> = inputData(context, 0) as Float32Array;
  let dims = x.dims;
  for (const axis of order) {
    const resized = axes[axis]!;
    if (!isChanged(resized, attributes)) continue;
    data = interpolateAxis(data, dims, axis, coordinatesAlong(context, axis, resized), resized, attributes);
    dims = dims.with(axis, resized.to);
  }
  const round = rounderFor(x);
  const y = allocate(x.type, product(outputs[0]!.dims)) as Float32Array;
  for (let i = 0; i < y.length; i++) y[i] = round(data[i]!);
  return y;
}

/** What is extrapolated stays so along the axes that follow: their weights make up 1. */
function interpolateAxis(
  x: ArrayLike<number>,
  dims: readonly number[],
  axis: number,
  coordinates: Float32Array,
  resized: ResizedAxis,
  attributes: ResizeNdAttributes,
): Float64Array {
  const { count, elements, weights } = weightedTaps(coordinates, resized, attributes);
  const { from, to } = resized;
  const outer = product(dims.slice(0, axis));
  const inner = product(dims.slice(axis + 1));
  const y = new Float64Array(outer * to * inner);
  for (let i = 0; i < to; i++) {
    const outside = isOutside(coordinates[i]!, resized, attributes);
    for (let o = 0; o < outer; o++) {
      const target = (o * to + i) * inner;
      if (outside) {
        y.fill(attributes.extrapolation, target, target + inner);
        continue;
      }
      for (let k = i * count; k < (i + 1) * count; k++) {
        const weight = weights[k]!;
        if (weight === 0) continue;
        const source = (o * from + elements[k]!) * inner;
        for (let j = 0; j < inner; j++) y[target + j]! += weight * x[source + j]!;
      }
    }
  }
  return y;
}

function rounderFor({ type, qparams }: Operand): (value: number) => number {
  if (type.startsWith('float')) return (value) => value;
  const [min, max] = integerRange(type).map(Number) as [number, number];
  const round = qparams === undefined ? Math.trunc : roundHalfEven;
  return (value) => round(Math.min(Math.max(value, min), max));
}

/** A real number of the model's as an element of x. */
function elementOf(value: number, x: Operand): number | bigint {
  if (x.type === 'float16') return toFloat16Bits(value);
  if (x.type === 'bool') return value === 0 ? 0 : 1;
  return x.type === 'int64' || x.type === 'uint64' ? BigInt(Math.trunc(value)) : rounderFor(x)(value);
}
