/**
 * Bias correction (Nagel et al. 2019, section 4.2): rounded weights shift what a layer gives on average, E[(Wq - W)·x], and its
 * bias can take that back. Empirical: the means are those of calibration data.
 */
import { invalid } from '../../errors.js';
import type { Graph, Node } from '../../graph/graph.js';
import { biasAt, biasPlace, GraphEdit } from './graph-edit.js';
import { groupSize, type Layer } from './layer.js';

/** Means over calibration data, one for each output channel of a layer, before its activation. */
export interface LayerMeans {
  /** With float weights. */
  readonly float: ArrayLike<number>;
  /** With quantized weights, and the input that the layer has in the quantized network. */
  readonly quantized: ArrayLike<number>;
}

/**
 * The means of layers, by the names of their nodes, for the biases that `graph` has. Layers that are missing stay as they are.
 */
export type MeansOf = (graph: Graph) => Promise<ReadonlyMap<string, LayerMeans>> | ReadonlyMap<string, LayerMeans>;

export interface BiasCorrectionOptions {
  /** How often all are measured and corrected: 1. */
  readonly rounds?: number;
}

/**
 * The graph with b - (quantized - float) for the biases of `targets`; of a convolution or FullyConnected without one, with a
 * new one. A MatMul has the constant of the Add behind it for a bias, or else stays as it is.
 *
 * All layers at once in a round, where the paper goes from layer to layer: that takes one calibration run for each layer, this
 * takes one for each round. It asks that `float` be measured on the same (quantized) input: then the difference is the layer's
 * own, and no shift is corrected where it arises and again in each layer behind. A second round sees the inputs that the first
 * one made. (Means of the float network instead contain what earlier layers did: after n rounds, the first n layers of a chain
 * are right.)
 *
 * Throws ERR_QUANTIZATION, which names the node, for means of another length or that are not finite.
 */
export async function correctBiases(
  graph: Graph,
  targets: readonly { readonly node: Node }[],
  meansOf: MeansOf,
  { rounds = 1 }: BiasCorrectionOptions = {},
): Promise<Graph> {
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100) throw invalid('ERR_OPTION', 'rounds', '1 to 100', rounds);
  const names = new Set(targets.map(({ node }) => node.name));
  let current = graph;
  for (let round = 0; round < rounds; round++) {
    const means = await meansOf(current);
    const edit = new GraphEdit(current);
    for (const node of current.nodes) {
      const layer = means.get(node.name);
      if (layer !== undefined && names.has(node.name)) correct(edit, node, layer);
    }
    current = edit.finish();
  }
  return current;
}

function correct(edit: GraphEdit, node: Node, { float, quantized }: LayerMeans): void {
  const channels = float.length;
  const place = biasPlace(edit, node, channels);
  if (place === undefined) return;
  const size = edit.constant(place)?.size;
  const isOther = size !== undefined && size !== channels && (size !== 1 || place.node === node);
  if (quantized.length !== channels || isOther) {
    const expected = `${size ?? channels} means, float and quantized`;
    throw invalid('ERR_QUANTIZATION', `means of node ${node.name}`, expected, [channels, quantized.length].join(' and '));
  }
  const corrected = biasAt(edit, place, channels).map((bias, c) => {
    const shift = quantized[c]! - float[c]!;
    if (!Number.isFinite(shift)) throw invalid('ERR_QUANTIZATION', `means of node ${node.name}`, 'finite numbers', shift);
    return bias - shift;
  });
  edit.setConstant(place, Float32Array.from(corrected));
}

/**
 * The means of a layer without running it, from those of its input patches (`Gram.means`): W·E[x] and Wq·E[x]. `quantized` are
 * the real numbers that the quantized weights mean, in the order of the layer's. Biases, which are equal on both sides, are
 * left out.
 */
export function meansOfPatches(layer: Layer, quantized: Float32Array, means: Float64Array): LayerMeans {
  const { weights, outputs, groups, patch, outputStride, patchStride } = layer;
  if (quantized.length !== weights.length || means.length !== groups * patch) {
    const found = `${quantized.length} and ${means.length}`;
    throw invalid(
      'ERR_QUANTIZATION',
      `node ${layer.node.name}`,
      `${weights.length} weights and ${groups * patch} means`,
      found,
    );
  }
  const [floats, others] = [new Float64Array(outputs), new Float64Array(outputs)];
  for (let o = 0; o < outputs; o++) {
    const start = Math.floor(o / groupSize(layer)) * patch;
    for (let k = 0; k < patch; k++) {
      const i = o * outputStride + k * patchStride;
      floats[o]! += weights[i]! * means[start + k]!;
      others[o]! += quantized[i]! * means[start + k]!;
    }
  }
  return { float: floats, quantized: others };
}
