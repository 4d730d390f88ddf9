/** What makes a quantized network more like the float one: the algorithms of lib/quant/algorithms/, given the data that they ask for. */
import type { Graph } from '../graph/graph.js';
import { adaround } from '../quant/algorithms/adaround.js';
import { balanceChannels, balancedValues, type ChannelStatistics } from '../quant/algorithms/balance-channels.js';
import { correctBiases, type LayerMeans, meansOfPatches } from '../quant/algorithms/bias-correction.js';
import { equalize, equalizedValues } from '../quant/algorithms/equalize.js';
import { type Gram, GramAccumulator, type GramOptions } from '../quant/algorithms/gram.js';
import { type Layer, layerOf } from '../quant/algorithms/layer.js';
import { smoothQuant } from '../quant/algorithms/smooth-quant.js';
import type { ConstantQuantizer } from '../quant/insert.js';
import type { Target } from '../quant/place.js';
import { dequantizeArray } from '../quant/qparams.js';
import type { Scheme } from '../quant/schemes.js';
import { type Rounding, weightLimits } from '../quant/weights.js';
import type { Tensor } from '../tensor.js';
import type { Calibration } from './calibration.js';
import type { Roundings } from './constants.js';
import type { CheckedOptions } from './options.js';

/** Of the second moments that are collected in one go through the data. */
const maxMomentBytes = 2 ** 28;

/** How far beyond what calibration saw a channel may go before a bound of 6 that was equalized clips it. */
const margin = 1.1;

/** Equalization that keeps bounds of 6: channels are scaled as far as what they were in calibration leaves room for. */
export async function equalizeWithin(graph: Graph, calibration: Calibration): Promise<Graph> {
  const names = equalizedValues(graph).filter((name) => !graph.constants.has(name));
  if (names.length === 0) return graph;
  const highest = new Map<string, Float32Array>();
  await calibration.observeKept('equalize', graph, names, (name, { data, dims }) => {
    const channels = highest.get(name) ?? new Float32Array(dims.at(-1)!);
    highest.set(name, channels);
    const values = data as Float32Array;
    for (let i = 0, c = 0; i < values.length; i++, c = c + 1 === channels.length ? 0 : c + 1) {
      if (margin * values[i]! > channels[c]!) channels[c] = margin * values[i]!;
    }
  });
  return equalize(graph, { replaceRelu6: false, highest });
}

/** Equalization of activations, for weights with a scale for each channel. */
export async function balance(graph: Graph, calibration: Calibration, { weights }: Scheme): Promise<Graph> {
  const names = balancedValues(graph);
  if (names.length === 0) return graph;
  const all = new Map<string, ChannelStatistics & { count: number }>();
  await calibration.observeKept('equalize', graph, names, (name, { data, dims }) => {
    const channels = dims.at(-1)!;
    const zeros = () => new Float64Array(channels);
    const seen = all.get(name) ?? { lowest: zeros(), highest: zeros(), meanSquares: zeros(), count: 0 };
    all.set(name, seen);
    const { lowest, highest, meanSquares } = seen;
    const values = data as Float32Array;
    for (let i = 0, c = 0; i < values.length; i++, c = c + 1 === channels ? 0 : c + 1) {
      const value = values[i]!;
      if (value < lowest[c]!) lowest[c] = value;
      if (value > highest[c]!) highest[c] = value;
      meanSquares[c]! += value * value;
    }
    seen.count += values.length / channels;
  });
  for (const { meanSquares, count } of all.values()) for (let c = 0; c < meanSquares.length; c++) meanSquares[c]! /= count;
  return balanceChannels(graph, { statistics: all, weightSteps: weights.bits === 4 ? 7 : 127 });
}

/** SmoothQuant, for the matrix products of a graph. */
export async function smooth(graph: Graph, calibration: Calibration, alpha: number): Promise<Graph> {
  const maxima = new Map<string, Float32Array>();
  for (const node of graph.nodes) {
    const layer = node.op === 'MatMul' || node.op === 'FullyConnected' ? layerOf(graph, node) : undefined;
    if (layer !== undefined && !graph.constants.has(node.inputs[0]!))
      maxima.set(node.inputs[0]!, new Float32Array(layer.patch));
  }
  if (maxima.size === 0) return graph;
  await calibration.observeKept('smooth', graph, [...maxima.keys()], (name, { data }) => {
    const channels = maxima.get(name)!;
    const values = data as Float32Array;
    for (let i = 0, c = 0; i < values.length; i++, c = c + 1 === channels.length ? 0 : c + 1) {
      const magnitude = Math.abs(values[i]!);
      if (magnitude > channels[c]!) channels[c] = magnitude;
    }
  });
  return smoothQuant(graph, alpha, maxima).graph;
}

