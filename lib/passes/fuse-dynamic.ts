/**
 * Dynamic quantization, as tools write it down, into one operator:
 *
 *     q, s, z = DynamicQuantizeLinear(x);  Add(Mul(Cast(MatMulInteger(q, b, z, zb)), Mul(s, sb)), bias)  =>  DynamicMatMul
 *
 * with constant b, zb, sb and bias. The activation after it becomes part of it, and products of one x share one operator, which
 * quantizes x once.
 */
import type { Node } from '../graph/graph.js';
import { type DynamicMatMulAttributes, inputsPerProduct, maxProducts } from '../ops/dynamic-mat-mul.js';
import { clamps, onlyReader, otherInput } from './chains.js';
import { Edit, staticDims } from './edit.js';
import type { Pass } from './pass.js';

export const fuseDynamic: Pass = {
  name: 'fuse-dynamic',
  run(graph) {
    if (!graph.nodes.some(({ op }) => op === 'MatMulInteger' || op === 'DynamicMatMul')) return { graph, nodes: [] };
    const edit = new Edit(graph);
    for (const node of graph.nodes) {
      if (node.op === 'MatMulInteger') fuseProduct(edit, node);
      if (node.op === 'DynamicMatMul') fuseBias(edit, node) || fuseActivation(edit, node) || fuseSiblings(edit, node);
    }
    return edit.finish();
  },
};

/** MatMulInteger to the Mul after it. */
function fuseProduct(edit: Edit, node: Node): void {
  const [q, b, z, bZeroPoint = ''] = node.inputs as readonly [string, string, string?, string?];
  const quantize = edit.producer(q);
  if (quantize?.op !== 'DynamicQuantizeLinear' || quantize.outputs[0] !== q || quantize.outputs[2] !== z) return;
  const cast = onlyReader(edit, node, 'Cast');
  const product = cast && onlyReader(edit, cast, 'Mul');
  if (cast?.attributes.to !== 'float32' || product === undefined || clamps(product)) return;
  const scales = edit.producer(otherInput(product, cast.outputs[0]!) ?? '');
  if (scales?.op !== 'Mul' || clamps(scales)) return;
  const bScale = otherInput(scales, quantize.outputs[1] ?? '') ?? '';
  const channels = staticDims(edit.value(b))?.at(-1);
  const isMatrix = edit.value(b).dims.length === 2 && edit.value(quantize.inputs[0]!).dims.length > 0;
  if (!isMatrix || channels === undefined || !edit.graph.constants.has(b) || !isVector(edit, bScale, channels)) return;
  if (bZeroPoint !== '' && !isVector(edit, bZeroPoint, channels)) return;
  // Others may read the scales: what nobody reads any more goes with the dead nodes
  if (!edit.claim(node, cast, product)) return;
  const inputs = [quantize.inputs[0]!, b, bScale, bZeroPoint];
  edit.replace(product, { ...node, op: 'DynamicMatMul', attributes: {}, inputs, outputs: product.outputs });
  edit.replace(cast);
  edit.replace(node);
}

function fuseBias(edit: Edit, node: Node): boolean {
  const add = node.outputs.length === 1 && node.inputs.length === inputsPerProduct ? onlyReader(edit, node, 'Add') : undefined;
  if (add === undefined || activationOf(node) !== 'none' || clamps(add)) return false;
  const bias = otherInput(add, node.outputs[0]!) ?? '';
  const channels = edit.value(node.outputs[0]!).dims.at(-1);
  const dims = edit.graph.constants.get(bias)?.dims;
  if (dims?.length !== 1 || dims[0] !== channels || !edit.claim(node, add)) return false;
  edit.replace(add, { ...node, inputs: [...node.inputs, bias], outputs: add.outputs });
  edit.replace(node);
  return true;
}

function fuseActivation(edit: Edit, node: Node): boolean {
  if (node.outputs.length > 1 || activationOf(node) !== 'none' || !edit.isReadOnce(node.outputs[0]!)) return false;
  const [reader] = edit.readers(node.outputs[0]!) as readonly [Node];
  const activation = activationFrom(reader);
  if (activation === undefined || !edit.claim(node, reader)) return false;
  edit.replace(reader, { ...node, attributes: { activation }, outputs: reader.outputs });
  edit.replace(node);
  return true;
}

function activationFrom({ op, attributes }: Node): DynamicMatMulAttributes['activation'] | undefined {
  if (op === 'ErfGelu') return attributes.form === 'multiplied' ? 'gelu-multiplied' : 'gelu-divided';
  return op === 'Gelu' && (attributes.approximate ?? 'none') === 'none' ? 'gelu' : undefined;
}

/** Other products of the same x, which need nothing else that is computed, move to the first. */
function fuseSiblings(edit: Edit, node: Node): void {
  const isSibling = (other: Node) => {
    const isAlike = other.op === 'DynamicMatMul' && activationOf(other) === activationOf(node);
    return isAlike && other.outputs.length < maxProducts && isSettled(edit, other);
  };
  const readers = edit.readers(node.inputs[0]!);
  if (readers.find(isSibling) !== node) return;
  const taken: Node[] = [];
  let count = 0;
  for (const sibling of readers) {
    if (!isSibling(sibling) || count + sibling.outputs.length > maxProducts) continue;
    taken.push(sibling);
    count += sibling.outputs.length;
  }
  if (taken.length === 1 || !edit.claim(...taken)) return;
  const inputs = taken.flatMap(({ inputs, outputs }) => {
    return Array.from({ length: inputsPerProduct * outputs.length }, (_, i) => inputs[1 + i] ?? '');
  });
  edit.replace(node, { ...node, inputs: [node.inputs[0]!, ...inputs], outputs: taken.flatMap(({ outputs }) => outputs) });
  for (const other of taken.slice(1)) edit.replace(other);
}

/** Whether nothing more will be fused into it, so that it can have siblings, which nothing is fused into. */
function isSettled(edit: Edit, node: Node): boolean {
  if (node.outputs.length > 1) return true;
  const [y] = node.outputs as readonly [string];
  const reader = edit.isReadOnce(y) ? edit.readers(y)[0] : undefined;
  if (reader === undefined || activationOf(node) !== 'none') return true;
  const takesBias =
    reader.op === 'Add' && node.inputs.length <= inputsPerProduct && edit.graph.constants.has(otherInput(reader, y) ?? '');
  return !takesBias && activationFrom(reader) === undefined;
}

function activationOf({ attributes }: Node): DynamicMatMulAttributes['activation'] {
  return (attributes.activation ?? 'none') as DynamicMatMulAttributes['activation'];
}

/** A constant with one element, or with one for each channel. */
function isVector(edit: Edit, name: string, channels: number): boolean {
  const dims = edit.graph.constants.get(name)?.dims;
  return dims !== undefined && (dims.length === 0 || (dims.length === 1 && (dims[0] === 1 || dims[0] === channels)));
}
