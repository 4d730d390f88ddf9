/** Mixed precision: which layers stay float so that every output is as near to the float model's as was asked for. */
import type { Graph } from '../graph/graph.js';
import { inferGraph } from '../plan/infer.js';
import { resolveGraph } from '../plan/resolve.js';
import { keepFloat, type NoiseSource, quantizeSpare, remainingNoise } from '../quant/algorithms/noise-budget.js';
import { type ConstantQuantizer, insertQuantizers } from '../quant/insert.js';
import type { Placement } from '../quant/place.js';
import { dequantizeArray, type QParams } from '../quant/qparams.js';
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

export interface MixedInput {
  /** As it is quantized: prepared, and equalized where that was asked for. */
  readonly graph: Graph;
  readonly placement: Placement;
  readonly parameters: ReadonlyMap<string, QParams>;
  readonly constants: ConstantQuantizer;
  readonly batches: readonly Batch[];
  /** The quantized graph in which these nodes are float. */
  readonly assemble: (float: ReadonlySet<string>) => Promise<Graph>;
}

/**
 * Names of nodes, in the order of the graph: none where the target is met without. The noise of each source alone predicts what a choice
 * is worth, the quantized model itself, on calibration data, tells whether it was enough; where it was not, predictions are corrected by
 * what they were off and more is chosen.
 */
export async function chooseFloat(
  input: MixedInput,
  targetSqnrDb: number,
  options: CheckedOptions,
): Promise<readonly string[]> {
  const { graph, batches } = input;
  const target = 10 ** (-targetSqnrDb / 10);
  const meter = await OutputNoise.create(graph, batches.slice(0, verifyBatches));
  const measured = await meter.of(await input.assemble(new Set()));
  if (measured.every((noise) => noise <= target)) return [];
  const sources = await sourcesOf(input, meter, options);
  let rounds = 0;
  const measure = async (float: ReadonlySet<string>) => {
    throwIfAborted(options.signal, 'quantize');
    options.onProgress?.({ phase: 'mixed precision', done: ++rounds });
    return meter.of(await input.assemble(float));
  };
  const search: Search = { sources, costs: costsOf(graph, batches[0]!), target, measure };
  const found = await addUntilEnough(search, { float: new Set(), measured });
  const worst = Math.max(...found.measured);
  if (worst > target) {
    const reached = (-10 * Math.log10(worst)).toFixed(1);
    options.onWarning?.(`mixed precision: an output has ${reached} dB, ${targetSqnrDb} were asked for`);
  }
  const float = await giveBack(search, found);
  return graph.nodes.map(({ name }) => name).filter((name) => float.has(name));
}

interface Search {
  readonly sources: readonly NoiseSource[];
  readonly costs: ReadonlyMap<string, number>;
  readonly target: number;
  readonly measure: (float: ReadonlySet<string>) => Promise<readonly number[]>;
}

interface Choice {
  readonly float: ReadonlySet<string>;
  readonly measured: readonly number[];
}

async function addUntilEnough({ sources, costs, target, measure }: Search, first: Choice): Promise<Choice> {
  let { float, measured } = first;
  for (let round = 0; round < maxRounds && !measured.every((noise) => noise <= target); round++) {
    const predicted = remainingNoise(sources, float, measured.length);
    const parts = measured.map((noise) => Math.min(Math.max(noise === 0 ? mostGrowth : target / noise, leastPart), mostGrowth));
    let next = float;
    // Where what is predicted is enough already, it is not: less is aimed at
    for (let tightening = 1; next.size === float.size && tightening > leastTightening; tightening /= 2) {
      const budgets = predicted.map((noise, o) => tightening * noise * parts[o]!);
      next = keepFloat(sources, costs, budgets, float);
    }
    if (next.size === float.size) break;
    float = next;
    measured = await measure(float);
  }
  return { float, measured };
}

/** Greed takes more than it needs: what the target leaves room for is quantized again, as far as measuring confirms it. */
async function giveBack({ sources, costs, target, measure }: Search, found: Choice): Promise<ReadonlySet<string>> {
  let { float, measured } = found;
  if (!measured.every((noise) => noise <= target)) return float;
  for (let attempt = 0, part = 1; attempt < maxAttempts; attempt++) {
    const predicted = remainingNoise(sources, float, measured.length);
    const budgets = measured.map((noise, o) => predicted[o]! + part * (target - noise));
    const fewer = quantizeSpare(sources, costs, budgets, float);
    if (fewer.size === float.size) break;
    const noises = await measure(fewer);
    if (noises.every((noise) => noise <= target)) [float, measured] = [fewer, noises];
    else part /= 2;
  }
  return float;
}

/** Each value alone rounded, and the weights of each layer. */
async function sourcesOf(
  { graph, placement, parameters, constants }: MixedInput,
  meter: OutputNoise,
  { onProgress, signal }: CheckedOptions,
): Promise<readonly NoiseSource[]> {
  const { targets, quantized, users } = placement;
  const weighted = targets.filter(({ weights }) => weights !== undefined);
  const total = quantized.size + weighted.length;
  const sources: NoiseSource[] = [];
  const add = async (changed: Graph, nodes: readonly string[]) => {
    throwIfAborted(signal, 'quantize');
    sources.push({ noise: await meter.of(changed, sourceBatches), nodes });
    onProgress?.({ phase: 'noise of layers', done: sources.length, total });
  };
  for (const name of quantized) {
    const alone: Placement = { ...placement, targets: [], quantized: new Set([name]) };
    await add(insertQuantizers(graph, alone, parameters, constants), users.get(name)!);
  }
  for (const { node, form, weights } of weighted) {
    const { data, qparams } = constants.weights(weights!, form.weights!.axis(node));
    const { dims } = graph.constants.get(weights!)!;
    const rounded = new Tensor('float32', dequantizeArray(data, qparams, dims), dims);
    await add({ ...graph, constants: new Map([...graph.constants, [weights!, rounded]]) }, [node.name]);
  }
  return sources;
}

/** Of each node, about what it saves to compute it in integers: the same on every machine. */
function costsOf(graph: Graph, batch: Batch): ReadonlyMap<string, number> {
  const size = ({ dims }: { readonly dims: readonly number[] }) => dims.reduce((product, dim) => product * dim, 1);
  const { nodes } = inferGraph(graph, resolveGraph(graph), inputDimsOf(graph, batch));
  return new Map(
    nodes.map(({ node, inputs, outputs, macs }) => {
      const elements = size(inputs[0] ?? { dims: [] }) + outputs.reduce((sum, output) => sum + size(output), 0);
      return [node.name, macs + elementCost * elements];
    }),
  );
}
