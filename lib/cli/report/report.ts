/** What is reported about a quantized model, and how it is found out. */
import { type LayerCosts, layerCosts } from '../../analyze/layer-costs.js';
import { feedsFor, realsOf } from '../../analyze/sides.js';
import { analyze, type LayerReport } from '../../analyze.js';
import type { Graph } from '../../graph/graph.js';
import { integerForms } from '../../ops/integer-forms.js';
import { sizeBytesOf } from '../../plan/memory.js';
import { ErrorMeter, type Metrics } from '../../quant/metrics.js';
import { type Histogram, ValueHistogram } from '../../quant/value-histogram.js';
import { inputDimsOf, prepareGraph } from '../../quantize/prepare.js';
import { InferenceSession } from '../../session.js';
import type { CalibrationFiles, Feeds } from '../calibration.js';
import { topOfRows } from './rows.js';

export interface ReportedLayer extends LayerReport {
  /** Of the node's weights before they were quantized. */
  readonly weights?: Histogram;
  readonly cost?: LayerCosts;
  /** Signal to noise of the outputs when this layer alone is quantized. */
  readonly sensitivityDb?: number;
}

export interface OutputReport extends Metrics {
  readonly name: string;
  /** Rows of scores whose largest is the same, of an output that has rows. */
  readonly top?: { readonly same: number; readonly rows: number; readonly classes: number };
}

export interface FloatNode {
  readonly node: string;
  readonly op: string;
  readonly reason: string;
}

export interface QuantizationReport {
  readonly model: string;
  /** What was asked for, by option. */
  readonly settings: Readonly<Record<string, string>>;
  /** Batches that outputs and layers were compared on. */
  readonly batches: { readonly outputs: number; readonly layers: number };
  readonly constantBytes: { readonly float: number; readonly quantized: number };
  readonly outputs: readonly OutputReport[];
  readonly layers: readonly ReportedLayer[];
  /** Nodes that could be computed in integers and are not. */
  readonly float: readonly FloatNode[];
  /** Nodes that read int16 activations. */
  readonly int16: readonly Omit<FloatNode, 'reason'>[];
}

export interface ReportSource {
  readonly float: Graph;
  readonly quantized: Graph;
  readonly calibration: CalibrationFiles;
  readonly onProgress: (progress: { readonly phase: string; readonly done: number; readonly total?: number }) => void;
}

/** Of the first batches, so many; weights' histograms and costs with `details`. */
export async function layersOf(
  source: ReportSource,
  limit: number,
  { details }: { readonly details: boolean },
): Promise<readonly ReportedLayer[]> {
  const { float, quantized, calibration, onProgress } = source;
  const total = Math.min(limit, calibration.count);
  const layers = await analyze(float, quantized, calibration.batches(limit), {
    histograms: details,
    onProgress: (progress) => onProgress({ ...progress, total }),
  });
  if (!details) return layers;
  const first = await firstOf(calibration.batches(1));
  const prepared = prepareGraph(float, inputDimsOf(float, first));
  const [weights, costs] = [weightHistograms(prepared), await layerCosts(prepared, quantized, first)];
  return layers.map((layer) => {
    const [histogram, cost] = [weights.get(layer.node), costs.get(layer.node)];
    return { ...layer, ...(histogram && { weights: histogram }), ...(cost && { cost }) };
  });
}

/** How far the outputs of the models are apart, as they are run: every node in its fastest form. */
export async function outputsOf(
  { float, quantized, calibration, onProgress }: ReportSource,
  limit: number,
): Promise<readonly OutputReport[]> {
  const total = Math.min(limit, calibration.count);
  const outputs = quantized.outputs.map((name) => ({ name, meter: new ErrorMeter(), same: 0, rows: 0, classes: 0 }));
  const [a, b] = [await InferenceSession.create(float), await InferenceSession.create(quantized)];
  try {
    let done = 0;
    for await (const feeds of calibration.batches(limit)) {
      const [y, x] = [await a.run(feeds), await b.run(feedsFor(quantized, feeds))];
      for (const output of outputs) {
        const qparams = quantized.values.get(output.name)?.qparams;
        const [expected, actual] = [y[output.name], realsOf({ tensor: x[output.name]!, ...(qparams && { qparams }) })];
        if (expected?.type !== 'float32' || actual === undefined || actual.size !== expected.size) continue;
        output.meter.add(actual.data, expected.data as Float32Array, qparams, expected.dims);
        const [tops, ownTops] = [topOfRows(expected), topOfRows(actual)];
        output.rows += tops.length;
        output.same += tops.filter((top, i) => top === ownTops[i]).length;
        output.classes = tops.length === 0 ? 0 : expected.size / tops.length;
      }
      onProgress({ phase: 'compare', done: ++done, total });
    }
  } finally {
    await Promise.all([a.release(), b.release()]);
  }
  return outputs.map(({ name, meter, same, rows, classes }) => ({
    name,
    ...meter.metrics(),
    ...(rows > 0 && { top: { same, rows, classes } }),
  }));
}

/** Of constants that a node reads. */
export function constantBytesOf({ nodes, constants }: Graph): number {
  const read = new Set(nodes.flatMap(({ inputs }) => inputs));
  return [...constants].reduce((sum, [name, tensor]) => (read.has(name) ? sum + sizeBytesOf(tensor) : sum), 0);
}

function weightHistograms({ nodes, constants }: Graph): ReadonlyMap<string, Histogram> {
  return new Map(
    nodes.flatMap(({ name, op, inputs }): [string, Histogram][] => {
      const form = integerForms[op]?.weights;
      const tensor = form && constants.get(inputs[form.input]!);
      if (tensor?.type !== 'float32') return [];
      const histogram = new ValueHistogram();
      histogram.add(tensor.data as Float32Array);
      return [[name, histogram.histogram()]];
    }),
  );
}

async function firstOf(batches: AsyncIterable<Feeds>): Promise<Feeds> {
  for await (const feeds of batches) return feeds;
  return {};
}