interface Refined {
  readonly target: Target;
  readonly layer: Layer;
  /** What the layer reads, in the graph that is run. */
  readonly input: string;
}

/** AdaRound: how the weights of each target are rounded, for the inputs that the float network gives them. */
export async function adaptRoundings(
  graph: Graph,
  targets: readonly Target[],
  calibration: Calibration,
  constants: ConstantQuantizer,
  { resolved, seed, onProgress }: CheckedOptions,
): Promise<Roundings> {
  const roundings = new Map<string, Rounding>();
  const refined = layersOf(graph, graph, targets);
  let done = 0;
  for (const some of inParts(refined)) {
    const grams = await collect('adaround: data', graph, some, calibration, { seed });
    for (const [{ target, layer }, gram] of grams) {
      const { qparams } = constants.weights(target.weights!, target.form.weights!.axis(target.node));
      roundings.set(target.weights!, adaround(layer, qparams, weightLimits(resolved.weights), gram).round);
      onProgress?.({ phase: 'adaround', done: ++done, total: refined.length });
    }
  }
  return roundings;
}

/**
 * The float graph with biases that make up for what rounded weights shift, on the inputs that layers have in the quantized network:
 * `spelled` is that network with Quantize and Dequantize around float operators.
 */
export function withCorrectedBiases(
  graph: Graph,
  spelled: Graph,
  targets: readonly Target[],
  calibration: Calibration,
  constants: ConstantQuantizer,
  { seed }: CheckedOptions,
): Promise<Graph> {
  return correctBiases(graph, targets, async () => {
    // Means are all that is asked for: blocks of one weight have no more
    const collected = await collect('bias correction', spelled, layersOf(graph, spelled, targets), calibration, {
      seed,
      maxBlock: 1,
    });
    return new Map(
      [...collected].map(([{ target, layer }, { means }]): [string, LayerMeans] => {
        const { data, qparams } = constants.weights(target.weights!, target.form.weights!.axis(target.node));
        return [layer.node.name, meansOfPatches(layer, dequantizeArray(data, qparams, layer.dims), means)];
      }),
    );
  });
}

/** Layers of `graph` by what they read in `run`, where nodes have the same names. */
function layersOf(graph: Graph, run: Graph, targets: readonly Target[]): readonly Refined[] {
  const inputs = new Map(run.nodes.map(({ name, inputs: names }) => [name, names[0]!]));
  return targets.flatMap((target) => {
    const layer = target.weights === undefined ? undefined : layerOf(graph, target.node);
    return layer === undefined ? [] : [{ target, layer, input: inputs.get(target.node.name)! }];
  });
}

async function collect(
  phase: string,
  graph: Graph,
  refined: readonly Refined[],
  calibration: Calibration,
  options: GramOptions,
): Promise<ReadonlyMap<Refined, Gram>> {
  const accumulators = new Map(refined.map((each) => [each, new GramAccumulator(each.layer, options)]));
  const byInput = new Map<string, GramAccumulator[]>();
  for (const [{ input }, accumulator] of accumulators) byInput.set(input, [...(byInput.get(input) ?? []), accumulator]);
  await calibration.observeKept(phase, graph, [...byInput.keys()], (name, tensor) => {
    for (const accumulator of byInput.get(name)!) accumulator.add(tensor as Tensor<'float32'>);
  });
  return new Map([...accumulators].map(([each, accumulator]) => [each, accumulator.finish()]));
}

/** As many layers at a time as their moments leave memory for. */
function inParts(refined: readonly Refined[]): readonly (readonly Refined[])[] {
  const parts: Refined[][] = [];
  let bytes = Infinity;
  for (const each of refined) {
    const own = 4 * each.layer.groups * each.layer.patch ** 2;
    if (bytes + own > maxMomentBytes) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(each);
    bytes += own;
  }
  return parts;
}
