/**
 * Which layers are more precise than 8 bits so that the noise of all is small enough, for each output of a network at once.
 *
 * Quantization noise has sources: each value that is rounded, and the weights of each layer. Noises of independent sources add up as
 * powers (Widrow's model), so each is measured alone. A layer's weights are exact once it is float; a value is, or nearly so, once all
 * of the layers are of int16 or float that compute or read it in integers. Layers are therefore chosen in the sets that silence a source,
 * greedily by noise saved per cost, as one-at-a-time sensitivities are used by HAWQ (Dong et al. 2019) and ZeroQ (Cai et al. 2020).
 */
import { type Precise, type Precision, precisionRank } from '../precision.js';

export interface NoiseSource {
  /** Of each output, noise power over signal power, with this source alone. */
  readonly noise: readonly number[];
  /** Nodes that all have to be precise for the source to be silent, ... */
  readonly nodes: readonly string[];
  /** ... and how precise. */
  readonly precision: Precision;
}

/** What a node costs that is not computed in 8 bits, above 0; `float` the most. */
export type PreciseCosts = ReadonlyMap<string, Readonly<Record<Precision, number>>>;

const silences = (precise: Precise, node: string, precision: Precision) =>
  precisionRank(precise.get(node)) >= precisionRank(precision);

function isSilent({ nodes, precision }: NoiseSource, precise: Precise): boolean {
  return nodes.every((node) => silences(precise, node, precision));
}

/** Σ over the sources that are not silent, of each output. */
export function remainingNoise(sources: readonly NoiseSource[], precise: Precise, outputs: number): number[] {
  const sums = new Array<number>(outputs).fill(0);
  for (const source of sources) {
    if (isSilent(source, precise)) continue;
    for (let o = 0; o < outputs; o++) sums[o]! += source.noise[o]!;
  }
  return sums;
}

/**
 * `precise` and further nodes, or the same more precisely, until no output has more noise than its budget, or nothing is left to silence.
 * What later choices made superfluous is taken back after all, the most expensive first, but no node is less precise than before.
 */
export function keepPrecise(
  sources: readonly NoiseSource[],
  costs: PreciseCosts,
  budgets: readonly number[],
  precise: Precise = new Map(),
): Precise {
  const chosen = new Map(precise);
  const isWithin = (remaining: readonly number[]) => remaining.every((noise, o) => noise <= budgets[o]!);
  for (;;) {
    const remaining = remainingNoise(sources, chosen, budgets.length);
    if (isWithin(remaining)) break;
    const next = bestSource(sources, costs, { budgets, remaining, chosen });
    if (next === undefined) break;
    raise(chosen, next);
  }
  return quantizeSpare(sources, costs, budgets, chosen, precise);
}

/** Of `precise`, what the budgets ask for: the most expensive nodes are looked at first. None becomes less precise than in `least`. */
export function quantizeSpare(
  sources: readonly NoiseSource[],
  costs: PreciseCosts,
  budgets: readonly number[],
  precise: Precise,
  least: Precise = new Map(),
): Precise {
  const chosen = new Map(precise);
  const offered = new Set(sources.map(({ precision }) => precision));
  const costOf = (node: string) => costs.get(node)![precise.get(node)!];
  for (const node of [...precise.keys()].sort((a, b) => costOf(b) - costOf(a))) {
    const own = chosen.get(node)!;
    const lower = [least.get(node), ...(offered.has('int16') ? (['int16'] as const) : [])];
    for (const other of lower) {
      if (precisionRank(other) >= precisionRank(own) || precisionRank(other) < precisionRank(least.get(node))) continue;
      set(chosen, node, other);
      const remaining = remainingNoise(sources, chosen, budgets.length);
      if (remaining.every((noise, o) => noise <= budgets[o]!)) break;
      set(chosen, node, own);
    }
  }
  return chosen;
}

function set(chosen: Map<string, Precision>, node: string, precision: Precision | undefined): void {
  if (precision === undefined) chosen.delete(node);
  else chosen.set(node, precision);
}

function raise(chosen: Map<string, Precision>, { nodes, precision }: NoiseSource): void {
  for (const node of nodes) if (!silences(chosen, node, precision)) chosen.set(node, precision);
}

interface State {
  readonly budgets: readonly number[];
  readonly remaining: readonly number[];
  readonly chosen: Precise;
}

/** The source that is worth most for what it costs to silence it and with it, perhaps, others. Undefined where none helps. */
function bestSource(
  sources: readonly NoiseSource[],
  costs: PreciseCosts,
  { budgets, remaining, chosen }: State,
): NoiseSource | undefined {
  let best: NoiseSource | undefined;
  let most = 0;
  const sounding = sources.filter((source) => !isSilent(source, chosen));
  for (const source of sounding) {
    const next = new Map(chosen);
    raise(next, source);
    const saved = new Array<number>(budgets.length).fill(0);
    for (const other of sounding) {
      if (!isSilent(other, next)) continue;
      for (let o = 0; o < saved.length; o++) saved[o]! += other.noise[o]!;
    }
    // What is saved of an output that is within its budget is worth nothing, and no more than is missing
    const worth = saved.reduce((sum, noise, o) => {
      const excess = remaining[o]! - budgets[o]!;
      return excess > 0 ? sum + Math.min(noise, excess) / Math.max(budgets[o]!, excess * Number.EPSILON) : sum;
    }, 0);
    const cost = source.nodes.reduce((sum, node) => sum + costOf(costs, node, next) - costOf(costs, node, chosen), 0);
    if (worth / cost > most) [best, most] = [source, worth / cost];
  }
  return best;
}

function costOf(costs: PreciseCosts, node: string, precise: Precise): number {
  const precision = precise.get(node);
  return precision === undefined ? 0 : costs.get(node)![precision];
}
