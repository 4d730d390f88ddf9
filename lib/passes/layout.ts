/**
 * Transposes that undo each other, with operators between them that work element by element: those work in any order of dimensions,
 * so they take the order that was there before, and both Transposes go.
 *
 *     Transpose(p) -> Relu ->            Relu ->
 *                             Add -> Transpose(p⁻¹) -> ...     =>              Add -> ...
 *     Transpose(p) ->                        ->
 *
 * From a Transpose upwards, a region grows over element-wise nodes until everything that enters it is a Transpose with the opposite
 * order, or a constant, which is reordered here. An importer that works in another order than NHWC wraps each operator that knows
 * only NHWC in two Transposes; this pass takes out all but those at the edges.
 */
import type { Node, Value } from '../graph/graph.js';
import { permuted } from '../ops/strided-copy.js';
import { type DataType, Tensor, type TensorData } from '../tensor.js';
import type { TypedArray } from '../typed-array.js';
import { Edit, integersOf, sameQParams } from './edit.js';
import type { Pass } from './pass.js';

/** Each element of the output comes from the elements of the inputs that stand in its place, after broadcasting. */
const elementwise: ReadonlySet<string> = new Set([
  'Abs',
  'Add',
  'Cast',
  'Ceil',
  'Cos',
  'Dequantize',
  'Div',
  'Elu',
  'Exp',
  'Floor',
  'HardSwish',
  'LeakyRelu',
  'Log',
  'Logistic',
  'Maximum',
  'Minimum',
  'Mul',
  'Neg',
  'Pow',
  'Quantize',
  'Relu',
  'Relu6',
  'ReluN1To1',
  'Round',
  'Rsqrt',
  'Sin',
  'Sqrt',
  'Square',
  'SquaredDifference',
  'Sub',
  'Tanh',
]);

/** A region's size; larger ones are as rare as the time to look at each of them from every Transpose would be long. */
const maxNodes = 64;

export const cancelTransposes: Pass = {
  name: 'layout',
  run(graph) {
    const edit = new Edit(graph);
    for (const node of graph.nodes) {
      if (node.op !== 'Transpose') continue;
      const region = regionAbove(edit, node);
      if (region !== undefined && edit.claim(node, ...region.nodes, ...transposesOf(region.entries)))
        rewrite(edit, node, region);
    }
    return edit.finish();
  },
};

interface Region {
  /** In the graph's order is not needed: each keeps its place. */
  readonly nodes: readonly Node[];
  readonly entries: Entries;
}

/** Of each value that enters: the Transpose whose input to read instead, or the constant to reorder. */
type Entries = ReadonlyMap<string, { readonly transpose: Node } | { readonly constant: Tensor }>;

/** Undefined where something else enters, and where no node stands between: two Transposes in a row merge by themselves. */
function regionAbove(edit: Edit, last: Node): Region | undefined {
  const perm = integersOf(last, 'perm');
  const nodes: Node[] = [];
  const entries = new Map<string, { readonly transpose: Node } | { readonly constant: Tensor }>();
  const pending = [last.inputs[0]!];
  if (!isSame(edit, last)) return undefined;
  while (pending.length > 0) {
    const name = pending.pop()!;
    if (entries.has(name)) continue;
    const value = edit.value(name);
    const producer = edit.producer(name);
    const constant = edit.graph.constants.get(name);
    if (value.qparams?.axis !== undefined) return undefined;
    if (constant !== undefined && constant.dims.length <= perm.length && constant.type !== 'string') {
      entries.set(name, { constant });
    } else if (value.dims.length !== perm.length || producer === undefined) {
      return undefined;
    } else if (producer.op === 'Transpose' && isUndoneBy(integersOf(producer, 'perm'), perm) && isSame(edit, producer)) {
      entries.set(name, { transpose: producer });
    } else {
      if (!elementwise.has(producer.op) || !edit.isReadOnce(name) || nodes.length === maxNodes) return undefined;
      nodes.push(producer);
      pending.push(...producer.inputs);
    }
  }
  const transposes = transposesOf(entries);
  return transposes.length > 0 && nodes.length > 0 ? { nodes, entries } : undefined;
}

function transposesOf(entries: Entries): readonly Node[] {
  return [...entries.values()].flatMap((entry) => ('transpose' in entry ? [entry.transpose] : []));
}

/** Whether the integers before and after a Transpose mean the same. */
function isSame(edit: Edit, { inputs, outputs }: Node): boolean {
  return sameQParams(edit.value(inputs[0]!).qparams, edit.value(outputs[0]!).qparams);
}

function isUndoneBy(first: readonly number[], second: readonly number[]): boolean {
  return first.length === second.length && second.every((axis, i) => first[axis] === i);
}

function rewrite(edit: Edit, last: Node, { nodes, entries }: Region): void {
  const perm = integersOf(last, 'perm');
  const names = new Map<string, string>();
  for (const [name, entry] of entries) {
    names.set(name, 'transpose' in entry ? entry.transpose.inputs[0]! : reorder(edit, name, entry.constant, perm));
  }
  for (const node of nodes) {
    const name = node.outputs[0]!;
    const isLast = name === last.inputs[0];
    if (!isLast) {
      const value = edit.value(name);
      edit.setValue({ ...value, dims: perm.map((axis) => value.dims[axis]!) });
    }
    const inputs = node.inputs.map((input) => names.get(input) ?? input);
    edit.replace(node, { ...node, inputs, outputs: isLast ? last.outputs : node.outputs });
  }
  edit.replace(last);
}

/** The name of the constant in the order `perm`, after dimensions of 1 where broadcasting would have had them. */
function reorder(edit: Edit, name: string, constant: Tensor, perm: readonly number[]): string {
  const { type, dims, data } = constant;
  const full = [...perm.slice(dims.length).map(() => 1), ...dims];
  if (full.every((dim) => dim === 1)) return name; // repeats along all dimensions
  const reordered = perm.map((axis) => full[axis]!);
  const value: Value = { ...edit.value(name), name: edit.freshName(name), dims: reordered };
  const elements = permuted(type as Exclude<DataType, 'string'>, data as TypedArray, full, perm);
  edit.setConstant(value, new Tensor<DataType>(type, elements as TensorData<DataType>, reordered));
  return value.name;
}
