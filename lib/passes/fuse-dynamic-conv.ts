/**
 * Dynamic quantization of convolutions, as tools write it down and import turns it to channels last, into one operator:
 *
 *     q, s, z = DynamicQuantizeLinear(x)
 *     Mul(Transpose(Cast(ConvInteger(Transpose(q), w, z, zw))), Mul(s, sw))  =>  Transpose(DynamicConv(Transpose(x), w, sw, zw))
 *
 * with constant w, sw and zw. Either Transpose may be absent, or stand on the other side of the Cast: what quantizes has one range for
 * all elements, in whatever order. The Add of a constant bias after it, and what that clamps to, becomes part of it.
 */
import type { Node } from '../graph/graph.js';
import { Tensor } from '../tensor.js';
import { clamps, onlyReader, otherInput } from './chains.js';
import { Edit } from './edit.js';
import type { Pass } from './pass.js';

export const fuseDynamicConv: Pass = {
  name: 'fuse-dynamic-conv',
  run(graph) {
    if (!graph.nodes.some(({ op }) => op === 'ConvInteger' || op === 'DynamicConv')) return { graph, nodes: [] };
    const edit = new Edit(graph);
    for (const node of graph.nodes) {
      if (node.op === 'ConvInteger') fuseConvolution(edit, node);
      if (node.op === 'DynamicConv') fuseBias(edit, node);
    }
    return edit.finish();
  },
};

function fuseConvolution(edit: Edit, node: Node): void {
  const [q, w, z, wZeroPoint = ''] = node.inputs as readonly [string, string, string?, string?];
  const producer = edit.producer(q);
  const turned = producer?.op === 'Transpose' ? producer : undefined;
  const quantize = turned === undefined ? producer : edit.producer(turned.inputs[0]!);
  const quantized = turned?.inputs[0] ?? q;
  if (quantize?.op !== 'DynamicQuantizeLinear' || quantize.outputs[0] !== quantized || quantize.outputs[2] !== z) return;
  const chain = castAndTranspose(edit, node);
  const end = chain?.at(-1);
  const product = end && onlyReader(edit, end, 'Mul');
  if (chain === undefined || product === undefined || clamps(product)) return;
  const scales = edit.producer(otherInput(product, end!.outputs[0]!) ?? '');
  if (scales?.op !== 'Mul' || clamps(scales)) return;
  const wScale = otherInput(scales, quantize.outputs[1] ?? '') ?? '';
  const { constants } = edit.graph;
  const isOne = constants.get(wScale)?.data.length === 1 && edit.value(scales.outputs[0]!).dims.length <= 4;
  if (!isOne || constants.get(wScale)!.dims.length > 1 || !constants.has(w)) return;
  if (wZeroPoint !== '' && !constants.has(wZeroPoint)) return;
  if (constants.get(wZeroPoint) !== undefined && constants.get(wZeroPoint)!.dims.length > 1) return;
  const [x] = quantize.inputs as readonly [string];
  const back = chain.find(({ op }) => op === 'Transpose');
  if (!edit.claim(node, ...chain, product)) return;
  const images = turned === undefined ? x : edit.freshName(x);
  const result = back === undefined ? product.outputs[0]! : edit.freshName(product.outputs[0]!);
  const convolution: Node = { ...node, op: 'DynamicConv', inputs: [images, w, wScale, wZeroPoint], outputs: [result] };
  const before: Node[] = [];
  if (turned !== undefined) {
    edit.setValue({ name: images, type: 'float32', dims: edit.value(q).dims });
    before.push({ ...turned, name: edit.freshName(turned.name), inputs: [x], outputs: [images] });
  }
  if (back === undefined) {
    edit.replace(product, ...before, convolution);
  } else {
    edit.setValue({ name: result, type: 'float32', dims: edit.value(node.outputs[0]!).dims });
    edit.replace(product, ...before, convolution, { ...back, inputs: [result], outputs: product.outputs });
  }
  for (const gone of [node, ...chain]) edit.replace(gone);
}

/** The Cast to float32 after it, and a Transpose before or after that. */
function castAndTranspose(edit: Edit, node: Node): readonly Node[] | undefined {
  const chain: Node[] = [];
  for (let last = node; chain.length < 2; last = chain.at(-1)!) {
    const missing = (['Cast', 'Transpose'] as const).filter((op) => chain.every((other) => other.op !== op));
    const next = missing.map((op) => onlyReader(edit, last, op)).find((reader) => reader !== undefined);
    if (next === undefined) break;
    chain.push(next);
  }
  return chain.find(({ op }) => op === 'Cast')?.attributes.to === 'float32' ? chain : undefined;
}

/** An Add of one number for each channel, which is the last dimension. */
function fuseBias(edit: Edit, node: Node): void {
  const add = node.inputs.length < 5 && (node.attributes.activation ?? 'none') === 'none' && onlyReader(edit, node, 'Add');
  if (!add) return;
  const [y] = node.outputs as readonly [string];
  const bias = otherInput(add, y) ?? '';
  const tensor = edit.graph.constants.get(bias);
  const channels = edit.value(y).dims.at(-1);
  if (tensor?.type !== 'float32' || tensor.dims.length > 4 || tensor.data.length !== channels) return;
  if (tensor.dims.at(-1) !== channels || !edit.claim(node, add)) return;
  const vector = tensor.dims.length === 1 ? bias : edit.freshName(bias);
  if (vector !== bias) {
    edit.setConstant(
      { name: vector, type: 'float32', dims: [tensor.data.length] },
      new Tensor('float32', tensor.data as Float32Array, [tensor.data.length]),
    );
  }
  const [x, w, scale, zeroPoint = ''] = node.inputs as readonly [string, string, string, string?];
  const attributes = { ...node.attributes, activation: add.attributes.activation ?? 'none' };
  edit.replace(add, { ...node, attributes, inputs: [x, w, scale, zeroPoint, vector], outputs: add.outputs });
  edit.replace(node);
}
