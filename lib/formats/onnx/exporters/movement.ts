/** Operators that give elements other places. */
import type { BroadcastToAttributes } from '../../../ops/broadcast-to.js';
import type { ConcatAttributes } from '../../../ops/concat.js';
import type { GatherAttributes } from '../../../ops/gather.js';
import type { PadAttributes } from '../../../ops/pad.js';
import type { ReshapeAttributes } from '../../../ops/reshape.js';
import { roundHalfAway } from '../../../rounding.js';
import { axisIn, entriesIn, isPermutation, permuteTensor, toNchw, toNhwc } from '../export-layout.js';
import type { OnnxValue } from '../export-names.js';
import { commonLayout, type Exporter, type Exporters, exporter } from './exporter.js';
import { flatLayout, int64Of, move, shapeOperand } from './moving.js';

const reshape = exporter<ReshapeAttributes>(({ inputs, outputs, attributes }, graph) => {
  const [x, shape] = inputs as readonly [string, string?];
  const target = shapeOperand(graph, shape, attributes.shape);
  const allowzero = attributes.zeroCopies ? undefined : !(target.tensor !== undefined && !includesZero(target.tensor.data));
  const results = (value: Parameters<typeof graph.add>[1][number]) => [
    graph.add('Reshape', [value, target], { allowzero: allowzero || undefined }),
  ];
  const layout = flatLayout(graph, x);
  // The shape that is asked for is in our order
  move(graph, [x], outputs, layout, ([value]) => results(value), 'own');
});

function includesZero(data: unknown): boolean {
  return Array.from(data as BigInt64Array, Number).includes(0);
}

const transpose = exporter<{ readonly perm: readonly number[] }>(({ inputs, outputs, attributes }, graph) => {
  const { perm } = attributes;
  const [x, y] = [inputs[0]!, outputs[0]!];
  const tensor = graph.constant(x);
  if (tensor !== undefined && tensor.type !== 'string' && !graph.isBorder(y))
    return graph.defineConstant(y, permuteTensor(tensor, perm));
  const isFree = graph.meansTheSame(x, y);
  if (isFree && isPermutation(perm, toNchw)) return graph.defineStored(y, graph.stored(x, 'nchw'));
  if (isFree && isPermutation(perm, toNhwc)) return graph.defineStored(y, graph.stored(x), 'nchw');
  move(graph, [x], [y], 'own', (values) => [graph.add('Transpose', values, { perm })]);
});

const concat = exporter<ConcatAttributes>(({ inputs, outputs, attributes }, graph) => {
  const layout = commonLayout(graph, inputs);
  const axis = axisIn(layout, attributes.axis);
  const write = (values: readonly OnnxValue[]) => [graph.add('Concat', values, { axis })];
  if (attributes.rescale) return move(graph, inputs, outputs, layout, write);
  // Integers of several scales, taken as they stand
  const values = inputs.map((name) => graph.stored(name, layout));
  graph.defineStored(outputs[0]!, write(values)[0]!, layout);
});

const pad = exporter<PadAttributes>(({ inputs, outputs, attributes }, graph) => {
  const { pads, value, mode } = attributes;
  if (mode === 'symmetric') throw graph.unsupported('a mirror beyond the edge element');
  const [x] = inputs as readonly [string];
  const layout = commonLayout(graph, inputs);
  const before = pads.filter((_, i) => i % 2 === 0);
  const after = pads.filter((_, i) => i % 2 === 1);
  const amounts = [...entriesIn(layout, before), ...entriesIn(layout, after)];
  const type = graph.value(x)?.type ?? 'float32';
  move(graph, [x], outputs, layout, ([input], integers) => {
    const isReal = graph.isQuantized(x) && integers === undefined;
    const zero =
      integers === undefined ? value : roundHalfAway(value / (integers.scale as number)) + (integers.zeroPoint as number);
    const constant = mode === 'constant' ? [graph.literal(isReal ? 'float32' : type, [zero], [])] : [];
    return [graph.add('Pad', [input, graph.literal('int64', amounts), ...constant], { mode })];
  });
});

/** `axes`: an attribute of ours, or a second input. */
function withAxes(opType: 'Squeeze' | 'Unsqueeze'): Exporter {
  return exporter<{ readonly axes: readonly number[] }>(({ inputs, outputs, attributes }, graph) => {
    const [x, given] = inputs as readonly [string, string?];
    const isAll = given === undefined && attributes.axes.length === 0;
    const axes = isAll ? [] : [shapeOperand(graph, given, attributes.axes)];
    move(graph, [x], outputs, 'own', ([value]) => [graph.add(opType, [value, ...axes])]);
  });
}

const expandDims = exporter<{ readonly axis: number }>(({ inputs, outputs, attributes }, graph) => {
  const axes = graph.literal('int64', [attributes.axis]);
  move(graph, inputs, outputs, 'own', ([value]) => [graph.add('Unsqueeze', [value, axes])]);
});

const flatten = exporter<{ readonly axis: number }>(({ inputs, outputs, attributes }, graph) => {
  const layout = attributes.axis === 1 ? flatLayout(graph, inputs[0]!) : 'own';
  move(graph, inputs, outputs, layout, (values) => [graph.add('Flatten', values, { axis: attributes.axis })], 'own');
});

const gather = exporter<GatherAttributes>(({ inputs, outputs, attributes }, graph) => {
  const [x, indices] = inputs as readonly [string, string];
  if (attributes.batchDims !== 0) throw graph.unsupported('a batch of gathers');
  const places = graph.stored(indices);
  move(graph, [x], outputs, 'own', ([value]) => [graph.add('Gather', [value, places], { axis: attributes.axis })]);
});

const gatherNd = exporter<{ readonly batchDims: number }>(({ inputs, outputs, attributes }, graph) => {
  const [x, indices] = inputs as readonly [string, string];
  const places = int64Of(graph, indices);
  move(graph, [x], outputs, 'own', ([value]) => [graph.add('GatherND', [value, places], { batch_dims: attributes.batchDims })]);
});

const gatherElements = exporter<{ readonly axis: number }>(({ inputs, outputs, attributes }, graph) => {
  const [x, indices] = inputs as readonly [string, string];
  const places = graph.stored(indices);
  move(graph, [x], outputs, 'own', ([value]) => [graph.add('GatherElements', [value, places], { axis: attributes.axis })]);
});

const tile = exporter<{ readonly multiples: readonly number[] }>(({ inputs, outputs, attributes }, graph) => {
  const repeats = shapeOperand(graph, inputs[1], attributes.multiples);
  move(graph, inputs.slice(0, 1), outputs, 'own', ([value]) => [graph.add('Tile', [value, repeats])]);
});

const broadcastTo = exporter<BroadcastToAttributes>(({ inputs, outputs, attributes }, graph) => {
  const shape = shapeOperand(graph, inputs[1], attributes.shape);
  move(graph, inputs.slice(0, 1), outputs, 'own', ([value]) => [graph.add('Expand', [value, shape])]);
});

export const movementExporters: Exporters = {
  BroadcastTo: broadcastTo,
  Concat: concat,
  ExpandDims: expandDims,
  Flatten: flatten,
  Gather: gather,
  GatherElements: gatherElements,
  GatherNd: gatherNd,
  Pad: pad,
  Reshape: reshape,
  Squeeze: withAxes('Squeeze'),
  Tile: tile,
  Transpose: transpose,
  Unsqueeze: withAxes('Unsqueeze'),
};
