/**
 * Equalization of activations: channels between layers are scaled so that one range suits them all, where weights have a scale for each
 * output channel and need no equalization of their own (Meller, Finkelstein, Almog and Grobman 2019, "Same, Same But Different:
 * Recovering Neural Network Quantization Error Through Weight Factorization"). A channel divided by s is multiplied by s in the layers
 * that read it, whose weights then differ the more between input channels: what is gained in activations is lost in weights.
 *
 * So the exponents of
 *
 *     s_c = a_c^α / w_c^β,   a_c = max |x_c|,   w_c = max |W[:, c]|,   α and β from 0 to 1
 *
 * are sought for each set of values that share channels, as AWQ does (Lin et al. 2023), for the least noise in the layers that read
 * them, relative to what these give: of activations Σ (W s)² · Δx² / 12, of weights Σ E[x²] / s² · Δw² / 12.
 */
import { invalid } from '../../errors.js';
import type { Graph } from '../../graph/graph.js';
import { ChannelRegions, type Component, type RegionLayer } from './channel-regions.js';
import { biasAt, GraphEdit } from './graph-edit.js';
import { groupSize } from './layer.js';

/** What calibration saw of a value, channel by channel (of the last dimension). */
export interface ChannelStatistics {
  readonly lowest: Float64Array;
  readonly highest: Float64Array;
  /** E[x²]. */
  readonly meanSquares: Float64Array;
}

export interface BalanceOptions {
  /** Of `balancedValues`. */
  readonly statistics: ReadonlyMap<string, ChannelStatistics>;
  /** Half as many steps as weights have: 127 or 7. */
  readonly weightSteps: number;
}

const exponents = [0, 0.25, 0.5];
const headroom = 2;
/** A channel that was hardly seen to do anything is not taken at its word. */
const leastPart = 1 / 64;
/** How far beyond what calibration saw a channel may go before a bound clips it. */
const margin = 1.1;

/** What is to be known of a graph: what layers read, before and behind which channels may be scaled, and what they give. */
export function balancedValues(graph: Graph): readonly string[] {
  const regions = new ChannelRegions(graph);
  const names = regions.components().flatMap(({ values, readers }) => {
    const isFree = values.some((name) => hasFreeChannel(regions, name));
    return isFree ? [...values, ...readers.map(({ layer }) => layer.node.outputs[0]!)] : [];
  });
  return [...new Set(names)];
}

function hasFreeChannel(regions: ChannelRegions, name: string): boolean {
  for (let c = 0; c < regions.channelsOf(name); c++) if (regions.regionOf(name, c) !== undefined) return true;
  return false;
}

/** The float function is the same but for rounding, and for bounds of data beyond what calibration saw. */
export function balanceChannels(graph: Graph, options: BalanceOptions): Graph {
  const regions = new ChannelRegions(graph);
  const factors = new Map<number, number>();
  for (const component of regions.components()) {
    if (component.values.every((name) => options.statistics.has(name))) {
      for (const [region, factor] of new Balance(regions, component, options).solve()) factors.set(region, factor);
    }
  }
  if (factors.size === 0) return graph;
  const factorOf = (value: string | undefined, channel: number): number => {
    const region = value === undefined ? undefined : regions.regionOf(value, channel);
    return (region === undefined ? undefined : factors.get(region)) ?? 1;
  };
  const edit = new GraphEdit(graph);
  for (const { layer, input, output } of regions.layers) {
    const { node, weights, dims, outputs, patch, depth, outputStride, patchStride } = layer;
    const scaled = new Float32Array(weights.length);
    const divisors = Float64Array.from({ length: outputs }, (_, o) => factorOf(output, o));
    const multipliers = Float64Array.from({ length: layer.groups * depth }, (_, c) => factorOf(input, c));
    if ([...divisors, ...multipliers].every((factor) => factor === 1)) continue;
    for (let o = 0; o < outputs; o++) {
      const first = Math.floor(o / groupSize(layer)) * depth;
      for (let k = 0; k < patch; k++) {
        const i = o * outputStride + k * patchStride;
        scaled[i] = (weights[i]! * multipliers[first + (k % depth)]!) / divisors[o]!;
      }
    }
    edit.setConstant({ node, input: 1 }, scaled, dims);
    const place = { node, input: 2 };
    if ((node.inputs[2] ?? '') === '') continue;
    edit.setConstant(
      place,
      Float32Array.from(biasAt(edit, place, outputs), (bias, o) => bias / divisors[o]!),
      edit.constant(place)!.dims,
    );
  }
  return edit.finish();
}

/** A layer that reads the component: its largest weights, and their squares summed, by input channel. */
interface Reader {
  readonly value: string;
  readonly groupSize: number;
  readonly depth: number;
  readonly positions: number;
  /** Of each output channel and each input channel of its group. */
  readonly largest: Float64Array;
  readonly squares: Float64Array;
  /** Σ E[y²] over output channels. */
  readonly power: number;
}

class Balance {
  readonly #regions: ChannelRegions;
  readonly #options: BalanceOptions;
  readonly #readers: readonly Reader[];
  /** Of each free region, the largest magnitude and the largest weight, relative to those of its layer. */
  readonly #magnitudes = new Map<number, number>();
  readonly #weights = new Map<number, number>();

