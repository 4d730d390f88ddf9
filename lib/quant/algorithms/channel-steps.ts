/** Which nodes hand on the channels of a layer, each scaled as it comes: f(s · x) = s · f(x) for s > 0, channel by channel. */
import type { Node } from '../../graph/graph.js';
import type { GraphEdit } from './graph-edit.js';

const homogeneous: ReadonlySet<string> = new Set(['Relu', 'LeakyRelu', 'PRelu', 'Identity']);
/** The elements stay in their order: of the flat index modulo the number of channels, the channel. */
const views: ReadonlySet<string> = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'ExpandDims']);
const pools: ReadonlySet<string> = new Set(['MaxPool2D', 'AveragePool2D']);

export type ChannelStep =
  /** As it is. */
  | 'scales'
  /** Once its upper bound is gone. */
  | 'clamps'
  | 'no';

/** What `node` does to `channels` channels of its input 0, the value `input`. */
export function channelStep(edit: GraphEdit, node: Node, input: string, channels: number): ChannelStep {
  const { op, attributes } = node;
  if (node.inputs[0] !== input || node.outputs.length !== 1) return 'no';
  if (homogeneous.has(op) || views.has(op)) return 'scales';
  if (op === 'Relu6') return 'clamps';
  if (op === 'Clip' && attributes.min === 0) return attributes.max === undefined ? 'scales' : 'clamps';
  if (edit.lastDim(input) !== channels) return 'no';
  if (pools.has(op)) return activationStep(node);
  return op === 'Mean' && keepsLast(edit, node) ? 'scales' : 'no';
}

/** What the activation of a node does. */
export function activationStep({ attributes }: Node): ChannelStep {
  const activation = attributes.activation ?? 'none';
  if (activation === 'none' || activation === 'relu') return 'scales';
  return activation === 'relu6' ? 'clamps' : 'no';
}

function keepsLast({ graph }: GraphEdit, { inputs, attributes }: Node): boolean {
  const rank = graph.values.get(inputs[0]!)?.dims?.length;
  const given = inputs[1] === undefined || inputs[1] === '' ? attributes.axes : graph.constants.get(inputs[1])?.data;
  const axes = Array.from((given ?? []) as ArrayLike<number | bigint>, Number);
  return rank !== undefined && axes.length > 0 && axes.every((axis) => axis !== -1 && axis !== rank - 1);
}

/** Whether a window of a convolution or a pooling never reaches beyond its input. */
export function isUnpadded({ attributes }: Node, size: readonly number[]): boolean {
  const { pads, padding } = attributes;
  if (Array.isArray(pads) && pads.length > 0) return (pads as readonly number[]).every((pad) => pad === 0);
  return (padding ?? 'valid') === 'valid' || size.every((extent) => extent === 1);
}
