/** Slices, splits and their opposites. */

import type { SliceAttributes } from '../../../ops/slice.js';
import type { SplitAttributes } from '../../../ops/split.js';
import type { StridedSliceAttributes } from '../../../ops/strided-slice.js';
import type { ExportGraph } from '../export-graph.js';
import { axisIn } from '../export-layout.js';
import { commonLayout, type Exporters, exporter } from './exporter.js';
import { int64Of, move } from './moving.js';

/** Beyond any dimension: to the end, or to the beginning where steps go backwards. */
const toEnd = 2 ** 31 - 1;
const toBegin = -(2 ** 31);

const slice = exporter<SliceAttributes>(({ inputs, outputs, attributes }, graph) => {
  const { begin, size } = attributes;
  const layout = commonLayout(graph, inputs);
  const starts = graph.literal('int64', begin);
  const ends = graph.literal(
    'int64',
    begin.map((start, i) => (size[i] === -1 ? toEnd : start + size[i]!)),
  );
  const axes = graph.literal(
    'int64',
    begin.map((_, i) => axisIn(layout, i)),
  );
  move(graph, inputs, outputs, layout, ([value]) => [graph.add('Slice', [value, starts, ends, axes])]);
});

/** Inputs as ONNX's own; integers of 32 bits are as good. */
const sliceAxes = exporter(({ inputs, outputs }, graph) => {
  const [x, ...places] = inputs as readonly [string, ...string[]];
  const values = places.map((name) => (name === '' ? undefined : int64Of(graph, name)));
  move(graph, [x], outputs, 'own', ([value]) => [graph.add('Slice', [value, ...values])]);
});

const stridedSlice = exporter<StridedSliceAttributes>(({ inputs, outputs, attributes }, graph) => {
  const [x] = inputs as readonly [string];
  const taken = takenEntries(graph, x, attributes);
  const layout = taken.removed.length + taken.added.length > 0 ? 'own' : commonLayout(graph, inputs);
  move(graph, inputs, outputs, layout, ([input]) => {
    const { starts, ends, axes, steps, removed, added } = taken;
    const places = [starts, ends, axes.map((axis) => axisIn(layout, axis)), steps].map((list) => graph.literal('int64', list));
    let value = axes.length === 0 ? input! : graph.add('Slice', [input, ...places]);
    if (removed.length > 0) value = graph.add('Squeeze', [value, graph.literal('int64', removed)]);
    if (added.length > 0) value = graph.add('Unsqueeze', [value, graph.literal('int64', added)]);
    return [value === input ? graph.add('Identity', [value]) : value];
  });
});

/** What is cut along which axes, which of these go away then, and where new ones stand in the result. */
function takenEntries(graph: ExportGraph, x: string, attributes: StridedSliceAttributes) {
  const { begin, end, strides } = attributes;
  const has = (mask: number, entry: number) => ((mask >> entry) & 1) === 1;
  const named = begin.filter((_, i) => !has(attributes.ellipsisMask, i) && !has(attributes.newAxisMask, i)).length;
  const result = { starts: [] as number[], ends: [] as number[], axes: [] as number[], steps: [] as number[] };
  const [removed, added]: [number[], number[]] = [[], []];
  let axis = 0;
  let place = 0;
  for (const [i, start] of begin.entries()) {
    if (has(attributes.ellipsisMask, i)) {
      const rank = graph.rank(x);
      if (rank === undefined) throw graph.unsupported('an ellipsis of an unknown number of dimensions');
      axis += rank - named;
      place += rank - named;
    } else if (has(attributes.newAxisMask, i)) added.push(place++);
    else {
      const shrinks = has(attributes.shrinkAxisMask, i);
      const step = shrinks ? 1 : strides[i]!;
      const [first, last] = step > 0 ? [0, toEnd] : [toEnd, toBegin];
      result.starts.push(!shrinks && has(attributes.beginMask, i) ? first : start);
      result.ends.push(shrinks ? (start === -1 ? toEnd : start + 1) : has(attributes.endMask, i) ? last : end[i]!);
      result.steps.push(step);
      result.axes.push(axis);
      if (shrinks) removed.push(axis);
      else place++;
      axis++;
    }
  }
  return { ...result, removed, added };
}

const split = exporter<SplitAttributes>(({ inputs, outputs, attributes }, graph) => {
  const [x, given = ''] = inputs as readonly [string, string?];
  const layout = commonLayout(graph, [x]);
  const sizes = given === '' ? sizesOf(graph, x, attributes, outputs.length) : int64Of(graph, given);
  const own = {
    axis: axisIn(layout, attributes.axis),
    num_outputs: sizes === undefined && graph.opset >= 18 ? outputs.length : undefined,
  };
  move(graph, [x], outputs, layout, ([value]) =>
    graph.addMany('Split', [value, ...(sizes === undefined ? [] : [sizes])], own, outputs.length),
  );
});

/** Undefined: equal parts. */
function sizesOf(graph: ExportGraph, x: string, { axis, sizes, uneven }: SplitAttributes, count: number) {
  const rank = graph.rank(x);
  const total = rank === undefined ? undefined : graph.dims(x)?.[axis < 0 ? axis + rank : axis];
  if (sizes.length === 0 && !uneven) return undefined;
  if (sizes.length > 0 && !sizes.includes(-1)) return graph.literal('int64', sizes);
  if (typeof total !== 'number') throw graph.unsupported('parts of an unknown dimension');
  const part = Math.ceil(total / count);
  const given = sizes.length > 0 ? sizes : Array.from({ length: count }, (_, i) => Math.min(part, total - i * part));
  const known = given.reduce((sum, size) => sum + Math.max(size, 0), 0);
  return graph.literal(
    'int64',
    given.map((size) => (size === -1 ? total - known : size)),
  );
}

const pack = exporter<{ readonly axis: number }>(({ inputs, outputs, attributes }, graph) => {
  const { axis } = attributes;
  const axes = graph.literal('int64', [axis]);
  move(graph, inputs, outputs, 'own', (values) => [
    graph.add(
      'Concat',
      values.map((value) => graph.add('Unsqueeze', [value, axes])),
      { axis },
    ),
  ]);
});

const unpack = exporter<{ readonly axis: number }>(({ inputs, outputs, attributes }, graph) => {
  const { axis } = attributes;
  const axes = graph.literal('int64', [axis]);
  const own = { axis, num_outputs: graph.opset >= 18 ? outputs.length : undefined };
  move(graph, inputs, outputs, 'own', (values) =>
    graph.addMany('Split', values, own, outputs.length).map((part) => graph.add('Squeeze', [part, axes])),
  );
});

export const partExporters: Exporters = {
  Pack: pack,
  Slice: slice,
  SliceAxes: sliceAxes,
  Split: split,
  StridedSlice: stridedSlice,
  Unpack: unpack,
};
