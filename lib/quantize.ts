/** From a float graph and data to a graph of integers. */
import type { Graph } from './graph/graph.js';
import { fuseQdq, type QdqEntry } from './passes/fuse-qdq.js';
import { insertQuantizers } from './quant/insert.js';
import { makeObserver, type Observer, type Range } from './quant/observers.js';
import { activationParameters } from './quant/parameters.js';
import { type Placement, placeQuantizers } from './quant/place.js';
import type { Scheme } from './quant/schemes.js';
import { Calibration } from './quantize/calibration.js';
import { constantQuantizer } from './quantize/constants.js';
import { quantizeDynamically } from './quantize/dynamic.js';
import { type CheckedOptions, checkQuantizeOptions, type QuantizeOptions } from './quantize/options.js';
import { inputDimsOf, prepareGraph } from './quantize/prepare.js';
import { quantizeWeightsOnly } from './quantize/weights-only.js';
import { throwIfAborted } from './session/options.js';

export type { QuantizeOptions, QuantizeProgress } from './quantize/options.js';

export interface Quantized {
  readonly graph: Graph;
  /** Of each value that was quantized, what was observed. */
  readonly ranges: Map<string, Range>;
  /** Of each node that could be computed in integers, whether it is, and why not. */
  readonly log: readonly QdqEntry[];
}

/**
 * Quantizes a float model. The result is for the shapes of the first batch of the calibration data (declared shapes, with 1 for open
 * dimensions, where there is none); the same inputs and seed give the same graph.
 *
 * Throws ERR_OPTION for options and for calibration data that is empty or does not fit, ERR_QUANTIZATION for a model that is
 * quantized already and for values that are not finite (naming the node), ERR_ABORTED.
 */
export async function quantize(graph: Graph, options: QuantizeOptions): Promise<Quantized> {
  const checked = checkQuantizeOptions(options);
  throwIfAborted(checked.signal, 'quantize');
  return checked.mode === 'static' ? quantizeStatic(graph, checked) : quantizeConstants(graph, checked);
}

/** Weights alone, of all that has them or of matrix products whose activations are then quantized as they run. */
function quantizeConstants(graph: Graph, options: CheckedOptions): Quantized {
  const { resolved: scheme, exclude, mode } = options;
  const prepared = prepareGraph(graph, inputDimsOf(graph));
  const placement = placeQuantizers(prepared, exclude);
  const result =
    mode === 'dynamic'
      ? quantizeDynamically(prepared, placement, scheme)
      : { graph: quantizeWeightsOnly(prepared, placement, scheme), left: placement.left };
  return { graph: describeOrigin(result.graph, options), ranges: new Map(), log: result.left };
}

async function quantizeStatic(graph: Graph, options: CheckedOptions): Promise<Quantized> {
  const { resolved: scheme, exclude } = options;
  const calibration = await Calibration.open(options);
  const prepared = prepareGraph(graph, inputDimsOf(graph, calibration.first));
  const placement = placeQuantizers(prepared, exclude);
  const ranges = await observe(calibration, prepared, placement, scheme);
  const parameters = activationParameters(placement, ranges, scheme);
  const spelled = insertQuantizers(prepared, placement, parameters, constantQuantizer(prepared, scheme));
  const { graph: fused, log } = fuseQdq(spelled);
  return { graph: describeOrigin(fused, options), ranges: new Map(ranges), log: [...log, ...placement.left] };
}

async function observe(
  calibration: Calibration,
  graph: Graph,
  { quantized }: Placement,
  { activations }: Scheme,
): Promise<ReadonlyMap<string, Range>> {
  const observers = new Map<string, Observer>();
  const constants = [...quantized].filter((name) => graph.constants.has(name));
  for (const name of quantized) observers.set(name, makeObserver(activations));
  for (const name of constants) observers.get(name)!.observe(graph.constants.get(name)!.data as Float32Array);
  const names = [...quantized].filter((name) => !graph.constants.has(name));
  await calibration.observeAll(graph, names, (name, { data }) => observers.get(name)!.observe(data as Float32Array));
  return new Map([...observers].map(([name, observer]) => [name, observer.range()]));
}

/** Where every scale came from goes with the file. */
function describeOrigin(graph: Graph, { resolved, seed }: CheckedOptions): Graph {
  const { activations, weights } = resolved;
  const origin = { activations, weights, seed };
  return { ...graph, metadata: { ...graph.metadata, 'octensor.quantization': JSON.stringify(origin) } };
}
