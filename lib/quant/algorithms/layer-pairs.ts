/** Pairs of layers that may share out the scales of the channels between them. */
import type { Node } from '../../graph/graph.js';
import { activationStep, channelStep } from './channel-steps.js';
import { biasPlace, type GraphEdit, type Place } from './graph-edit.js';
import { type Layer, layerOf } from './layer.js';

/** Two layers of which nothing but the second sees the first one's channels. */
export interface Pair {
  readonly first: Layer;
  readonly second: Layer;
  /** Input channels of one group of the second, which may come once for each of several positions. */
  readonly depth: number;
  readonly between: readonly Node[];
  readonly bias: (Place & { readonly output: string }) | undefined;
  /** What the first layer gives, with its bias: before its activation, unless that is fused. */
  readonly value: string;
  /** Nodes whose upper bound is in the way, and the least of those bounds: Infinity without any. */
  readonly clamping: readonly Node[];
  readonly bound: number;
}

/** In the order of the graph. Each layer is the first of one pair at most, and the second of one. */
export function findPairs(edit: GraphEdit): readonly Pair[] {
  return edit.graph.nodes.flatMap((node) => {
    const first = layerOf(edit.graph, node);
    return (first && pairFrom(edit, first)) ?? [];
  });
}

function pairFrom(edit: GraphEdit, first: Layer): Pair | undefined {
  const channels = first.outputs;
  const bias = biasPlace(edit, first.node, channels);
  const between: Node[] = [];
  const start = bias === undefined || bias.node === first.node ? [first.node] : [first.node, bias.node];
  const clamping: Node[] = [];
  for (const node of start) {
    const step = activationStep(node);
    if (step === 'no') return undefined;
    if (step === 'clamps') clamping.push(node);
  }
  const output = start.at(-1)!.outputs[0]!;
  let value = output;
  for (;;) {
    const reader = edit.onlyReader(value);
    if (reader === undefined) return undefined;
    const second = reader.inputs[0] === value ? layerOf(edit.graph, reader) : undefined;
    if (second !== undefined) {
      const depth = depthOf(edit, second, value, channels);
      const bound = Math.min(...clamping.map(boundOf));
      return depth === undefined ? undefined : { first, second, depth, between, bias, value: output, clamping, bound };
    }
    const step = channelStep(edit, reader, value, channels);
    if (step === 'no') return undefined;
    if (step === 'clamps') clamping.push(reader);
    between.push(reader);
    value = reader.outputs[0]!;
  }
}

function boundOf({ op, attributes }: Node): number {
  return op === 'Clip' ? (attributes.max as number) : 6;
}

/** Channels in each group of `second`, where those of `value` are what it multiplies. */
function depthOf(edit: GraphEdit, { node, groups, depth, patch }: Layer, value: string, channels: number): number | undefined {
  const isConvolution = node.op === 'Conv2D' || node.op === 'DepthwiseConv2D';
  if (isConvolution) return groups * depth === channels && edit.lastDim(value) === channels ? depth : undefined;
  // A flattened image has the channels of one position after those of another
  return patch % channels === 0 ? channels : undefined;
}
