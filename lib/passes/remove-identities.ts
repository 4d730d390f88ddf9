/**
 * Takes out nodes that change nothing, and the first of two that one can stand for:
 *
 * - Reshape, Squeeze, ExpandDims to the shape that is there (where shapes are known), Transpose in the same order, Cast and Quantize
 *   to what is there, Concat of one input
 * - a Reshape, Squeeze or ExpandDims of another reads what that reads; a Transpose of a Transpose is one in the order of both
 *
 * All of them move integers without looking at their scale, so a node whose output means something else by them has to stay.
 */
import type { Node } from '../graph/graph.js';
import { sameShape } from '../ops/shapes.js';
import { byteTable, isIdentityTable } from './byte-table.js';
import { Edit, integersOf, sameQParams, staticDims } from './edit.js';
import type { Pass } from './pass.js';

const views: ReadonlySet<string> = new Set(['Reshape', 'Squeeze', 'ExpandDims', 'Unsqueeze', 'Flatten']);

export const removeIdentities: Pass = {
  name: 'remove-identities',
  run(graph) {
    const edit = new Edit(graph);
    for (const node of graph.nodes) {
      if (isIdentity(edit, node) && edit.bypass(node, node.inputs[0]!, node.outputs[0]!)) continue;
      if (views.has(node.op)) mergeViews(edit, node);
      else if (node.op === 'Transpose') mergeTransposes(edit, node);
    }
    return edit.finish();
  },
};

function isIdentity(edit: Edit, node: Node): boolean {
  const [x, y] = [node.inputs[0], node.outputs[0]].map((name) => edit.graph.values.get(name ?? ''));
  if (x === undefined || y === undefined || x.type !== y.type || !sameQParams(x.qparams, y.qparams)) return false;
  switch (node.op) {
    case 'Reshape':
    case 'Squeeze':
    case 'ExpandDims':
    case 'Unsqueeze':
    case 'Flatten': {
      const [from, to] = [staticDims(x), staticDims(y)];
      return from !== undefined && to !== undefined && sameShape(from, to);
    }
    case 'Transpose':
      return integersOf(node, 'perm').every((axis, i) => axis === i);
    case 'Concat':
      return node.inputs.length === 1;
    case 'Cast':
    case 'Identity':
      return true;
    case 'Quantize': {
      // Of extreme scales, float32 overflows on the way there and back
      const table = byteTable(node, x, y, edit.graph.numerics);
      return table !== undefined && isIdentityTable(table, x.type);
    }
    default:
      return false;
  }
}

function mergeViews(edit: Edit, node: Node): void {
  const first = edit.producer(node.inputs[0]!);
  if (first === undefined || !views.has(first.op)) return;
  const source = first.inputs[0]!;
  const dims = staticDims(edit.value(node.outputs[0]!));
  // The others count from the shape that the first one makes; a Reshape counts elements
  const countsElements = node.op === 'Reshape' && node.attributes.zeroCopies !== true;
  if (!countsElements && dims === undefined) return;
  if (!edit.claim(node)) return;
  if (countsElements) edit.replace(node, { ...node, inputs: node.inputs.with(0, source) });
  else edit.replace(node, { ...node, op: 'Reshape', inputs: [source], attributes: { shape: dims! } });
}

function mergeTransposes(edit: Edit, node: Node): void {
  const first = edit.producer(node.inputs[0]!);
  if (first?.op !== 'Transpose') return;
  const [p, q] = [integersOf(first, 'perm'), integersOf(node, 'perm')];
  if (p.length !== q.length || !edit.claim(node)) return;
  edit.replace(node, { ...node, inputs: [first.inputs[0]!], attributes: { perm: q.map((axis) => p[axis]!) } });
}
