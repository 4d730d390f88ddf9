/** The version of ONNX's operators that a graph needs. */
import type { Graph, Node } from '../../graph/graph.js';
import { nibbleOpset, readsNibbles } from './export-nibbles.js';

/** What every reader of today knows. */
const defaultOpset = 17;

/** The first that have 16-bit QuantizeLinear. */
const wideOpset = 21;

/** The first version that can express an operator, where that is above the default. */
const operatorOpsets: Readonly<Record<string, number | ((node: Node) => number)>> = {
  BitwiseAnd: 18,
  BitwiseNot: 18,
  BitwiseOr: 18,
  BitwiseXor: 18,
  CenterCropPad: 18,
  DequantizeLinear: blocksOpset,
  Gelu: 20,
  GroupNorm: ({ attributes }) => ((attributes.groups ?? 0) === 0 ? defaultOpset : 21),
  LayerNorm: ({ attributes }) => (attributes.center === false ? 23 : defaultOpset),
  Mish: 18,
  PadAxes: ({ attributes, inputs }) => (attributes.mode === 'wrap' ? 19 : (inputs[3] ?? '') !== '' ? 18 : defaultOpset),
  PoolNd: poolOpset,
  QuantizeLinear: blocksOpset,
  Resize: resizeOpset,
  ScatterElements: scatterOpset,
  ScatterNd: scatterOpset,
};

export function opsetFor(graph: Graph): number {
  const { nodes, values } = graph;
  const isWide = [...values.values()].some(({ qparams }) => qparams?.dtype === 'int16');
  const hasNibbles = nodes.some((node) => readsNibbles(graph, node));
  const least = Math.max(isWide ? wideOpset : defaultOpset, hasNibbles ? nibbleOpset : defaultOpset);
  return Math.max(least, ...new Set(nodes.map(opsetOf)));
}

function opsetOf(node: Node): number {
  const needed = operatorOpsets[node.op] ?? defaultOpset;
  return typeof needed === 'number' ? needed : needed(node);
}

function blocksOpset({ attributes }: Node): number {
  return (attributes.blockSize ?? 0) === 0 ? defaultOpset : 21;
}

function poolOpset({ attributes }: Node): number {
  const isDilated = ((attributes.dilations ?? []) as readonly number[]).some((step) => step !== 1);
  if (attributes.mode === 'average') return isDilated ? 19 : defaultOpset;
  return attributes.mode === 'lp' && (isDilated || attributes.ceil === true) ? 18 : defaultOpset;
}

function resizeOpset({ attributes }: Node): number {
  if (attributes.coordinates === 'half_pixel_symmetric') return 19;
  const { antialias = false, axes = [], aspect = 'stretch' } = attributes;
  return antialias === true || (axes as readonly number[]).length > 0 || aspect !== 'stretch' ? 18 : defaultOpset;
}

function scatterOpset({ attributes }: Node): number {
  return attributes.reduction === 'max' || attributes.reduction === 'min' ? 18 : defaultOpset;
}

/** The first version of the file format that has those operators. */
export function irVersionOf(opset: number): bigint {
  if (opset <= 18) return 8n;
  if (opset <= 20) return 9n;
  return opset <= 22 ? 10n : 11n;
}
