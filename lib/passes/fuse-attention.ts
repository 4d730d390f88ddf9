/**
 * Attention, as exporters write it down, into one operator that needs no transposed copies and keeps no scores:
 *
 *     Transpose(MatMul(Softmax(Div(MatMul(Transpose(q), Transpose(k)), c)), Transpose(v)))  =>  HeadAttention(q, k, v)
 *
 * with Mul instead of Div, or without either, and with a mask that is added to the scaled scores: Softmax(Add(Div(...), mask)). q, k,
 * v are [batch, position, head, depth].
 */
import type { Node } from '../graph/graph.js';
import { Edit, staticDims } from './edit.js';
import type { Pass } from './pass.js';

const heads = '0,2,1,3';
const headsOfColumns = '0,2,3,1';

export const fuseAttention: Pass = {
  name: 'fuse-attention',
  run(graph) {
    if (!graph.nodes.some(({ op }) => op === 'Softmax')) return { graph, nodes: [] };
    const edit = new Edit(graph);
    for (const node of graph.nodes) if (node.op === 'Softmax') fuse(edit, node);
    return edit.finish();
  },
};

function fuse(edit: Edit, softmax: Node): void {
  const { axis = -1, beta = 1, to = 'input', flatten = false } = softmax.attributes;
  if ((axis !== -1 && axis !== 3) || beta !== 1 || to !== 'input' || flatten !== false) return;
  const scored = onlySource(edit, softmax.inputs[0]!);
  const added = scored && maskOf(edit, scored);
  const scaled = added === undefined ? scored : onlySource(edit, added.x);
  const scale = scaled && scaleOf(edit, scaled);
  const scores = scale === undefined ? scaled : onlySource(edit, scale.x);
  const context = onlyReader(edit, softmax, 'MatMul');
  if (scores?.op !== 'MatMul' || context === undefined || !isPlain(scores) || !isPlain(context)) return;
  const rows = onlyReader(edit, context, 'Transpose');
  const q = source(edit, scores.inputs[0]!, heads);
  const k = source(edit, scores.inputs[1]!, scores.attributes.transposeB === true ? heads : headsOfColumns);
  const v = source(edit, context.inputs[1]!, heads);
  if (String(rows?.attributes.perm) !== heads || context.inputs[0] !== softmax.outputs[0]) return;
  if (context.attributes.transposeB === true) return;
  if (rows === undefined || q === undefined || k === undefined || v === undefined || !haveSameHeads(edit, [q, k, v])) return;
  if (added !== undefined && !isBroadcastTo(edit, added.mask, scores.outputs[0]!)) return;
  const replaced = [scores, ...(scale === undefined ? [] : [scaled!]), ...(added ? [scored!] : []), softmax, context];
  if (!edit.claim(...replaced, rows)) return;
  const attributes = scale === undefined ? {} : { scale: scale.factor, isDivided: scale.isDivided };
  const inputs = added === undefined ? [q, k, v] : [q, k, v, added.mask];
  edit.replace(rows, { ...softmax, op: 'HeadAttention', attributes, inputs, outputs: rows.outputs });
  for (const node of replaced) edit.replace(node);
}

/** An addition to scores, which come from a product, scaled or not; anything may be the other operand. */
function maskOf(edit: Edit, { op, inputs, attributes }: Node): { readonly x: string; readonly mask: string } | undefined {
  if (op !== 'Add' || (attributes.activation ?? 'none') !== 'none') return undefined;
  const [a, b] = inputs as readonly [string, string];
  const isScores = (name: string): boolean => {
    const node = onlySource(edit, name);
    const scale = node && scaleOf(edit, node);
    return (scale === undefined ? node : onlySource(edit, scale.x))?.op === 'MatMul';
  };
  return isScores(a) ? { x: a, mask: b } : isScores(b) ? { x: b, mask: a } : undefined;
}

/** Whether adding the one to the other, both of float32, has the shape of the other. */
function isBroadcastTo(edit: Edit, name: string, whole: string): boolean {
  const [mask, scores] = [edit.value(name), edit.value(whole)];
  const [from, to] = [staticDims(mask), staticDims(scores)];
  if (from === undefined || to === undefined || mask.type !== 'float32' || from.length > to.length) return false;
  return from.every((dim, i) => dim === 1 || dim === to[to.length - from.length + i]);
}

interface Scale {
  readonly x: string;
  readonly factor: number;
  readonly isDivided: boolean;
}

/** A division by, or multiplication with, one positive number. */
function scaleOf(edit: Edit, { op, inputs, attributes }: Node): Scale | undefined {
  if ((op !== 'Div' && op !== 'Mul') || (attributes.activation ?? 'none') !== 'none') return undefined;
  const [a, b] = inputs as readonly [string, string];
  const [x, constant] = op === 'Mul' && edit.graph.constants.has(a) ? [b, a] : [a, b];
  const tensor = edit.graph.constants.get(constant);
  const factor = tensor?.type === 'float32' && tensor.data.length === 1 && tensor.dims.length <= 4 ? tensor.data[0] : undefined;
  return typeof factor === 'number' && factor > 0 && factor < Infinity ? { x, factor, isDivided: op === 'Div' } : undefined;
}

/** MatMul of two computed operands, of which the first is not transposed, that only multiplies. */
function isPlain({ inputs, attributes }: Node): boolean {
  return inputs.length === 2 && attributes.transposeA !== true && (attributes.activation ?? 'none') === 'none';
}

/** What a Transpose of this permutation transposes. */
function source(edit: Edit, name: string, perm: string): string | undefined {
  const node = edit.producer(name);
  return node?.op === 'Transpose' && String(node.attributes.perm) === perm ? node.inputs[0] : undefined;
}

function onlySource(edit: Edit, name: string): Node | undefined {
  return edit.isReadOnce(name) ? edit.producer(name) : undefined;
}

function onlyReader(edit: Edit, node: Node, op: string): Node | undefined {
  const [y] = node.outputs as readonly [string];
  const reader = edit.isReadOnce(y) ? edit.readers(y)[0] : undefined;
  return reader?.op === op ? reader : undefined;
}

/** Whether batches and heads are the same, so that nothing is broadcast; all of float32. */
function haveSameHeads(edit: Edit, names: readonly string[]): boolean {
  const values = names.map((name) => edit.value(name));
  const [first] = values[0]!.dims;
  const heads = values[0]!.dims[2];
  return values.every(({ type, dims }) => {
    return (
      type === 'float32' &&
      dims.length === 4 &&
      dims.every((dim) => typeof dim === 'number') &&
      dims[0] === first &&
      dims[2] === heads
    );
  });
}
