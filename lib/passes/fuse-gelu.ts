/** x · (erf(x / √2) + 1) · ½ in five nodes: one ErfGelu, which rounds where they do. */
import type { Node } from '../graph/graph.js';
import { type ErfGeluForm, erfGeluFactors } from '../ops/erf-gelu.js';
import { Edit, scalarOf } from './edit.js';
import type { Pass } from './pass.js';

export const fuseGelu: Pass = {
  name: 'fuse-gelu',
  run(graph) {
    if (!graph.nodes.some(({ op }) => op === 'Erf')) return { graph, nodes: [] };
    const edit = new Edit(graph);
    for (const node of graph.nodes) if (node.op === 'Erf') fuse(edit, node);
    return edit.finish();
  },
};

function fuse(edit: Edit, node: Node): void {
  const scaled = edit.producer(node.inputs[0]!);
  const form = scaled && formOf(edit, scaled);
  if (scaled === undefined || form === undefined || !edit.isReadOnce(node.inputs[0]!)) return;
  const x = scaled.inputs.find((name) => !edit.graph.constants.has(name));
  const shifted = next(edit, node, 'Add', (other) => scalarOf(edit, other) === 1);
  const product = shifted && next(edit, shifted, 'Mul', (other) => other === x);
  const halved = product && next(edit, product, 'Mul', (other) => scalarOf(edit, other) === 0.5);
  if (x === undefined || edit.value(x).type !== 'float32' || halved === undefined) return;
  const [from, to] = [edit.value(x).dims, edit.value(halved.outputs[0]!).dims];
  if (String(from) !== String(to) || !edit.claim(scaled, node, shifted!, product!, halved)) return;
  edit.replace(halved, { ...node, op: 'ErfGelu', attributes: { form }, inputs: [x], outputs: halved.outputs });
  for (const other of [scaled, node, shifted!, product!]) edit.replace(other);
}

function formOf(edit: Edit, { op, inputs, attributes }: Node): ErfGeluForm | undefined {
  if ((attributes.activation ?? 'none') !== 'none') return undefined;
  if (op === 'Div' && scalarOf(edit, inputs[1]!) === erfGeluFactors.divided) return 'divided';
  if (op !== 'Mul') return undefined;
  return inputs.some((name) => scalarOf(edit, name) === erfGeluFactors.multiplied) ? 'multiplied' : undefined;
}

/** The node that alone reads a node's output, if it is of this operator, clamps nothing, and its other input is as it has to be. */
function next(edit: Edit, node: Node, op: string, isOther: (name: string) => boolean): Node | undefined {
  const [y] = node.outputs as readonly [string];
  const reader = edit.isReadOnce(y) ? edit.readers(y)[0] : undefined;
  if (reader?.op !== op || (reader.attributes.activation ?? 'none') !== 'none') return undefined;
  const [a, b] = reader.inputs as readonly [string, string];
  return isOther(a === y ? b : a) ? reader : undefined;
}
