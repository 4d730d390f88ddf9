/** What Resize makes of its inputs: how long each axis becomes, by which scale, and which part of it is shown. */
import { type NodeContext, nodeError, type Operand, requiredInput } from './op.js';
import type { Coordinates, Interpolation, ResizedAxis } from './resize-taps.js';
import { checkedSize, normalizeAxis, product, shapeText } from './shapes.js';
import { constantData, constantIntegers } from './storage.js';

export interface ResizeNdAttributes extends Interpolation {
  readonly coordinates: Coordinates;
  /** Of the result where a coordinate is outside of the tensor (`tf_crop_and_resize`). */
  readonly extrapolation: number;
  /** Which axes scales and sizes are about; all of them where it is empty. */
  readonly axes: readonly number[];
  /** Whether sizes are kept, or the one scale of all axes that makes none of them larger (smaller) than its size. */
  readonly aspect: 'stretch' | 'not_larger' | 'not_smaller';
}

/** Of each axis of x. Throws ERR_SHAPE for scales or sizes that do not fit x, and where input is missing that output would need. */
export function resizedAxes(context: NodeContext<ResizeNdAttributes>): readonly ResizedAxis[] {
  const { node, attributes } = context;
  const { dims } = requiredInput(context, 0);
  const axes = namedAxes(context);
  const named = axes.map((axis) => dims[axis]!);
  const [scales, sizes] = [givenInput(context, 2), givenInput(context, 3)];
  if ((scales === undefined) === (sizes === undefined)) {
    throw nodeError('ERR_MODEL_FORMAT', node, `expected either scales or sizes, got ${scales ? 'both' : 'none'}`);
  }
  const resized = scales ? byScales(context, named, scales) : bySizes(context, named, constantIntegers(context, sizes!));
  const result = dims.map((from, axis) => resized[axes.indexOf(axis)] ?? { from, to: from, scale: 1 });
  const target = result.map(({ to }) => to);
  if (checkedSize(node, target) > 0 && product(dims) === 0) {
    throw nodeError('ERR_SHAPE', node, `expected elements to resize, got shape ${shapeText(dims)}`);
  }
  if (attributes.coordinates === 'tf_crop_and_resize') checkRoi(context, axes.length);
  return result;
}

/** The part of each axis that is shown, as a fraction of its length: [starts..., ends...] of the named axes, or all of it. */
export function regionOf(
  context: NodeContext<ResizeNdAttributes>,
  roi: ArrayLike<number>,
  axis: number,
): readonly [number, number] {
  const axes = namedAxes(context);
  const i = axes.indexOf(axis);
  return i < 0 ? [0, 1] : [roi[i]!, roi[i + axes.length]!];
}

function namedAxes(context: NodeContext<ResizeNdAttributes>): readonly number[] {
  const { dims } = requiredInput(context, 0);
  const { axes } = context.attributes;
  if (axes.length === 0) return [...dims.keys()];
  const named = axes.map((axis) => normalizeAxis(context, axis, dims.length));
  if (new Set(named).size === named.length) return named;
  throw nodeError('ERR_SHAPE', context.node, `expected axes that differ, got ${shapeText(axes)}`);
}

/** Files have an empty tensor where they mean none. */
function givenInput(context: NodeContext<ResizeNdAttributes>, index: number): Operand | undefined {
  const operand = context.inputs[index];
  return operand === undefined || product(operand.dims) === 0 ? undefined : operand;
}

function byScales(context: NodeContext<ResizeNdAttributes>, dims: readonly number[], operand: Operand): readonly ResizedAxis[] {
  const scales = Array.from(constantData(context, operand) as Float32Array, Number);
  if (operand.type !== 'float32' || scales.length !== dims.length || !scales.every((scale) => scale > 0 && scale < Infinity)) {
    const found = `${operand.type} ${shapeText(scales)}`;
    throw nodeError('ERR_SHAPE', context.node, `expected ${dims.length} scales above 0 in float32, got ${found}`);
  }
  return scales.map((scale, i) => ({ from: dims[i]!, to: Math.floor(Math.fround(scale * dims[i]!)), scale }));
}

function bySizes(
  { node, attributes }: NodeContext<ResizeNdAttributes>,
  dims: readonly number[],
  sizes: readonly number[],
): readonly ResizedAxis[] {
  if (sizes.length !== dims.length || sizes.some((size) => size < 0)) {
    throw nodeError('ERR_SHAPE', node, `expected ${dims.length} sizes, got ${shapeText(sizes)}`);
  }
  const scales = sizes.map((size, i) => Math.fround(size / Math.max(dims[i]!, 1)));
  if (attributes.aspect === 'stretch' || dims.length === 0)
    return dims.map((from, i) => ({ from, to: sizes[i]!, scale: scales[i]! }));
  const limit = attributes.aspect === 'not_larger' ? Math.min : Math.max;
  const scale = scales.reduce((result, each) => limit(result, each));
  return dims.map((from) => ({ from, to: Math.floor(Math.fround(scale * from) + 0.5), scale }));
}

function checkRoi(context: NodeContext<ResizeNdAttributes>, count: number): void {
  const roi = requiredInput(context, 1);
  const isReal = roi.type === 'float32' || roi.type === 'float64';
  if (isReal && roi.dims.length === 1 && roi.dims[0] === 2 * count) return;
  const message = `expected ${2 * count} reals for ${roi.name}, got ${roi.type} ${shapeText(roi.dims)}`;
  throw nodeError('ERR_SHAPE', context.node, message);
}
