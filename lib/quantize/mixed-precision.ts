/** Mixed precision: which layers get int16 or stay float so that every output is as near to the float model's as was asked for. */
import type { Graph } from '../graph/graph.js';
import { inferGraph } from '../plan/infer.js';
import { resolveGraph } from '../plan/resolve.js';
import {
  keepPrecise,
  type NoiseSource,
  type PreciseCosts,
  quantizeSpare,
  remainingNoise,
} from '../quant/algorithms/noise-budget.js';
import { type ConstantQuantizer, insertQuantizers } from '../quant/insert.js';
import { type ActivationParameters, wideGain } from '../quant/parameters.js';
import type { Placement } from '../quant/place.js';
import type { Precise, Precision } from '../quant/precision.js';
import { dequantizeArray } from '../quant/qparams.js';
import { throwIfAborted } from '../session/options.js';
import { Tensor } from '../tensor.js';
import type { Batch, CheckedOptions } from './options.js';
import { OutputNoise } from './output-noise.js';
import { inputDimsOf } from './prepare.js';

/** Batches that each source of noise is measured on, and what was chosen is. */
const sourceBatches = 4;
const verifyBatches = 32;
/** Of choosing and measuring: after so many, what was chosen last is taken. */
const maxRounds = 16;
const maxAttempts = 6;
/**
 * Noise does not add up where much of it is clipped or saturates, which shows once there is less: in one round it is brought down to no
 * less than this part. Outputs that are better than the target may get worse by as much again.
 */
const leastPart = 1 / 4;
const mostGrowth = 2;
const leastTightening = 2 ** -20;
/** What an element costs that is read or written, in multiply-accumulates. */
const elementCost = 16;
/** What of the time that 8 bits save int16 gives away, and float all: a half to two thirds of it on networks of wide layers. */
const wideCost = 1 / 2;

export interface MixedInput {
  /** As it is quantized: prepared, and equalized where that was asked for. */
  readonly graph: Graph;
  readonly placement: Placement;
  readonly parameters: ActivationParameters;
  readonly constants: ConstantQuantizer;
  readonly batches: readonly Batch[];
  /** The quantized graph in which these nodes are as precise as that. */
  readonly assemble: (precise: Precise) => Promise<Graph>;
}

/**
 * Nodes in the order of the graph: none where the target is met without. With the fallback `int16`, a node becomes float only where that is
 * worth its cost: 16 bits silence the noise of values, not that of weights. The noise of each source alone predicts what a choice
 * is worth, the quantized model itself, on calibration data, tells whether it was enough; where it was not, predictions are corrected by
 * what they were off and more is chosen.
 */
export async function choosePrecise(
  input: MixedInput,
  { targetSqnrDb, fallback = 'float' }: NonNullable<CheckedOptions['mixedPrecision']>,
  options: CheckedOptions,
): Promise<Precise> {
  const { graph, batches } = input;
  const target = 10 ** (-targetSqnrDb / 10);
  const meter = await OutputNoise.create(graph, batches.slice(0, verifyBatches));
  const measured = await meter.of(await input.assemble(new Map()));
  if (measured.every((noise) => noise <= target)) return new Map();
  const sources = await sourcesOf(input, meter, fallback, options);
  let rounds = 0;
  const measure = async (precise: Precise) => {
    throwIfAborted(options.signal, 'quantize');
    options.onProgress?.({ phase: 'mixed precision', done: ++rounds });
    return meter.of(await input.assemble(precise));
  };
  const search: Search = { sources, costs: costsOf(graph, batches[0]!), target, measure };
  const found = await addUntilEnough(search, { precise: new Map(), measured });
  const worst = Math.max(...found.measured);
  if (worst > target) {
    const reached = (-10 * Math.log10(worst)).toFixed(1);
    options.onWarning?.(`mixed precision: an output has ${reached} dB, ${targetSqnrDb} were asked for`);
  }
  const precise = await giveBack(search, found);
  return new Map(graph.nodes.flatMap(({ name }) => (precise.has(name) ? [[name, precise.get(name)!] as const] : [])));
}

interface Search {
  readonly sources: readonly NoiseSource[];
  readonly costs: PreciseCosts;
  readonly target: number;
  readonly measure: (precise: Precise) => Promise<readonly number[]>;
}

interface Choice {
  readonly precise: Precise;
  readonly measured: readonly number[];
}

