/**
 * Which layers stay float so that the noise of all others is small enough, for each output of a network at once.
 *
 * Quantization noise has sources: each value that is rounded, and the weights of each layer. Noises of independent sources add up as
 * powers (Widrow's model), so each is measured alone. A layer's weights are exact once it is float; a value is once all of the layers
 * are float that compute or read it in integers. Layers are therefore chosen in the sets that silence a source, greedily by noise
 * saved per cost, as one-at-a-time sensitivities are used by HAWQ (Dong et al. 2019) and ZeroQ (Cai et al. 2020).
 */

export interface NoiseSource {
  /** Of each output, noise power over signal power, with this source alone. */
  readonly noise: readonly number[];
  /** Nodes that all have to be float for the source to be silent. */
  readonly nodes: readonly string[];
}

/** Σ over the sources that are not silent when the nodes of `float` are, of each output. */
export function remainingNoise(sources: readonly NoiseSource[], float: ReadonlySet<string>, outputs: number): number[] {
  const sums = new Array<number>(outputs).fill(0);
  for (const { noise, nodes } of sources) {
    if (nodes.every((node) => float.has(node))) continue;
    for (let o = 0; o < outputs; o++) sums[o]! += noise[o]!;
  }
  return sums;
}

/**
 * `float` and further nodes, until no output has more noise than its budget, or nothing is left to silence. Nodes that later choices
 * made superfluous are quantized after all, the most expensive first; those of `float` stay. `costs` are above 0.
 */
export function keepFloat(
  sources: readonly NoiseSource[],
  costs: ReadonlyMap<string, number>,
  budgets: readonly number[],
  float: ReadonlySet<string> = new Set(),
): ReadonlySet<string> {
  const chosen = new Set(float);
  const isWithin = (remaining: readonly number[]) => remaining.every((noise, o) => noise <= budgets[o]!);
  for (;;) {
    const remaining = remainingNoise(sources, chosen, budgets.length);
    if (isWithin(remaining)) break;
    const next = bestSet(sources, costs, { budgets, remaining, chosen });
    if (next === undefined) break;
    for (const node of next) chosen.add(node);
  }
  const kept = quantizeSpare(sources, costs, budgets, chosen);
  return new Set([...float, ...kept]);
}

/** Of `float`, those that have to be for the budgets: the most expensive ones are looked at first. */
export function quantizeSpare(
  sources: readonly NoiseSource[],
  costs: ReadonlyMap<string, number>,
  budgets: readonly number[],
  float: ReadonlySet<string>,
): ReadonlySet<string> {
  const chosen = new Set(float);
  for (const node of [...float].sort((a, b) => costs.get(b)! - costs.get(a)!)) {
    chosen.delete(node);
    const remaining = remainingNoise(sources, chosen, budgets.length);
    if (!remaining.every((noise, o) => noise <= budgets[o]!)) chosen.add(node);
  }
  return chosen;
}

interface State {
  readonly budgets: readonly number[];
  readonly remaining: readonly number[];
  readonly chosen: ReadonlySet<string>;
}

/** The nodes that silence a source and with it, perhaps, others: those worth most for what they cost. Undefined where none helps. */
function bestSet(
  sources: readonly NoiseSource[],
  costs: ReadonlyMap<string, number>,
  { budgets, remaining, chosen }: State,
): readonly string[] | undefined {
  let best: readonly string[] | undefined;
  let most = 0;
  const sounding = sources.filter(({ nodes }) => !nodes.every((node) => chosen.has(node)));
  for (const { nodes } of sounding) {
    const missing = nodes.filter((node) => !chosen.has(node));
    const saved = new Array<number>(budgets.length).fill(0);
    for (const other of sounding) {
      if (!other.nodes.every((node) => chosen.has(node) || missing.includes(node))) continue;
      for (let o = 0; o < saved.length; o++) saved[o]! += other.noise[o]!;
    }
    // What is saved of an output that is within its budget is worth nothing, and no more than is missing
    const worth = saved.reduce((sum, noise, o) => {
      const excess = remaining[o]! - budgets[o]!;
      return excess > 0 ? sum + Math.min(noise, excess) / Math.max(budgets[o]!, excess * Number.EPSILON) : sum;
    }, 0);
    const cost = missing.reduce((sum, node) => sum + costs.get(node)!, 0);
    if (worth / cost > most) [best, most] = [missing, worth / cost];
  }
  return best;
}
