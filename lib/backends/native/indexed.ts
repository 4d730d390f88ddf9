/** Operators that find elements by indices, which are data: native/ops/{gather,scatter,one_hot,top_k}.cc. */
import type { CumSumAttributes } from '../../ops/cum-sum.js';
import { type GatherAttributes, gatherAxes } from '../../ops/gather.js';
import type { GatherElementsAttributes } from '../../ops/gather-elements.js';
import type { GatherNdAttributes } from '../../ops/gather-nd.js';
import type { OneHotAttributes } from '../../ops/one-hot.js';
import type { Operand } from '../../ops/op.js';
import { type ScatterReduction, scatterReductions } from '../../ops/scatter.js';
import type { ScatterElementsAttributes } from '../../ops/scatter-elements.js';
import { normalizeAxis, product, strides } from '../../ops/shapes.js';
import type { TopKAttributes } from '../../ops/top-k.js';
import { elementCode } from './elements.js';
import { defineLowering, type LoweringContext, type Lowerings, type NativeStep, type StepOf } from './lowering.js';
import { gather } from './strided.js';

export const indexedLowerings: Lowerings = {
  Gather: defineLowering<GatherAttributes>((step, context) => {
    const [x, indices] = step.inputs as readonly [Operand, Operand];
    const { axis, batch } = gatherAxes(step, x, indices);
    const tuples = tupleFields(context, indices, {
      batches: product(x.dims.slice(0, batch)),
      outer: product(x.dims.slice(batch, axis)),
      extents: [x.dims[axis]!],
      inner: product(x.dims.slice(axis + 1)),
    });
    return x.dims.includes(0) ? undefined : [{ kind: 'gather', fields: { ...ends(step, context), ...tuples } }];
  }),

  GatherNd: defineLowering<GatherNdAttributes>((step, context) => {
    const [x, indices] = step.inputs as readonly [Operand, Operand];
    const batch = step.attributes.batchDims;
    const depth = indices.dims.at(-1)!;
    const tuples = tupleFields(context, indices, {
      batches: product(x.dims.slice(0, batch)),
      extents: x.dims.slice(batch, batch + depth),
      inner: product(x.dims.slice(batch + depth)),
    });
    return x.dims.includes(0) ? undefined : [{ kind: 'gather', fields: { ...ends(step, context), ...tuples } }];
  }),

  GatherElements: defineLowering<GatherElementsAttributes>((step, context) => {
    return [{ kind: 'gather-elements', fields: { ...ends(step, context), ...pickedFields(step, context) } }];
  }),

  ScatterNd: defineLowering<{ readonly reduction: ScatterReduction }>((step, context) => {
    const [x, indices] = step.inputs as readonly [Operand, Operand];
    const depth = indices.dims.at(-1)!;
    const tuples = tupleFields(context, indices, { extents: x.dims.slice(0, depth), inner: product(x.dims.slice(depth)) });
    return scattered(step, context, 'scatter-nd', tuples);
  }),

  ScatterElements: defineLowering<ScatterElementsAttributes>((step, context) => {
    return scattered(step, context, 'scatter-elements', pickedFields(step, context));
  }),

  OneHot: defineLowering<OneHotAttributes>((step, context) => {
    const [indices, , values] = step.inputs as readonly [Operand, Operand, Operand];
    const y = step.outputs[0]!;
    const axis = normalizeAxis(step, step.attributes.axis, y.dims.length);
    const [outer, depth, inner] = [product(y.dims.slice(0, axis)), y.dims[axis]!, product(y.dims.slice(axis + 1))];
    const places = { indices: context.place(indices), values: context.place(values), y: context.place(y) };
    const types = { indexType: elementCode(indices.type), type: elementCode(y.type) };
    return [{ kind: 'one-hot', fields: { ...places, ...types, outer, depth, inner } }];
  }),

  TopK: defineLowering<TopKAttributes>((step, context) => {
    const [values, indices] = step.outputs as readonly [Operand, Operand?];
    const axis = normalizeAxis(step, step.attributes.axis, values.dims.length);
    const fields = {
      ...rowFields(step, axis),
      x: context.place(step.inputs[0]!),
      values: context.place(values),
      ...(indices !== undefined && { indices: context.place(indices) }),
      k: values.dims[axis]!,
      largest: Number(step.attributes.largest),
    };
    return [{ kind: 'top-k', fields }];
  }),

  CumSum: defineLowering<CumSumAttributes>((step, context) => {
    const [x, axis] = step.inputs as readonly [Operand, Operand];
    const flags = { exclusive: Number(step.attributes.exclusive), reverse: Number(step.attributes.reverse) };
    const dims = Int32Array.from(x.dims);
    return dims.length === 0
      ? undefined
      : [{ kind: 'cum-sum', fields: { ...ends(step, context), ...indexFields(context, axis), dims, ...flags } }];
  }),
};

function ends({ inputs, outputs }: StepOf<unknown>, context: LoweringContext) {
  const [x, y] = [inputs[0]!, outputs[0]!];
  return { x: context.place(x), y: context.place(y), type: elementCode(y.type) };
}

function indexFields(context: LoweringContext, indices: Operand) {
  // What has no elements has no place
  const place = indices.dims.includes(0) ? 0 : context.place(indices);
  return { indices: place, longIndices: Number(indices.type === 'int64') };
}

interface TupleShape {
  readonly batches?: number;
  readonly outer?: number;
  /** Of the dimensions that a tuple has an index for. */
  readonly extents: readonly number[];
  readonly inner: number;
}

/** What native/ops/tuples.h reads. Indices of one axis are tuples too. */
function tupleFields(context: LoweringContext, indices: Operand, { batches = 1, outer = 1, extents, inner }: TupleShape) {
  const perTuple = Math.max(extents.length, 1);
  const elements = extents.length === 0 ? product(indices.dims.slice(0, -1)) : product(indices.dims);
  const count = elements / perTuple / batches;
  return { ...indexFields(context, indices), batches, outer, count, inner, extents: Int32Array.from(extents) };
}

/** What native/ops/picked_elements.h reads. */
function pickedFields(step: StepOf<{ readonly axis: number }>, context: LoweringContext) {
  const [x, indices] = step.inputs as readonly [Operand, Operand];
  const axis = normalizeAxis(step, step.attributes.axis, x.dims.length);
  const own = strides(x.dims);
  return {
    ...indexFields(context, indices),
    dims: Int32Array.from(indices.dims),
    strides: Int32Array.from(own.with(axis, 0)),
    extent: x.dims[axis]!,
    along: own[axis]!,
    xCount: product(x.dims),
  };
}

function scattered(
  step: StepOf<{ readonly reduction: ScatterReduction }>,
  context: LoweringContext,
  kind: string,
  fields: NativeStep['fields'],
): readonly NativeStep[] | undefined {
  const [x, , updates] = step.inputs as readonly [Operand, Operand, Operand];
  if (updates.dims.includes(0)) return gather(context, step.outputs[0]!, x.dims, { operand: x, strides: strides(x.dims) });
  const reduction = scatterReductions.indexOf(step.attributes.reduction);
  return [{ kind, fields: { ...ends(step, context), ...fields, updates: context.place(updates), reduction } }];
}

/** Rows along `axis` of input 0. */
function rowFields({ inputs }: StepOf<unknown>, axis: number) {
  const { type, dims } = inputs[0]!;
  const [outer, length, inner] = [product(dims.slice(0, axis)), dims[axis]!, product(dims.slice(axis + 1))];
  return { type: elementCode(type), outer, length, inner };
}
