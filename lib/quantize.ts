/** From a float graph and data to a graph of integers. */
import type { Graph } from './graph/graph.js';
import { eliminateDeadNodes } from './passes/eliminate-dead-nodes.js';
import { fuseQdq, type QdqEntry } from './passes/fuse-qdq.js';
import { insertQuantizers } from './quant/insert.js';
import { makeObserver, type Observer, type Range } from './quant/observers.js';
import { activationParameters } from './quant/parameters.js';
import { type Placement, placeQuantizers } from './quant/place.js';
import type { Precise } from './quant/precision.js';
import type { Scheme } from './quant/schemes.js';
import type { Rounding } from './quant/weights.js';
import { agreementOf } from './quantize/agreement.js';
import { Calibration } from './quantize/calibration.js';
import { constantQuantizer, type Roundings } from './quantize/constants.js';
import { quantizeDynamically } from './quantize/dynamic.js';
import { choosePrecise, type MixedInput } from './quantize/mixed-precision.js';
import { type CheckedOptions, checkQuantizeOptions, type QuantizeOptions } from './quantize/options.js';
import { inputDimsOf, prepareForAny, prepareGraph } from './quantize/prepare.js';
import { adaptRoundings, balance, equalizeWithin, smooth, withCorrectedBiases } from './quantize/refine.js';
import { reopen } from './quantize/reopen.js';
import { withStatistics } from './quantize/statistics.js';
import { quantizeWeightsOnly } from './quantize/weights-only.js';
import { throwIfAborted } from './session/options.js';

export type { MixedPrecisionOptions, QuantizeOptions, QuantizeProgress } from './quantize/options.js';

export interface Quantized {
  readonly graph: Graph;
  /** Of each value that was quantized, what was observed. */
  readonly ranges: Map<string, Range>;
  /** Of each node that could be computed in integers, whether it is, and why not. */
  readonly log: readonly QdqEntry[];
}

/**
 * Quantizes a float model, prepared for the shapes of the first batch of the calibration data. Dimensions that the model leaves open
 * stay so where the prepared graph works for others too, or else that of the batch. The same inputs and seed give the same graph.
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
  const { prepared, dims } = prepareForAny(graph);
  const placement = placeQuantizers(prepared, exclude);
  const result =
    mode === 'dynamic'
      ? quantizeDynamically(prepared, placement, scheme)
      : { graph: quantizeWeightsOnly(prepared, placement, scheme), left: placement.left };
  return { graph: reopen(describeOrigin(result.graph, options), graph, dims), ranges: new Map(), log: result.left };
}

async function quantizeStatic(graph: Graph, options: CheckedOptions): Promise<Quantized> {
  const calibration = await Calibration.open(options);
  try {
    return await quantizeWith(calibration, graph, options);
  } finally {
    await calibration.close();
  }
}

async function quantizeWith(calibration: Calibration, graph: Graph, options: CheckedOptions): Promise<Quantized> {
  const dims = inputDimsOf(graph, calibration.first);
  const prepared = prepareGraph(graph, dims);
  const placement = placeQuantizers(prepared, options.exclude);
  const ranges = await observe(calibration, prepared, placement, options.resolved);
  let better = prepared;
  if (options.equalize === true) better = await equalizeWithin(better, calibration);
  if (options.equalize === 'activations') better = await balance(better, calibration, options.resolved);
  if (options.smooth !== undefined) better = await smooth(better, calibration, options.smooth);
  // Values of another graph have other ranges
  const observed = better === prepared ? { placement, ranges } : await observeAgain(calibration, better, options);
  const assembler = await Assembler.create(better, observed, calibration, options);
  const quantized = await assembler.assemble(await assembler.preciseNodes());
  await warnOfChance(prepared, quantized.graph, calibration, options);
  throwIfAborted(options.signal, 'quantize');
  return { ...quantized, graph: reopen(quantized.graph, graph, dims) };
}

async function warnOfChance(
  float: Graph,
  quantized: Graph,
  calibration: Calibration,
  { onWarning }: CheckedOptions,
): Promise<void> {
  if (onWarning === undefined) return;
  const agreement = await agreementOf(float, quantized, calibration.kept);
  if (agreement?.isNearChance !== true) return;
  const { output, rows, same } = agreement;
  onWarning(
    `${output}: the quantized model agrees with the float one on ${same} of ${rows} calibration samples, which is near chance`,
  );
}

interface Observed {
  readonly placement: Placement;
  readonly ranges: ReadonlyMap<string, Range>;
}

/** What is left to do once ranges are known, for one choice of precise nodes after another. */
class Assembler {
  readonly #graph: Graph;
  readonly #observed: Observed;
  readonly #calibration: Calibration;
  readonly #options: CheckedOptions;
  readonly #roundings: Roundings;

  private constructor(
    graph: Graph,
    observed: Observed,
    calibration: Calibration,
    options: CheckedOptions,
    roundings: Roundings,
  ) {
    this.#graph = graph;
    this.#observed = observed;
    this.#calibration = calibration;
    this.#options = options;
    this.#roundings = roundings;
  }

  static async create(graph: Graph, observed: Observed, calibration: Calibration, options: CheckedOptions): Promise<Assembler> {
    const { placement } = observed;
    const nearest = constantQuantizer(graph, options.resolved);
    const roundings = options.adaround
      ? await adaptRoundings(graph, placement.targets, calibration, nearest, options)
      : randomRoundings(placement, options);
    return new Assembler(graph, observed, calibration, options, roundings);
  }

