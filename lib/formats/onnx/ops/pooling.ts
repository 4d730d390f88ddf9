/** Poolings: with one or two spatial dimensions as images, with more or where they do more, as they are. */
import type { Attributes } from '../../../graph/graph.js';
import type { QParams } from '../../../quant/qparams.js';
import type { Lowering, Rules } from '../lowering.js';
import type { OnnxNode } from '../node.js';
import { fromNhwc, move, quantizeAs, readWindow, toNhwc, windowAttributes } from './images.js';

/** All dimensions after the batch and the channels. */
const overImages: Attributes = { allByDefault: true, defaultFrom: 2, keepDims: true };

export const poolingRules: Rules = {
  MaxPool: (node, graph) => pool(node, graph, 'MaxPool2D', { x: node.required(0) }),
  AveragePool: (node, graph) => pool(node, graph, 'AveragePool2D', { x: node.required(0) }),
  LpPool: (node, graph) => generalPool(node, graph, 'lp', node.required(0)),
  GlobalAveragePool(node, graph) {
    graph.add(node, 'Mean', overImages, [node.required(0)], node.outputs);
  },
  GlobalMaxPool(node, graph) {
    const [y] = graph.add(node, 'ReduceMax', overImages, [node.required(0)], node.outputs);
    quantizeAs(node, graph, y, graph.values.get(node.required(0))?.qparams);
  },
  GlobalLpPool(node, graph) {
    const p = node.int('p', 2);
    const x = node.required(0);
    const [magnitudes] = graph.add(node, 'Abs', {}, [x]);
    const [powers] = graph.add(node, 'Pow', {}, [magnitudes, graph.literal(node, 'float32', [p], [])]);
    const [sums] = graph.add(node, 'Sum', overImages, [powers]);
    graph.add(node, 'Pow', {}, [sums, graph.literal(node, 'float32', [1 / p], [])], node.outputs);
  },
  'com.microsoft.NhwcMaxPool': (node, graph) => pool(node, graph, 'MaxPool2D', { x: node.required(0), isNhwc: true }),
};

export interface Pool {
  readonly x: string;
  readonly isNhwc?: boolean;
  /** Of the output; that of x where nothing else is said. */
  readonly qparams?: QParams;
}

export function pool(node: OnnxNode, graph: Lowering, op: 'MaxPool2D' | 'AveragePool2D', { x, isNhwc = false, qparams }: Pool) {
  const size = node.ints('kernel_shape');
  const rank = size.length;
  const isGeneral = (node.outputs[1] ?? '') !== '' || node.ints('dilations', []).some((dilation) => dilation !== 1);
  const countsPadding = op === 'AveragePool2D' && node.boolean('count_include_pad') && countablePadding(node, rank);
  if ((rank !== 1 && rank !== 2) || isGeneral || countsPadding === 'by shape') {
    if (!isNhwc && qparams === undefined) return generalPool(node, graph, op === 'MaxPool2D' ? 'max' : 'average', x);
    throw node.error('ERR_UNSUPPORTED_OP', 'expected one or two spatial dimensions without dilation, got others');
  }
  const images = isNhwc ? x : toNhwc(node, graph, x, rank);
  const window = windowAttributes(node, rank);
  const ceil = node.boolean('ceil_mode') && window.padding === undefined;
  const attributes = { ...window, size: rank === 2 ? size : [1, ...size], ceil };
  const result = countsPadding ? padded(node, graph, images, attributes) : { input: images, attributes };
  const [y] = graph.add(node, op, result.attributes, [result.input], isNhwc ? node.outputs : 1);
  quantizeAs(node, graph, y, qparams ?? graph.values.get(x)?.qparams);
  if (!isNhwc) fromNhwc(node, graph, y, rank, node.outputs[0]!);
}

/** Whether there is padding to be counted, and whether how much depends on the input's shape. */
function countablePadding(node: OnnxNode, rank: number): boolean | 'by shape' {
  const { padding, pads } = readWindow(node, rank);
  // Whether the last window is one is asked of the input without padding, so that a Pad would change the answer
  if (padding === 'same' || padding === 'same-lower' || node.boolean('ceil_mode')) return 'by shape';
  return pads.some((count) => count > 0);
}

/** Zeros that are counted are those of a Pad. */
function padded(node: OnnxNode, graph: Lowering, images: string, attributes: Attributes) {
  const [top = 0, left = 0, bottom = 0, right = 0] = attributes.pads as readonly number[];
  const input = move(node, graph, 'Pad', { pads: [0, 0, top, bottom, left, right, 0, 0] }, images);
  return { input, attributes: { ...attributes, pads: [0, 0, 0, 0] } };
}

/** Channels stay before the spatial dimensions, of which there may be any number. */
function generalPool(node: OnnxNode, graph: Lowering, mode: 'max' | 'average' | 'lp', x: string): void {
  const size = node.ints('kernel_shape');
  const { strides, dilations, pads, padding } = readWindow(node, size.length);
  const attributes = {
    mode,
    size,
    strides,
    dilations,
    pads,
    ...(padding !== undefined && { padding }),
    ceil: node.boolean('ceil_mode'),
    countPadding: node.boolean('count_include_pad'),
    p: node.int('p', 2),
    columnMajor: node.boolean('storage_order'),
  };
  const [y] = graph.add(node, 'PoolNd', attributes, [x], node.outputs);
  quantizeAs(node, graph, y, mode === 'max' ? graph.values.get(x)?.qparams : undefined);
}
