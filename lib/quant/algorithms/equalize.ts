/**
 * Cross-layer equalization and bias absorption (Nagel, van Baalen, Blankevoort and Welling 2019, "Data-Free Quantization
 * Through Weight Equalization and Bias Correction", sections 4.1 and 4.1.3).
 *
 * Where f(s·x) = s·f(x), a channel between two layers may be divided by s in the first and multiplied by s in the second. With
 *
 *     s_i = √(r1_i · r2_i) / r2_i,   r1_i = max |W1[i, :]|,   r2_i = max |W2[:, i]|
 *
 * both have the range √(r1_i · r2_i) for it, and one scale suits all channels better. Pairs of a chain (a depthwise convolution
 * is the second of one and the first of the next) are solved in turn until nothing changes. Biases are divided like the
 * weights.
 */
import { invalid } from '../../errors.js';
import type { Graph, Node } from '../../graph/graph.js';
import { absorb } from './absorb-bias.js';
import { biasAt, GraphEdit } from './graph-edit.js';
import { groupSize, type Layer } from './layer.js';
import { findPairs, type Pair } from './layer-pairs.js';

export interface EqualizeOptions {
  /**
   * Whether a Relu6, or a Clip from 0, between two layers becomes a Relu, without which they are no pair (true). The function
   * changes where the bound was reached. The paper's MobileNets hardly notice; small ones do (MobileNetV1 0.25 loses 13 points
   * of its 53), and with `highest` nothing has to be replaced.
   */
  readonly replaceRelu6?: boolean;
  /**
   * Of `equalizedValues`, the most that each channel was in calibration. A bound of 6 then stays, and is the same for a channel
   * that never comes near it: s_i >= highest_i / 6 keeps it below. Channels that reach it stay as they are.
   */
  readonly highest?: ReadonlyMap<string, Float32Array>;
  /**
   * Of `equalizedValues`, the least that each channel is: β - 3γ of a BatchNorm, as in the paper, or, where that was folded
   * away, what calibration saw. What is above 0 is absorbed by the next layer's bias.
   */
  readonly lowest?: ReadonlyMap<string, Float32Array>;
}

const maxRounds = 50;
/** Of log s: scales that move by less than 0.1 % are what they will be. */
const tolerance = 1e-3;

/** What the first layers of all pairs give, before their activation: that of which `highest` and `lowest` may tell. */
export function equalizedValues(graph: Graph): readonly string[] {
  return findPairs(new GraphEdit(graph)).map(({ value }) => value);
}

/**
 * The float function is the same but for rounding, for `replaceRelu6`, and for data beyond `highest` and `lowest`. Channels
 * that are 0 in either layer stay as they are. Layers are Conv2D, DepthwiseConv2D, FullyConnected and MatMul with constant
 * weights. Throws ERR_QUANTIZATION for weights that are not finite and for ranges of another length.
 */
export function equalize(
  graph: Graph,
  { replaceRelu6 = true, highest = new Map(), lowest = new Map() }: EqualizeOptions = {},
): Graph {
  const edit = new GraphEdit(graph);
  const isBounded = ({ clamping, value }: Pair) => clamping.length > 0 && highest.has(value);
  const pairs = findPairs(edit).filter((pair) => pair.clamping.length === 0 || replaceRelu6 || isBounded(pair));
  if (pairs.length === 0) return graph;
  const scalings = new Map<string, Scaling>();
  for (const { second, depth } of pairs) scalings.set(second.node.name, new Scaling(second, depth));
  for (const { first } of pairs) if (!scalings.has(first.node.name)) scalings.set(first.node.name, new Scaling(first, 1));
  const limits = pairs.map((pair) => (isBounded(pair) ? leastDivisors(pair, highest) : undefined));
  for (let round = 0; round < maxRounds; round++) {
    const moves = pairs.map(({ first, second }, i) =>
      balance(scalings.get(first.node.name)!, scalings.get(second.node.name)!, limits[i]),
    );
    if (Math.max(...moves) < tolerance) break;
  }

  for (const { layer, scaled } of scalings.values()) edit.setConstant({ node: layer.node, input: 1 }, scaled(), layer.dims);
  for (const pair of pairs) {
    const { first, bias, clamping } = pair;
    const { divisors } = scalings.get(first.node.name)!;
    if (!isBounded(pair)) for (const node of clamping) removeBound(edit, node);
    if (bias !== undefined && edit.constant(bias) !== undefined) {
      const divided = biasAt(edit, bias, first.outputs).map((value, i) => value / divisors[i]!);
      edit.setConstant(bias, Float32Array.from(divided));
    }
  }
  // Weights and biases are in their places: what is absorbed is in the new scales
  for (const [i, pair] of pairs.entries()) {
    if (!lowest.has(pair.value)) continue;
    const { divisors } = scalings.get(pair.first.node.name)!;
    const least = Float64Array.from(rangesOf(lowest, 'lowest', pair), (value, c) => Math.max(0, value / divisors[c]!));
    // What is taken away below would be missing at the bound
    absorb(
      edit,
      pair,
      least.map((value, c) => (limits[i]?.[c] === Infinity ? 0 : value)),
    );
  }
  return edit.finish();
}