  /** Nodes for which 8 bits do not suffice. */
  async preciseNodes(): Promise<Precise> {
    const { mixedPrecision, resolved } = this.#options;
    if (mixedPrecision === undefined) return new Map();
    const { placement, ranges } = this.#observed;
    const input: MixedInput = {
      graph: this.#graph,
      placement,
      parameters: activationParameters(placement, ranges, resolved),
      constants: constantQuantizer(this.#graph, resolved, this.#roundings),
      batches: this.#calibration.kept,
      assemble: async (precise) => (await this.assemble(precise)).graph,
    };
    return choosePrecise(input, mixedPrecision, this.#options);
  }

  async assemble(precise: Precise): Promise<Quantized> {
    const [graph, options] = [this.#graph, this.#options];
    const { resolved: scheme, exclude } = options;
    const { ranges } = this.#observed;
    const placement = placeQuantizers(graph, exclude, precise);
    const parameters = activationParameters(placement, ranges, scheme);
    const constants = constantQuantizer(graph, scheme, this.#roundings);
    let spelled = insertQuantizers(graph, placement, parameters, constants);
    if (options.biasCorrection) {
      const corrected = await withCorrectedBiases(graph, spelled, placement.targets, this.#calibration, constants, options);
      // Nodes are others, names are the same
      const again = placeQuantizers(corrected, exclude, precise);
      spelled = insertQuantizers(corrected, again, parameters, constantQuantizer(corrected, scheme, this.#roundings));
    }
    const { graph: fused, log } = fuseQdq(spelled);
    return {
      graph: describeOrigin(fused, options, chosenOf(placement, precise)),
      ranges: new Map(ranges),
      log: merged(log, placement.left),
    };
  }
}

/** Ranges of another form of the graph, over the batches that were kept. */
async function observeAgain(calibration: Calibration, graph: Graph, options: CheckedOptions): Promise<Observed> {
  const placement = placeQuantizers(graph, options.exclude);
  const observers = observersOf(graph, placement, options.resolved);
  const statistics = withStatistics(graph, observers);
  await calibration.observeKept('calibrate again', statistics.graph, statistics.names, statistics.see);
  return { placement, ranges: rangesOf(observers) };
}

async function observe(
  calibration: Calibration,
  graph: Graph,
  placement: Placement,
  scheme: Scheme,
): Promise<ReadonlyMap<string, Range>> {
  const observers = observersOf(graph, placement, scheme);
  const statistics = withStatistics(graph, observers);
  await calibration.observeAll(statistics.graph, statistics.names, statistics.see);
  return rangesOf(observers);
}

/** An observer for each quantized value; those of constants have seen what there is. */
function observersOf(graph: Graph, { quantized }: Placement, { activations }: Scheme): ReadonlyMap<string, Observer> {
  // What is fed has the range that it has, and so have probabilities: none of them is an outlier
  const known = new Set(graph.nodes.flatMap(({ op, outputs }) => (op === 'Softmax' || op === 'Logistic' ? outputs : [])));
  for (const name of graph.inputs) known.add(name);
  const optionsOf = (name: string) => (known.has(name) ? ({ ...activations, method: 'minmax' } as const) : activations);
  const observers = new Map([...quantized].map((name) => [name, makeObserver(optionsOf(name))] as const));
  for (const [name, observer] of observers) {
    const constant = graph.constants.get(name);
    if (constant !== undefined) observer.observe(constant.data as Float32Array);
  }
  return observers;
}

function rangesOf(observers: ReadonlyMap<string, Observer>): ReadonlyMap<string, Range> {
  return new Map([...observers].map(([name, observer]) => [name, observer.range()]));
}

/** Stochastic rounding, where it is asked for: floor(x + u), u uniform from 0 to 1, of a generator for each constant. */
function randomRoundings({ targets }: Placement, { resolved, seed }: CheckedOptions): Roundings {
  if (!resolved.weights.stochastic) return new Map();
  return new Map(
    targets.flatMap(({ weights }, i): [string, Rounding][] => {
      let state = Math.imul(seed + i, 0x9e3779b1) >>> 0;
      const next = () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return (state >>> 8) / 2 ** 24;
      };
      // Asked twice, the same weights are rounded in the same way
      const chosen = new Map<number, number>();
      const round: Rounding = (value, index) => {
        if (!chosen.has(index)) chosen.set(index, next());
        return Math.floor(value + chosen.get(index)!);
      };
      return weights === undefined ? [] : [[weights, round]];
    }),
  );
}

/** An entry for each node: what placing it says of a node counts more than what fusing finds for lack of quantizers. */
function merged(log: readonly QdqEntry[], left: readonly QdqEntry[]): readonly QdqEntry[] {
  const named = new Set(left.map(({ node }) => node));
  return [...log.filter(({ node }) => !named.has(node)), ...left];
}

/** What became of the nodes for which 8 bits did not suffice: some have no form on int16. */
interface Chosen {
  readonly precise?: readonly string[];
  readonly int16?: readonly string[];
}

function chosenOf({ targets, left }: Placement, precise: Precise): Chosen {
  const float = left.map(({ node }) => node).filter((node) => precise.has(node));
  const wide = targets.filter(({ isWide }) => isWide).map(({ node }) => node.name);
  return { ...(float.length > 0 && { precise: float }), ...(wide.length > 0 && { int16: wide }) };
}

/** Where every scale came from goes with the file; constants that nothing reads any more do not. */
function describeOrigin(quantized: Graph, { resolved, seed }: CheckedOptions, chosen: Chosen = {}): Graph {
  const { graph } = eliminateDeadNodes.run(quantized);
  const { activations, weights } = resolved;
  const origin = { activations, weights, seed, ...chosen };
  return { ...graph, metadata: { ...graph.metadata, 'octensor.quantization': JSON.stringify(origin) } };
}