async function addUntilEnough({ sources, costs, target, measure }: Search, first: Choice): Promise<Choice> {
  let { precise, measured } = first;
  for (let round = 0; round < maxRounds && !measured.every((noise) => noise <= target); round++) {
    const predicted = remainingNoise(sources, precise, measured.length);
    const parts = measured.map((noise) => Math.min(Math.max(noise === 0 ? mostGrowth : target / noise, leastPart), mostGrowth));
    let next = precise;
    // Where what is predicted is enough already, it is not: less is aimed at
    for (let tightening = 1; isSame(next, precise) && tightening > leastTightening; tightening /= 2) {
      const budgets = predicted.map((noise, o) => tightening * noise * parts[o]!);
      next = keepPrecise(sources, costs, budgets, precise);
    }
    if (isSame(next, precise)) break;
    precise = next;
    measured = await measure(precise);
  }
  return { precise, measured };
}

/** Greed takes more than it needs: what the target leaves room for is quantized again, as far as measuring confirms it. */
async function giveBack({ sources, costs, target, measure }: Search, found: Choice): Promise<Precise> {
  let { precise, measured } = found;
  if (!measured.every((noise) => noise <= target)) return precise;
  for (let attempt = 0, part = 1; attempt < maxAttempts; attempt++) {
    const predicted = remainingNoise(sources, precise, measured.length);
    const budgets = measured.map((noise, o) => predicted[o]! + part * (target - noise));
    const fewer = quantizeSpare(sources, costs, budgets, precise);
    if (isSame(fewer, precise)) break;
    const noises = await measure(fewer);
    if (noises.every((noise) => noise <= target)) [precise, measured] = [fewer, noises];
    else part /= 2;
  }
  return precise;
}

function isSame(a: Precise, b: Precise): boolean {
  return a.size === b.size && [...a].every(([node, precision]) => b.get(node) === precision);
}

/**
 * Each value alone rounded, which `fallback` does away with, and the weights of each layer, which float does. What int16 leaves of the
 * noise of a value follows from its step, which it is proportional to: of values that matter by their ratios it may be too much.
 */
async function sourcesOf(
  { graph, placement, parameters, constants }: MixedInput,
  meter: OutputNoise,
  fallback: Precision,
  { onProgress, signal }: CheckedOptions,
): Promise<readonly NoiseSource[]> {
  const { targets, quantized, users } = placement;
  const weighted = targets.filter(({ weights }) => weights !== undefined);
  const total = quantized.size + weighted.length;
  const sources: NoiseSource[] = [];
  let done = 0;
  const add = async (changed: Graph, nodes: readonly string[], precision: Precision, gain = Infinity) => {
    throwIfAborted(signal, 'quantize');
    const noise = await meter.of(changed, sourceBatches);
    sources.push({ noise, nodes, precision });
    if (precision === 'int16') sources.push({ noise: noise.map((power) => power / gain ** 2), nodes, precision: 'float' });
    onProgress?.({ phase: 'noise of layers', done: ++done, total });
  };
  for (const name of quantized) {
    const alone: Placement = { ...placement, targets: [], quantized: new Set([name]) };
    await add(
      insertQuantizers(graph, alone, parameters, constants),
      users.get(name)!,
      fallback,
      wideGain(parameters.narrow.get(name)!),
    );
  }
  for (const { node, form, weights } of weighted) {
    const { data, qparams } = constants.weights(weights!, form.weights!.axis(node));
    const { dims } = graph.constants.get(weights!)!;
    const rounded = new Tensor('float32', dequantizeArray(data, qparams, dims), dims);
    await add({ ...graph, constants: new Map([...graph.constants, [weights!, rounded]]) }, [node.name], 'float');
  }
  return sources;
}

/** Of each node, about what it saves to compute it in 8 bits: the same on every machine. */
function costsOf(graph: Graph, batch: Batch): PreciseCosts {
  const size = ({ dims }: { readonly dims: readonly number[] }) => dims.reduce((product, dim) => product * dim, 1);
  const { nodes } = inferGraph(graph, resolveGraph(graph), inputDimsOf(graph, batch));
  return new Map(
    nodes.map(({ node, inputs, outputs, macs }) => {
      const elements = size(inputs[0] ?? { dims: [] }) + outputs.reduce((sum, output) => sum + size(output), 0);
      const float = macs + elementCost * elements;
      return [node.name, { float, int16: wideCost * float }];
    }),
  );
}
