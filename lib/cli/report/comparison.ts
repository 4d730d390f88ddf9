/** The page of a comparison. */
import { analyze } from '../../analyze.js';
import type { Graph } from '../../graph/graph.js';
import type { Agreement } from '../agreement.js';
import type { Feeds, Side } from '../compare-runs.js';
import type { PageReport } from './page.js';
import { constantBytesOf } from './report.js';

export interface Compared {
  readonly a: Side;
  readonly b: Side;
  readonly feedsA: Feeds;
  readonly feedsB: Feeds;
  readonly outputs: readonly ({ readonly name: string } & Partial<Agreement>)[];
  /** Values that both sides have by the same name. */
  readonly layers: readonly ({ readonly node: string; readonly op: string; readonly value: string } & Agreement)[];
}

/**
 * Of a float model and a quantized one, layers are those of `analyze`: a value and the integers that stand for it have different
 * names. Of other pairs, what was compared.
 */
export async function comparisonReport({ a, b, feedsA, feedsB, outputs, layers }: Compared): Promise<PageReport> {
  const [isQuantizedA, isQuantizedB] = [isQuantized(a.graph), isQuantized(b.graph)];
  const [float, quantized, feeds] = isQuantizedA ? [b, a, feedsB] : [a, b, feedsA];
  const isPair = isQuantizedA !== isQuantizedB && a.runner !== 'onnxruntime' && b.runner !== 'onnxruntime';
  return {
    model: `${a.path} and ${b.path}`,
    settings: { 'MODEL_A on': a.runner, 'MODEL_B on': b.runner },
    ...(isPair && { constantBytes: { float: constantBytesOf(float.graph), quantized: constantBytesOf(quantized.graph) } }),
    outputs: outputs.map(withMaxAbsError),
    layers: isPair ? await analyze(float.graph, quantized.graph, [feeds], { histograms: true }) : layers.map(withMaxAbsError),
  };
}

function isQuantized({ nodes, values }: Graph): boolean {
  return nodes.some(({ outputs }) => outputs.some((name) => values.get(name)?.qparams !== undefined));
}

function withMaxAbsError<T extends Partial<Agreement>>(agreement: T): T & { readonly maxAbsError: number } {
  return { ...agreement, maxAbsError: agreement.maxAbsDifference ?? NaN };
}
