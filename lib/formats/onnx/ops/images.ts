/**
 * Operators with windows: ONNX has the channels before the spatial dimensions, ours have them last and two spatial dimensions. Each
 * is wrapped in Transposes, of which a pass takes out all but those at the borders of the graph; a single spatial dimension becomes
 * the width of images of height 1.
 */
import type { Attributes } from '../../../graph/graph.js';
import type { QParams } from '../../../quant/qparams.js';
import type { Lowering } from '../lowering.js';
import type { OnnxNode } from '../node.js';

export type SpatialRank = 1 | 2;

/** Adds a node that moves elements: its output is quantized as its input is. Returns its output. */
export function move(node: OnnxNode, graph: Lowering, op: string, attributes: Attributes, input: string, output = ''): string {
  const [name] = graph.add(node, op, attributes, [input], [output]);
  quantizeAs(node, graph, name, graph.values.get(input)?.qparams);
  return name;
}

/** Parameters of a whole tensor mean the same wherever its elements go. */
export function quantizeAs(node: OnnxNode, graph: Lowering, name: string, qparams: QParams | undefined): void {
  if (qparams !== undefined && qparams.axis === undefined) graph.withQParams(node, name, qparams);
}

/** [N, C, H, W] or [N, C, W] as [N, H, W, C]. */
export function toNhwc(node: OnnxNode, graph: Lowering, input: string, rank: SpatialRank): string {
  if (rank === 2) return move(node, graph, 'Transpose', { perm: [0, 2, 3, 1] }, input);
  const last = move(node, graph, 'Transpose', { perm: [0, 2, 1] }, input);
  return move(node, graph, 'ExpandDims', { axis: 1 }, last);
}

/** Back, as the value `output`. */
export function fromNhwc(node: OnnxNode, graph: Lowering, input: string, rank: SpatialRank, output = ''): string {
  if (rank === 2) return move(node, graph, 'Transpose', { perm: [0, 3, 1, 2] }, input, output);
  const last = move(node, graph, 'Squeeze', { axes: [1] }, input);
  return move(node, graph, 'Transpose', { perm: [0, 2, 1] }, last, output);
}

/** Strides, dilations and padding of a node's window, as our operators with so many spatial dimensions have them. */
export function windowAttributes(node: OnnxNode, rank: SpatialRank): Attributes {
  const { strides, dilations, pads, padding } = readWindow(node, rank);
  const both = (values: readonly number[], otherwise: number) => (rank === 2 ? values : [otherwise, ...values]);
  const window = { strides: both(strides, 1), dilations: both(dilations, 1) };
  if (padding !== undefined) return { ...window, padding };
  return { ...window, pads: [...both(pads.slice(0, rank), 0), ...both(pads.slice(rank), 0)] };
}

export interface OnnxWindow {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** All before, then all after. Zeros where there is `padding`. */
  readonly pads: readonly number[];
  /** Undefined where the pads are explicit. */
  readonly padding: 'same' | 'same-lower' | 'valid' | undefined;
}

const autoPads = { NOTSET: undefined, VALID: 'valid', SAME_UPPER: 'same', SAME_LOWER: 'same-lower' } as const;
const autoPadNames = ['NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID'] as const;

export function readWindow(node: OnnxNode, rank: number): OnnxWindow {
  const list = (name: string, length: number, otherwise: number) => {
    const values = node.ints(name, new Array<number>(length).fill(otherwise));
    if (values.length === length) return values;
    throw node.error('ERR_MODEL_FORMAT', `attribute ${name}: expected ${length} integers, got ${values.length}`);
  };
  const padding = autoPads[node.oneOf('auto_pad', autoPadNames, 'NOTSET')];
  const pads = list('pads', 2 * rank, 0);
  if (pads.some((count) => count < 0)) {
    throw node.error('ERR_UNSUPPORTED_OP', `attribute pads: expected padding of 0 or more, got ${pads.join(', ')}`);
  }
  return {
    strides: list('strides', rank, 1),
    dilations: list('dilations', rank, 1),
    pads: padding === undefined ? pads : pads.map(() => 0),
    padding,
  };
}

/** 1 or 2; ERR_UNSUPPORTED_OP for more. */
export function spatialRank(node: OnnxNode, rank: number): SpatialRank {
  if (rank === 1 || rank === 2) return rank;
  throw node.error('ERR_UNSUPPORTED_OP', `expected one or two spatial dimensions, got ${rank}`);
}
