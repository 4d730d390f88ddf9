/**
 * A graph as text, for people: one line per node, and one before them for each input, constant and state.
 *
 *     y: int8[1, 112, 112, 32] (0.0235, -128) <- Conv2D(x, w, b) strides=[2, 2] padding=same
 */
import type { Tensor } from '../tensor.js';
import type { Attribute, Dim, Graph, Node, Value } from './graph.js';

export function printGraph(graph: Graph): string {
  const typed = (name: string) => (name === '' ? '-' : typedName(name, graph.values.get(name)));
  const lines = [
    `${quoted(graph.name)} numerics=${graph.numerics}`,
    ...graph.inputs.map((name) => `${typed(name)} <- input`),
    ...[...graph.constants.keys()].map((name) => `${typed(name)} <- constant`),
    ...graph.states.map(({ current, next }) => `${typed(current)} <- state, next ${quoted(next)}`),
    ...graph.nodes.map((node) => printNode(node, graph.values)),
    `output ${graph.outputs.map(quoted).join(', ')}`,
  ];
  return `${lines.join('\n')}\n`;
}

export function printNode(node: Node, values: ReadonlyMap<string, Value>): string {
  const outputs = node.outputs.map((name) => (name === '' ? '-' : typedName(name, values.get(name)))).join(', ');
  const inputs = node.inputs.map((name) => (name === '' ? '-' : quoted(name))).join(', ');
  const attributes = Object.entries(node.attributes).map(([key, value]) => ` ${key}=${attributeText(value)}`);
  return `${outputs} <- ${node.op}(${inputs})${attributes.join('')}`;
}

function typedName(name: string, value: Value | undefined): string {
  if (value === undefined) return `${quoted(name)}: ?`;
  return `${quoted(name)}: ${value.type}${value.dims === undefined ? '' : dimsText(value.dims)}${qparamsText(value)}`;
}

/** `[1, batch, ?]` */
function dimsText(dims: readonly Dim[]): string {
  return `[${dims.map((dim) => dim ?? '?').join(', ')}]`;
}

function qparamsText({ qparams }: Value): string {
  if (qparams === undefined) return '';
  const { scale, zeroPoint, axis } = qparams;
  const scales = typeof scale === 'number' ? shortened(scale) : `${scale.length} scales`;
  const zeros = typeof zeroPoint === 'number' ? String(zeroPoint) : zeroPoint.every((z) => z === 0) ? '0' : 'zero points';
  return ` (${scales}, ${zeros}${axis === undefined ? '' : `, axis ${axis}`})`;
}

function attributeText(value: Attribute): string {
  if (typeof value === 'number') return shortened(value);
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return quoted(value);
  if ('nodes' in value) return `{${value.nodes.length} nodes}`;
  if (isList(value)) return `[${value.map((item) => (typeof item === 'number' ? shortened(item) : quoted(item))).join(', ')}]`;
  return `${value.type}[${value.dims.join(', ')}]`;
}

function isList(value: Tensor | readonly number[] | readonly string[]): value is readonly number[] | readonly string[] {
  return Array.isArray(value);
}

function shortened(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
}

/** Names come from files: what could be mistaken for something else, or break the line, stands in quotation marks. */
function quoted(name: string): string {
  return /^[\w./:;@+-]+$/.test(name) && name !== '-' ? name : JSON.stringify(name);
}
