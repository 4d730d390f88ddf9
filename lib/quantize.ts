/** From a float graph and data to a graph of integers. */
import { OctensorError } from './errors.js';
import type { Graph } from './graph/graph.js';
import { fuseQdq, type QdqEntry } from './passes/fuse-qdq.js';
import { type ConstantQuantizer, insertQuantizers } from './quant/insert.js';
import { makeObserver, type Observer, type Range } from './quant/observers.js';
import { activationParameters } from './quant/parameters.js';
import { type Placement, placeQuantizers } from './quant/place.js';
import type { Scheme } from './quant/schemes.js';
import { quantizeBias, quantizeWeights, type Rounding, weightLimits, weightParameters } from './quant/weights.js';
import { Calibration } from './quantize/calibration.js';
import { type CheckedOptions, checkQuantizeOptions, type QuantizeOptions } from './quantize/options.js';
import { inputDimsOf, prepareGraph } from './quantize/prepare.js';
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
  if (checked.mode === 'static') return quantizeStatic(graph, checked);
  throw new OctensorError('ERR_UNSUPPORTED_OP', `mode ${checked.mode}`);
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

/** Weights and biases to the nearest integer, or as `rounding` says for a constant. */
function constantQuantizer(graph: Graph, { weights }: Scheme, rounding: ReadonlyMap<string, Rounding> = new Map()): ConstantQuantizer {
  const dataOf = (name: string) => graph.constants.get(name)!.data as Float32Array;
  return {
    weights(name, axis) {
      const { dims } = graph.constants.get(name)!;
      const qparams = weightParameters(dataOf(name), dims, axis, weights);
      return quantizeWeights(dataOf(name), dims, qparams, weightLimits(weights), rounding.get(name));
    },
    bias: (name, x, qparams) => quantizeBias(dataOf(name), x, qparams),
  };
}

/** Where every scale came from goes with the file. */
function describeOrigin(graph: Graph, { resolved, seed }: CheckedOptions): Graph {
  const { activations, weights } = resolved;
  const origin = { activations, weights, seed };
  return { ...graph, metadata: { ...graph.metadata, 'octensor.quantization': JSON.stringify(origin) } };
}
