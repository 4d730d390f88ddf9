/**
 * High biases, absorbed by the next layer (Nagel et al. 2019, section 4.1.3): where f(x) = x for x >= 0 and a channel is at
 * least c > 0, the first layer may give c less, and the second has W2·c in its bias for it. The range between them is then
 * tighter.
 */
import type { Node } from '../../graph/graph.js';
import { isUnpadded } from './channel-steps.js';
import { biasAt, biasPlace, type GraphEdit } from './graph-edit.js';
import { groupSize, type Layer } from './layer.js';
import type { Pair } from './layer-pairs.js';

/**
 * Takes `excess` from the channels of a pair's first layer. Where zeros stand around what the second reads, they would have to
 * become -c: such pairs stay as they are, as do those of layers that have no place for a bias.
 */
export function absorb(edit: GraphEdit, { first, second, depth, between, bias }: Pair, excess: Float64Array): void {
  const next = biasPlace(edit, second.node, second.outputs);
  if (bias === undefined || next === undefined || excess.every((c) => c === 0)) return;
  if (!hasNoPadding(second) || !between.every(isExact)) return;
  const [own, others] = [biasAt(edit, bias, first.outputs), biasAt(edit, next, second.outputs)];
  const weights = edit.constant({ node: second.node, input: 1 })!.data;
  const { outputs, patch, outputStride, patchStride } = second;
  for (let o = 0; o < outputs; o++) {
    const start = Math.floor(o / groupSize(second)) * depth;
    for (let k = 0; k < patch; k++) others[o]! += weights[o * outputStride + k * patchStride]! * excess[start + (k % depth)]!;
  }
  edit.setConstant(
    bias,
    Float32Array.from(own, (value, i) => value - excess[i]!),
  );
  edit.setConstant(next, Float32Array.from(others));
}

function hasNoPadding({ node, dims }: Layer): boolean {
  return (node.op !== 'Conv2D' && node.op !== 'DepthwiseConv2D') || isUnpadded(node, dims.slice(1, 3));
}

/**
 * Whether a constant that is taken before the node is missing behind it: pads of a maximum are below all, those of a mean are
 * not.
 */
function isExact(node: Node): boolean {
  return node.op !== 'AveragePool2D' || isUnpadded(node, node.attributes.size as readonly number[]);
}
