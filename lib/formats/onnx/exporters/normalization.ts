/** Normalizations, with their channels where ONNX has them. */
import type { BatchNormAttributes } from '../../../ops/batch-norm.js';
import type { GroupNormAttributes } from '../../../ops/group-norm.js';
import type { LayerNormAttributes } from '../../../ops/layer-norm.js';
import type { ExportGraph } from '../export-graph.js';
import { axisIn, imageRank, type Layout } from '../export-layout.js';
import { Float } from '../export-messages.js';
import { type Exporters, exporter } from './exporter.js';

const batchNorm = exporter<BatchNormAttributes>(({ inputs, outputs, attributes }, graph) => {
  const [x, ...parameters] = inputs as readonly [string, ...string[]];
  const layout = channelsFirst(graph, x, attributes.axis);
  const values = [graph.real(x, layout), ...parameters.map((name) => graph.real(name))];
  graph.defineReal(outputs[0]!, graph.add('BatchNormalization', values, { epsilon: new Float(attributes.epsilon) }), layout);
});

interface LocalResponse {
  readonly axis: number;
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly bias: number;
}

const localResponseNorm = exporter<LocalResponse>(({ inputs, outputs, attributes }, graph) => {
  const { axis, size, alpha, beta, bias } = attributes;
  const layout = channelsFirst(graph, inputs[0]!, axis);
  const own = { size, alpha: new Float(alpha), beta: new Float(beta), bias: new Float(bias) };
  graph.defineReal(outputs[0]!, graph.add('LRN', [graph.real(inputs[0]!, layout)], own), layout);
});

/** The order in which `axis` is dimension 1. */
function channelsFirst(graph: ExportGraph, x: string, axis: number): Layout {
  if (axis === 1) return 'own';
  const rank = graph.rank(x);
  if (rank === imageRank && axisIn('nchw', axis) === 1) return 'nchw';
  if (rank !== undefined && axis < 0 && axis + rank === 1) return 'own';
  throw graph.unsupported(`channels along axis ${axis}`);
}

const layerNorm = exporter<LayerNormAttributes>(({ inputs, outputs, attributes }, graph) => {
  const { axis, epsilon, center } = attributes;
  const values = inputs.map((name) => (name === '' ? undefined : graph.real(name)));
  const opType = center ? 'LayerNormalization' : 'RMSNormalization';
  if (!center && (outputs.length > 1 || values[2] !== undefined))
    throw graph.unsupported('a root mean square with a bias or statistics');
  const results = graph.addMany(opType, values, { axis, epsilon: new Float(epsilon) }, outputs.length);
  for (const [i, name] of outputs.entries()) graph.defineReal(name, results[i]!);
});

/** From version 21 on there is a scale for each channel. */
const groupNorm = exporter<GroupNormAttributes>(({ inputs, outputs, attributes }, graph) => {
  const { groups, epsilon } = attributes;
  const values = inputs.map((name) => graph.real(name));
  const own = groups === 0 ? {} : { num_groups: groups };
  const opType = groups === 0 ? 'InstanceNormalization' : 'GroupNormalization';
  graph.defineReal(outputs[0]!, graph.add(opType, values, { ...own, epsilon: new Float(epsilon) }));
});

const lpNormalization = exporter<{ readonly axis: number; readonly p: number; readonly flatten: boolean }>(
  ({ inputs, outputs, attributes }, graph) => {
    const { axis, p } = attributes;
    graph.defineReal(outputs[0]!, graph.add('LpNormalization', [graph.real(inputs[0]!)], { axis, p }));
  },
);

const meanVarianceNorm = exporter<{ readonly axes: readonly number[] }>(({ inputs, outputs, attributes }, graph) => {
  const value = graph.add('MeanVarianceNormalization', [graph.real(inputs[0]!)], { axes: attributes.axes });
  graph.defineReal(outputs[0]!, value);
});

export const normalizationExporters: Exporters = {
  BatchNorm: batchNorm,
  GroupNorm: groupNorm,
  LayerNorm: layerNorm,
  LocalResponseNorm: localResponseNorm,
  LpNormalization: lpNormalization,
  MeanVarianceNorm: meanVarianceNorm,
};