  constructor(regions: ChannelRegions, { values, readers }: Component, options: BalanceOptions) {
    this.#regions = regions;
    this.#options = options;
    for (const name of values) {
      const { lowest, highest } = options.statistics.get(name)!;
      this.#each(name, (c, region) => {
        this.#magnitudes.set(region, Math.max(this.#magnitudes.get(region) ?? 0, -lowest[c]!, highest[c]!));
      });
    }
    this.#readers = readers.map((reader) => readerOf(reader, options));
    for (const reader of this.#readers) {
      const columns = columnMaxima(reader);
      const most = columns.reduce((a, b) => Math.max(a, b), 0);
      this.#each(reader.value, (c, region) => {
        const part = most === 0 ? 1 : Math.max(columns[c]! / most, leastPart);
        this.#weights.set(region, Math.max(this.#weights.get(region) ?? 0, part));
      });
    }
  }

  /** The factors of the least noise; empty where those are 1. */
  solve(): ReadonlyMap<number, number> {
    let best: ReadonlyMap<number, number> = new Map();
    let least = this.#noise(best);
    for (const alpha of exponents) {
      for (const beta of exponents) {
        const factors = this.#factors(alpha, beta);
        const noise = this.#noise(factors);
        if (noise < least) [best, least] = [factors, noise];
      }
    }
    return best;
  }

  #factors(alpha: number, beta: number): ReadonlyMap<number, number> {
    const most = Math.max(...this.#magnitudes.values());
    if (!(most > 0)) return new Map();
    const raw = [...this.#magnitudes].map(([region, magnitude]) => {
      const part = Math.max(magnitude / most, leastPart);
      return [
        region,
        Math.min(1, Math.max(part ** alpha, headroom * part)) / (this.#weights.get(region) ?? 1) ** beta,
        part,
      ] as const;
    });
    // The largest is as large as it was
    const unit = raw.reduce((largest, [, factor, part]) => Math.max(largest, part / factor), 0);
    return new Map(
      raw.map(([region, factor]) => {
        const bound = this.#regions.boundOf(region);
        const reach = (margin * this.#magnitudes.get(region)!) / bound;
        return [region, reach >= 1 ? 1 : Math.max(factor * unit, reach)];
      }),
    );
  }

  /** Of all layers that read the component, relative to their signal. */
  #noise(factors: ReadonlyMap<number, number>): number {
    return this.#readers.reduce((sum, reader) => sum + this.#noiseOf(reader, factors), 0);
  }

  #noiseOf(
    { value, groupSize, depth, positions, largest, squares, power }: Reader,
    factors: ReadonlyMap<number, number>,
  ): number {
    const { lowest, highest, meanSquares } = this.#options.statistics.get(value)!;
    const channels = lowest.length;
    const s = new Float64Array(channels).fill(1);
    this.#each(value, (c, region) => {
      s[c] = factors.get(region) ?? 1;
    });
    let [low, high, activations] = [0, 0, 0];
    const energy = new Float64Array(channels / depth);
    for (let c = 0; c < channels; c++) {
      low = Math.min(low, lowest[c]! / s[c]!);
      high = Math.max(high, highest[c]! / s[c]!);
      activations += squares[c]! * s[c]! ** 2;
      energy[Math.floor(c / depth)]! += (positions * meanSquares[c]!) / s[c]! ** 2;
    }
    activations *= ((high - low) / 255) ** 2;
    let weights = 0;
    for (let o = 0; o * depth < largest.length; o++) {
      const group = Math.floor(o / groupSize);
      let most = 0;
      for (let c = 0; c < depth; c++) most = Math.max(most, largest[o * depth + c]! * s[group * depth + c]!);
      weights += (most / this.#options.weightSteps) ** 2 * energy[group]!;
    }
    return (activations + weights) / 12 / Math.max(power, Number.MIN_VALUE);
  }

  #each(value: string, see: (channel: number, region: number) => void): void {
    for (let c = 0; c < this.#regions.channelsOf(value); c++) {
      const region = this.#regions.regionOf(value, c);
      if (region !== undefined) see(c, region);
    }
  }
}

function readerOf({ layer, input }: RegionLayer, { statistics }: BalanceOptions): Reader {
  const { node, weights, outputs, groups, patch, depth, outputStride, patchStride } = layer;
  const largest = new Float64Array(outputs * depth);
  const squares = new Float64Array(groups * depth);
  for (let o = 0; o < outputs; o++) {
    const first = Math.floor(o / groupSize(layer)) * depth;
    for (let k = 0, c = 0; k < patch; k++, c = c + 1 === depth ? 0 : c + 1) {
      const size = Math.abs(weights[o * outputStride + k * patchStride]!);
      if (!Number.isFinite(size)) throw invalid('ERR_QUANTIZATION', `weights of node ${node.name}`, 'finite numbers', size);
      if (size > largest[o * depth + c]!) largest[o * depth + c] = size;
      squares[first + c]! += size ** 2;
    }
  }
  const power = statistics.get(node.outputs[0]!)!.meanSquares.reduce((sum, square) => sum + square, 0);
  return { value: input!, groupSize: groupSize(layer), depth, positions: patch / depth, largest, squares, power };
}

/** Of each input channel, the largest weight. */
function columnMaxima({ groupSize: size, depth, largest, squares }: Reader): Float64Array {
  const maxima = new Float64Array(squares.length);
  for (let i = 0; i < largest.length; i++) {
    const o = Math.floor(i / depth);
    const c = Math.floor(o / size) * depth + (i % depth);
    maxima[c] = Math.max(maxima[c]!, largest[i]!);
  }
  return maxima;
}
