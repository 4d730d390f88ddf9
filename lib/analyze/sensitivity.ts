/** How much of the loss is one layer's: the model with that layer alone quantized. */
import { OctensorError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { ErrorMeter } from '../quant/metrics.js';
import { throwIfAborted } from '../session/options.js';
import { InferenceSession } from '../session.js';
import type { Tensor } from '../tensor.js';
import { feedsFor, realsOf } from './sides.js';

type Feeds = Readonly<Record<string, Tensor>>;

export interface Sensitivity {
  readonly node: string;
  /** Of all outputs together, against the float model's: the lower, the more the layer costs. */
  readonly sqnrDb: number;
}

export interface SensitivityOptions {
  readonly onProgress?: (progress: { readonly phase: string; readonly done: number; readonly total: number }) => void;
  readonly signal?: AbortSignal;
}

/**
 * `quantizeOnly` gives the float graph with one of its nodes quantized: `quantize` with all others in `exclude`. The batches are gone
 * through once for each node. The result is in the order of `nodes`. Throws ERR_OPTION where there is no batch, ERR_ABORTED, and
 * what a session or `quantizeOnly` throws.
 */
export async function sensitivity(
  float: Graph,
  nodes: readonly string[],
  quantizeOnly: (node: string) => Promise<Graph>,
  batches: readonly Feeds[],
  { onProgress, signal }: SensitivityOptions = {},
): Promise<readonly Sensitivity[]> {
  if (batches.length === 0) throw new OctensorError('ERR_OPTION', 'batches: expected at least one, got none');
  const expected = await InferenceSession.create(float);
  try {
    const found: Sensitivity[] = [];
    for (const node of nodes) {
      throwIfAborted(signal, 'sensitivity');
      found.push({ node, sqnrDb: await outputSqnr(expected, await quantizeOnly(node), batches) });
      onProgress?.({ phase: 'sensitivity', done: found.length, total: nodes.length });
    }
    return found;
  } finally {
    await expected.release();
  }
}

async function outputSqnr(float: InferenceSession, graph: Graph, batches: readonly Feeds[]): Promise<number> {
  const quantized = await InferenceSession.create(graph);
  const meter = new ErrorMeter();
  try {
    for (const feeds of batches) {
      const [y, x] = [await float.run(feeds), await quantized.run(feedsFor(graph, feeds))];
      for (const { name, qparams } of quantized.outputs) {
        const [expected, actual] = [y[name], realsOf({ tensor: x[name]!, ...(qparams && { qparams }) })];
        if (expected?.type === 'float32' && actual !== undefined) meter.add(actual.data, expected.data as Float32Array);
      }
    }
    return meter.metrics().sqnrDb;
  } finally {
    await quantized.release();
  }
}
