/** Where accuracy goes: what each layer of a quantized graph computes, beside what the float graph computes there. */

import { feedsFor, realsOf, withoutTransposes } from './analyze/sides.js';
import { OctensorError } from './errors.js';
import type { Graph } from './graph/graph.js';
import { type Match, matchValues } from './quant/match.js';
import { ErrorMeter, type Metrics } from './quant/metrics.js';
import { type Histogram, ValueHistogram } from './quant/value-histogram.js';
import { inputDimsOf, prepareGraph } from './quantize/prepare.js';
import { throwIfAborted } from './session/options.js';
import { InferenceSession, type Intermediate } from './session.js';
import type { Tensor } from './tensor.js';

export type Feeds = Readonly<Record<string, Tensor>>;
export type Batches = AsyncIterable<Feeds> | Iterable<Feeds>;

export interface LayerReport extends Metrics {
  /** Of the quantized graph, where a node computes the value there. */
  readonly node: string;
  readonly op: string;
  /** The value's name in the float graph, once that is prepared for quantization. */
  readonly value: string;
  /** With the option `histograms`. */
  readonly histograms?: { readonly float: Histogram; readonly quantized: Histogram };
}

export interface AnalyzeOptions {
  /** Whether reports have them. */
  readonly histograms?: boolean;
  readonly onProgress?: (progress: { readonly phase: string; readonly done: number }) => void;
  readonly signal?: AbortSignal;
}

/**
 * Runs both graphs on the batches, feeds of the float graph, all of the shapes of the first, and compares each value that both
 * compute, in the order of the quantized graph. Values stand for each other as `matchValues` says; integers are dequantized. Errors add
 * up from layer to layer, as they do in a run. Only sums are kept, never values.
 *
 * Equalization and smoothing change what values inside of a graph mean, so of a graph that was quantized with them `float` is the one
 * that they made, else these layers look worse than they are.
 *
 * Throws ERR_OPTION where there is no batch or nothing to compare, ERR_QUANTIZATION where `float` is quantized, ERR_ABORTED, and what a
 * session throws.
 */
export async function analyze(
  float: Graph,
  quantized: Graph,
  batches: Batches,
  options: AnalyzeOptions = {},
): Promise<readonly LayerReport[]> {
  const { signal, onProgress } = options;
  let comparison: Comparison | undefined;
  let done = 0;
  try {
    for await (const feeds of batches) {
      throwIfAborted(signal, 'analyze');
      comparison ??= await Comparison.create(float, quantized, feeds, options);
      await comparison.add(feeds);
      onProgress?.({ phase: 'analyze', done: ++done });
    }
    if (comparison === undefined) throw new OctensorError('ERR_OPTION', 'batches: expected at least one, got none');
    return comparison.reports();
  } finally {
    await comparison?.release();
  }
}

class Comparison {
  readonly #float: Graph;
  readonly #quantized: Graph;
  readonly #sessions: readonly [float: InferenceSession, quantized: InferenceSession];
  readonly #layers: readonly Layer[];

  private constructor(
    float: Graph,
    quantized: Graph,
    sessions: readonly [InferenceSession, InferenceSession],
    layers: readonly Layer[],
  ) {
    this.#float = float;
    this.#quantized = quantized;
    this.#sessions = sessions;
    this.#layers = layers;
  }

  static async create(
    float: Graph,
    quantized: Graph,
    first: Feeds,
    { histograms = false }: AnalyzeOptions,
  ): Promise<Comparison> {
    const dims = inputDimsOf(float, first);
    const prepared = prepareGraph(float, dims);
    const ordered = withoutTransposes(quantized, dims);
    const matches = matchValues(prepared, ordered);
    if (matches.length === 0) {
      throw new OctensorError(
        'ERR_OPTION',
        'quantized: expected a graph made from the float one, got one that shares no name with it',
      );
    }
    const a = await InferenceSession.create(prepared);
    try {
      const b = await InferenceSession.create(ordered);
      return new Comparison(
        prepared,
        ordered,
        [a, b],
        matches.map((match) => new Layer(match, histograms)),
      );
    } catch (error) {
      await a.release();
      throw error;
    }
  }

  async add(feeds: Feeds): Promise<void> {
    const [a, b] = this.#sessions;
    const expected = await a.intermediates(feedsFor(this.#float, feeds));
    const actual = await b.intermediates(feedsFor(this.#quantized, feeds));
    for (const layer of this.#layers) layer.add(expected, actual, feeds);
  }

  /** Values whose shapes differ, as they stand in another order, were not compared. */
  reports(): readonly LayerReport[] {
    return this.#layers.filter(({ isCompared }) => isCompared).map((layer) => layer.report());
  }

  async release(): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session.release()));
  }
}

class Layer {
  readonly #match: Match;
  readonly #meter = new ErrorMeter();
  readonly #histograms: { readonly float: ValueHistogram; readonly quantized: ValueHistogram } | undefined;
  isCompared = false;

  constructor(match: Match, hasHistograms: boolean) {
    this.#match = match;
    if (hasHistograms) this.#histograms = { float: new ValueHistogram(), quantized: new ValueHistogram() };
  }

  add(expected: ReadonlyMap<string, Intermediate>, actual: ReadonlyMap<string, Intermediate>, feeds: Feeds): void {
    const { value, quantized } = this.#match;
    const y = expected.get(value)?.tensor ?? feeds[value];
    const found = actual.get(quantized);
    const x = found && realsOf(found);
    if (y === undefined || y.type !== 'float32' || x === undefined || String(x.dims) !== String(y.dims)) return;
    this.isCompared = true;
    const real = y.data as Float32Array;
    this.#meter.add(x.data, real, found?.qparams, y.dims);
    this.#histograms?.float.add(real);
    this.#histograms?.quantized.add(x.data);
  }

  report(): LayerReport {
    const { node, op, value } = this.#match;
    const histograms = this.#histograms && {
      float: this.#histograms.float.histogram(),
      quantized: this.#histograms.quantized.histogram(),
    };
    return { node, op, value, ...this.#meter.metrics(), ...(histograms && { histograms }) };
  }
}
