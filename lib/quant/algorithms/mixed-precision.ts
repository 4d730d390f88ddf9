/**
 * Mixed precision by sensitivity: which layers stay float, chosen greedily by what was measured (the one-at-a-time
 * sensitivities of HAWQ, Dong et al. 2019, and ZeroQ, Cai et al. 2020, with measured losses in the place of estimates).
 *
 * Losses are taken to add up, which neighbours in a network do only roughly: measure the result. The other choice for a layer
 * would be 16-bit activations; integer operators are 8-bit here (lib/ops/integer-forms.ts), so that float is the one
 * alternative.
 */
import { invalid } from '../../errors.js';

export interface Sensitivity {
  /** Name of a node. */
  readonly node: string;
  /** How much worse the network is with this layer alone quantized: in any unit that adds up, the same for all. */
  readonly loss: number;
  /** What it costs to keep it float: bytes, or multiply-accumulates, or milliseconds. */
  readonly cost: number;
}

/** The largest loss that may remain, at the least cost; or the most that may be spent, for the least loss. */
export type PrecisionTarget = { readonly loss: number } | { readonly cost: number };

export interface PrecisionChoice {
  /** Nodes that stay float, in the order of `sensitivities`. */
  readonly float: readonly string[];
  /** Expected of those that are quantized. */
  readonly loss: number;
  /** Of those that stay float. */
  readonly cost: number;
}

/**
 * Layers in the order of loss per cost, the larger loss first where that is equal, then as they are given. Layers that lose
 * nothing (or gain) are quantized. For a bound on the cost, the single best layer is the answer where it is worth more than all
 * that greed finds: at least half of the best choice there is. For a bound on the loss, what later choices made superfluous is
 * quantized after all; a bound below 0 keeps all that lose.
 *
 * Throws ERR_OPTION for a target, and ERR_QUANTIZATION that names the node for losses and costs, that are not finite numbers
 * (costs: >= 0).
 */
export function mixedPrecision(sensitivities: readonly Sensitivity[], target: PrecisionTarget): PrecisionChoice {
  for (const { node, loss, cost } of sensitivities) {
    if (!Number.isFinite(loss)) throw invalid('ERR_QUANTIZATION', `loss of node ${node}`, 'a finite number', loss);
    if (!(Number.isFinite(cost) && cost >= 0))
      throw invalid('ERR_QUANTIZATION', `cost of node ${node}`, 'a finite number >= 0', cost);
  }
  const bound = 'loss' in target ? target.loss : target.cost;
  if (typeof bound !== 'number' || Number.isNaN(bound)) throw invalid('ERR_OPTION', 'target', 'a number', bound);
  const losing = sensitivities.filter(({ loss }) => loss > 0);
  const worth = ({ loss, cost }: Sensitivity) => (cost === 0 ? Infinity : loss / cost);
  losing.sort((a, b) => (worth(a) === worth(b) ? b.loss - a.loss : worth(a) < worth(b) ? 1 : -1));
  const float = 'loss' in target ? untilLoss(losing, bound) : withinCost(losing, bound);
  return {
    float: sensitivities.filter((each) => float.has(each)).map(({ node }) => node),
    loss: total(losing.filter((each) => !float.has(each)).map(({ loss }) => loss)),
    cost: total([...float].map(({ cost }) => cost)),
  };
}

function untilLoss(losing: readonly Sensitivity[], bound: number): ReadonlySet<Sensitivity> {
  const float = new Set<Sensitivity>();
  const remaining = () => total(losing.filter((each) => !float.has(each)).map(({ loss }) => loss));
  for (const each of losing) {
    if (remaining() <= bound) break;
    float.add(each);
  }
  // The last one may lose so much that some before it need not stay float: the most expensive are looked at first
  for (const each of [...float].sort((a, b) => b.cost - a.cost)) {
    float.delete(each);
    if (remaining() > bound) float.add(each);
  }
  return float;
}

function withinCost(losing: readonly Sensitivity[], bound: number): ReadonlySet<Sensitivity> {
  const float = new Set<Sensitivity>();
  let spent = 0;
  for (const each of losing) {
    if (spent + each.cost > bound) continue;
    float.add(each);
    spent += each.cost;
  }
  const affordable = losing.filter(({ cost }) => cost <= bound);
  const best = affordable.reduce<Sensitivity | undefined>((a, b) => (a !== undefined && a.loss >= b.loss ? a : b), undefined);
  const isBetterAlone = best !== undefined && best.loss > total([...float].map(({ loss }) => loss));
  return isBetterAlone ? new Set([best]) : float;
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