function rangesOf(ranges: ReadonlyMap<string, Float32Array>, name: string, { first, value }: Pair): Float32Array {
  const channels = ranges.get(value)!;
  if (channels.length === first.outputs && channels.every(Number.isFinite)) return channels;
  throw invalid('ERR_QUANTIZATION', `${name} of ${value}`, `finite numbers for ${first.outputs} channels`, channels);
}

/** The least s of each channel for which the bound stays out of reach; Infinity where it is reached as it is. */
function leastDivisors(pair: Pair, highest: ReadonlyMap<string, Float32Array>): Float64Array {
  const { bound } = pair;
  return Float64Array.from(rangesOf(highest, 'highest', pair), (most) => (most < bound ? Math.max(0, most) / bound : Infinity));
}

function removeBound(edit: GraphEdit, node: Node): void {
  if (node.op === 'Relu6' || node.op === 'Clip') edit.change(node, { op: 'Relu', attributes: {} });
  else edit.change(node, { attributes: { ...node.attributes, activation: 'relu' } });
}

/** A layer's largest weights, of each output channel by each input channel of its group, and what they are scaled by. */
class Scaling {
  readonly layer: Layer;
  readonly divisors: Float64Array;
  readonly #depth: number;
  readonly #factors: Float64Array;
  readonly #largest: Float64Array;

  constructor(layer: Layer, depth: number) {
    this.layer = layer;
    this.divisors = new Float64Array(layer.outputs).fill(1);
    this.#depth = depth;
    this.#factors = new Float64Array(layer.groups * depth).fill(1);
    this.#largest = new Float64Array(layer.outputs * depth);
    const { weights, outputs, patch, outputStride, patchStride } = layer;
    for (let o = 0; o < outputs; o++) {
      for (let k = 0, c = 0; k < patch; k++, c = c + 1 === depth ? 0 : c + 1) {
        const size = Math.abs(weights[o * outputStride + k * patchStride]!);
        if (!Number.isFinite(size)) {
          throw invalid('ERR_QUANTIZATION', `weights of node ${layer.node.name}`, 'finite numbers', size);
        }
        if (size > this.#largest[o * depth + c]!) this.#largest[o * depth + c] = size;
      }
    }
  }

  outputRanges(): Float64Array {
    return this.#maxima(this.layer.outputs, (o) => o);
  }

  /** Of input channels, counted through all groups. */
  inputRanges(): Float64Array {
    return this.#maxima(this.#factors.length, (_, c) => c);
  }

  multiply(channel: number, factor: number): void {
    this.#factors[channel]! *= factor;
  }

  readonly scaled = (): Float32Array => {
    const { weights, outputs, patch, outputStride, patchStride } = this.layer;
    const result = new Float32Array(weights.length);
    for (let o = 0; o < outputs; o++) {
      const first = this.#firstChannel(o);
      for (let k = 0, c = 0; k < patch; k++, c = c + 1 === this.#depth ? 0 : c + 1) {
        const i = o * outputStride + k * patchStride;
        result[i] = (weights[i]! * this.#factors[first + c]!) / this.divisors[o]!;
      }
    }
    return result;
  };

  #maxima(size: number, indexOf: (output: number, input: number) => number): Float64Array {
    const maxima = new Float64Array(size);
    for (let o = 0; o < this.layer.outputs; o++) {
      const first = this.#firstChannel(o);
      for (let c = 0; c < this.#depth; c++) {
        const size = (this.#largest[o * this.#depth + c]! * this.#factors[first + c]!) / this.divisors[o]!;
        const index = indexOf(o, first + c);
        if (size > maxima[index]!) maxima[index] = size;
      }
    }
    return maxima;
  }

  #firstChannel(output: number): number {
    return Math.floor(output / groupSize(this.layer)) * this.#depth;
  }
}

/** Solves one pair, with divisors of at least `limits`; the largest |log s|. */
function balance(first: Scaling, second: Scaling, limits: Float64Array | undefined): number {
  const [r1, r2] = [first.outputRanges(), second.inputRanges()];
  let largest = 0;
  for (let i = 0; i < r1.length; i++) {
    const limit = limits?.[i] ?? 0;
    if (r1[i] === 0 || r2[i] === 0 || limit === Infinity) continue;
    const divisor = first.divisors[i]!;
    const next = Math.max(divisor * Math.sqrt(r1[i]! / r2[i]!), limit);
    first.divisors[i] = next;
    second.multiply(i, next / divisor);
    largest = Math.max(largest, Math.abs(Math.log(next / divisor)));
  }
  return largest;
}
