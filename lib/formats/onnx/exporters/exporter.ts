/** How one of our operators is written: what adds the ONNX nodes for one of its nodes. One for each operator, by family. */

import type { Node } from '../../../graph/graph.js';
import { ops } from '../../../ops/index.js';
import { AttributeReader } from '../../../ops/op.js';
import { type Activation, activationBounds, quantizedBounds } from '../../../ops/output-stage.js';
import { quantizedRanges } from '../../../quant/qparams.js';
import type { ExportGraph } from '../export-graph.js';
import type { Layout } from '../export-layout.js';
import type { OnnxValue } from '../export-names.js';

export interface ExportNode<A = unknown> {
  readonly node: Node;
  /** What the operator's `parse` returned. */
  readonly attributes: A;
  /** Names of values; '' where an optional input is absent. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

export type Exporter = (node: ExportNode, graph: ExportGraph) => void;
export type Exporters = Readonly<Record<string, Exporter>>;

/** Erases the type of the attributes; they only ever come from the same operator. */
export function exporter<A>(write: (node: ExportNode<A>, graph: ExportGraph) => void): Exporter {
  return write as Exporter;
}

export function exportNode(node: Node): ExportNode {
  const attributes = ops.get(node.op)!.parse(new AttributeReader(node));
  return { node, attributes, inputs: node.inputs, outputs: node.outputs };
}

/** Output 0: the clamp that is fused with the operator, if it does more than the saturation behind it, then what the graph stores. */
export function defineActivated(
  graph: ExportGraph,
  name: string,
  value: OnnxValue,
  activation: Activation,
  layout: Layout = 'own',
): void {
  graph.defineReal(name, isSaturation(graph, name, activation) ? value : clamp(graph, name, value, activation), layout);
}

/** `value` within the activation's bounds, of the type in which `name` is computed. */
export function clamp(graph: ExportGraph, name: string, value: OnnxValue, activation: Activation): OnnxValue {
  const [low, high] = activationBounds[activation];
  if (high === Infinity) return low === 0 ? graph.add('Relu', [value]) : value;
  const type = graph.isQuantized(name) ? 'float32' : (graph.value(name)?.type ?? 'float32');
  return graph.add('Clip', [value, graph.literal(type, [low], []), graph.literal(type, [high], [])]);
}

function isSaturation(graph: ExportGraph, name: string, activation: Activation): boolean {
  const { qparams } = graph.value(name) ?? {};
  if (qparams === undefined || typeof qparams.scale !== 'number' || typeof qparams.zeroPoint !== 'number') return false;
  const { dtype, scale, zeroPoint } = qparams;
  const [low, high] = quantizedBounds(activation, { dtype, scale, zeroPoint }, graph.source.numerics);
  const [min, max] = quantizedRanges[dtype];
  return low <= min && high >= max;
}

/** The order in which to compute element by element: NCHW where that is what is there, and all the others can be had in it. */
export function commonLayout(graph: ExportGraph, names: readonly string[]): Layout {
  const given = names.filter((name) => name !== '');
  return given.some((name) => graph.isOnlyNchw(name)) && given.every((name) => graph.fitsNchw(name)) ? 'nchw' : 'own';
}
