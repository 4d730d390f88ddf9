/**
 * Takes out requantizations (Quantize from 8 bits to 8 bits) where the result is the same to the bit, which a rounding in between
 * seldom leaves it: what counts is equality of the 256-entry tables before and after.
 *
 * - of two nodes that are tables, one of them a Quantize, one may do: Quantize · Quantize, Quantize · Relu, Tanh · Quantize, ...
 * - a Quantize from float32 may go straight to the type that a shift by 128 takes it to
 * - a Quantize behind nodes that only move elements meets the Quantize before them: the elements then move in the last type
 *
 * What computes (a convolution, an addition) is never asked for another scale: it would round once where the graph rounds twice.
 */
import type { Node, Value } from '../graph/graph.js';
import { quantizedRanges } from '../quant/qparams.js';
import { byteTable, composed, isByte, isIdentityTable, sameTable, type Table } from './byte-table.js';
import { Edit, sameQParams } from './edit.js';
import type { Pass } from './pass.js';

/** Operators whose output has the elements of input 0, whatever they mean, and no others. */
const movements: ReadonlySet<string> = new Set([
  'Reshape',
  'Squeeze',
  'ExpandDims',
  'Transpose',
  'Slice',
  'StridedSlice',
  'DepthToSpace',
  'SpaceToDepth',
  'Unsqueeze',
  'Flatten',
  'ReverseAxes',
  'SliceAxes',
]);

/** What a sweep looks at: a network has some dozens, and a file that was made of nothing else must not take minutes. */
const maxPairs = 2000;

export const foldRequantize: Pass = {
  name: 'fold-requantize',
  run(graph) {
    const edit = new Edit(graph);
    let pairs = 0;
    for (const node of graph.nodes) {
      const first = edit.producer(node.inputs[0] ?? '');
      if (first === undefined || first.outputs.length !== 1) continue;
      if (first.op !== 'Quantize' && node.op !== 'Quantize') continue;
      if (++pairs > maxPairs) break;
      if (mergeTables(edit, first, node) || mergeWithFloat(edit, first, node)) continue;
      if (node.op === 'Quantize' && movements.has(first.op)) meetQuantize(edit, node);
    }
    return edit.finish();
  },
};

function tableOf(edit: Edit, node: Node, x: Value, y: Value): Table | undefined {
  return byteTable(node, x, y, edit.graph.numerics);
}

/** One node for `first` and then `node`, which reads `x` and writes `y`; undefined where no single one is the same. */
function mergedNode(edit: Edit, first: Node, node: Node): Node | 'nothing' | undefined {
  const [x, between, y] = [first.inputs[0]!, node.inputs[0]!, node.outputs[0]!].map((name) => edit.value(name));
  const before = tableOf(edit, first, x!, between!);
  const after = before && tableOf(edit, node, between!, y!);
  if (before === undefined || after === undefined) return undefined;
  const both = composed(before, after);
  const isBack = x!.type === y!.type && sameQParams(x!.qparams, y!.qparams);
  if (isBack && isIdentityTable(both, x!.type)) return 'nothing';
  const direct = (op: Node): Node | undefined => {
    const table = tableOf(edit, op, x!, y!);
    return table !== undefined && sameTable(table, both)
      ? { ...op, name: node.name, inputs: [x!.name], outputs: [y!.name] }
      : undefined;
  };
  return (first.op === 'Quantize' ? direct(node) : undefined) ?? (node.op === 'Quantize' ? direct(first) : undefined);
}

function mergeTables(edit: Edit, first: Node, node: Node): boolean {
  const merged = mergedNode(edit, first, node);
  if (merged === 'nothing' && edit.bypass(node, first.inputs[0]!, node.outputs[0]!, first)) return true;
  if (merged === undefined || merged === 'nothing' || !edit.claim(first, node)) return false;
  edit.replace(node, merged);
  return true;
}

/** The same scale, and all integers moved by the same: float32 is rounded to either in the same way. */
function isShift(x: Value, y: Value): boolean {
  if (!isByte(x) || !isByte(y) || x.qparams!.scale !== y.qparams!.scale) return false;
  const [from, to] = [x, y].map(({ qparams }) => (qparams!.zeroPoint as number) - quantizedRanges[qparams!.dtype][0]);
  return from === to;
}

function mergeWithFloat(edit: Edit, first: Node, node: Node): boolean {
  const [between, y] = [edit.value(node.inputs[0]!), edit.value(node.outputs[0] ?? '')];
  const isFloat = first.op === 'Quantize' && edit.value(first.inputs[0]!).type === 'float32';
  if (node.op !== 'Quantize' || !isFloat || !isShift(between, y) || !edit.claim(first, node)) return false;
  edit.replace(node, { ...node, inputs: first.inputs, attributes: { ...node.attributes, to: y.type } });
  return true;
}

/** Upwards from a Quantize over nodes that only move elements; `node` and what it meets become one, above them. */
function meetQuantize(edit: Edit, node: Node): void {
  const y = edit.value(node.outputs[0]!);
  const moved: Node[] = [];
  let name = node.inputs[0]!;
  let source = edit.producer(name);
  for (; source !== undefined && movements.has(source.op); source = edit.producer(name)) {
    if (!edit.isReadOnce(name) || source.outputs.length !== 1) return;
    moved.unshift(source);
    name = source.inputs[0]!;
  }
  const values = [name, ...moved.map(({ outputs }) => outputs[0]!)].map((each) => edit.value(each));
  const isOneScale = values.every(({ type, qparams }) => type === values[0]!.type && sameQParams(qparams, values[0]!.qparams));
  if (source?.op !== 'Quantize' || !isOneScale || moved.length === 0) return;

  const isFloat = edit.value(source.inputs[0]!).type === 'float32';
  const above = isFloat ? undefined : mergedNode(edit, source, { ...node, inputs: [name] });
  const isOver = above === 'nothing';
  if (isFloat ? !isShift(values[0]!, y) : above === undefined) return;
  if (!isOver && !edit.isReadOnce(name)) return; // one more Quantize for one less is no gain
  if (!edit.claim(node, source, ...moved)) return;

  const typed = (each: string): Value => ({ ...edit.value(each), type: y.type, ...(y.qparams && { qparams: y.qparams }) });
  if (!isOver) {
    edit.setValue(typed(name));
    edit.replace(source, { ...source, attributes: { ...source.attributes, to: y.type } });
  }
  for (const [i, movement] of moved.entries()) {
    const isLast = i === moved.length - 1;
    const inputs = i === 0 && isOver ? movement.inputs.with(0, source.inputs[0]!) : movement.inputs;
    edit.replace(movement, { ...movement, inputs, outputs: isLast ? [y.name] : movement.outputs });
    if (!isLast) edit.setValue(typed(movement.outputs[0]!));
  }
  edit.replace(node);
}
