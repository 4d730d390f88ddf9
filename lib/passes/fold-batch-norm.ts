/**
 * What scales and shifts each channel of a float convolution, into its weights and bias: BatchNorm, and Mul, Add and Sub with a
 * constant for each channel. A BatchNorm elsewhere becomes a Mul and an Add.
 *
 *     (W x + b) · f + s = (W · f) x + (b · f + s)
 *
 * Of real numbers alone, whose roundings are then others: within the bound that float kernels state, not to the bit.
 */
import type { Node } from '../graph/graph.js';
import { Tensor } from '../tensor.js';
import { Edit, staticDims } from './edit.js';
import type { Pass } from './pass.js';

/** y = x · factor + summand, each for one channel or for all. */
interface Affine {
  readonly factor: Float64Array;
  readonly summand: Float64Array;
}

const foldedInto: ReadonlySet<string> = new Set(['Conv2D', 'DepthwiseConv2D', 'FullyConnected', 'MatMul']);

/** Where the output channels are among the dimensions of the weights. */
function weightsAxis({ op, attributes }: Node, { dims }: Tensor): number | undefined {
  if (op === 'MatMul') return dims.length !== 2 ? undefined : attributes.transposeB === true ? 0 : 1;
  return op === 'DepthwiseConv2D' ? 3 : op === 'Conv2D' || op === 'FullyConnected' ? 0 : undefined;
}

export const foldBatchNorm: Pass = {
  name: 'fold-batch-norm',
  run(graph) {
    const edit = new Edit(graph);
    for (const node of graph.nodes) {
      const input = inputOf(edit, node);
      const dims = input === undefined ? undefined : staticDims(edit.value(input));
      const affine = dims && affineOf(edit, node, dims);
      if (input === undefined || dims === undefined || affine === undefined) continue;
      const source = edit.producer(input);
      const isLast = node.op !== 'BatchNorm' || channelAxis(node, dims.length) === dims.length - 1;
      if (isLast && source !== undefined && edit.isReadOnce(input) && fold(edit, source, node, affine)) continue;
      if (node.op === 'BatchNorm') spell(edit, node, affine, dims);
    }
    return edit.finish();
  },
};

/** The input that is no constant, where the node is one of those that count. */
function inputOf(edit: Edit, { op, inputs, attributes }: Node): string | undefined {
  if (op === 'BatchNorm') return inputs[0]!;
  if ((op !== 'Mul' && op !== 'Add' && op !== 'Sub') || (attributes.activation ?? 'none') !== 'none') return undefined;
  const [first, second] = inputs.map((name) => edit.graph.constants.has(name)) as [boolean, boolean];
  if (second && !first) return inputs[0]!;
  return first && !second && op !== 'Sub' ? inputs[1]! : undefined;
}

function channelAxis({ attributes }: Node, rank: number): number {
  const axis = (attributes.axis ?? 1) as number;
  return axis < 0 ? axis + rank : axis;
}

function affineOf(edit: Edit, node: Node, dims: readonly number[]): Affine | undefined {
  const { constants } = edit.graph;
  if (edit.value(node.outputs[0]!).type !== 'float32') return undefined;
  const numbers = (name: string) => constants.get(name)?.data as Float32Array | undefined;
  if (node.op === 'BatchNorm') {
    const [scale, bias, mean, variance] = node.inputs.slice(1).map(numbers);
    if (!scale || !bias || !mean || !variance) return undefined;
    const epsilon = (node.attributes.epsilon ?? 1e-5) as number;
    const factor = Float64Array.from(scale, (value, c) => value / Math.sqrt(variance[c]! + epsilon));
    return { factor, summand: Float64Array.from(bias, (value, c) => value - mean[c]! * factor[c]!) };
  }
  const name = node.inputs.find((each) => constants.has(each))!;
  const { type, dims: own, data } = constants.get(name)!;
  const channels = dims.at(-1)!;
  const isPerChannel =
    own.length <= dims.length && own.every((dim, i) => dim === 1 || (i === own.length - 1 && dim === channels));
  if (type !== 'float32' || !isPerChannel) return undefined;
  const values = Float64Array.from({ length: channels }, (_, c) => (data as Float32Array)[data.length === 1 ? 0 : c]!);
  const ones = new Float64Array(channels).fill(1);
  if (node.op === 'Mul') return { factor: values, summand: new Float64Array(channels) };
  return { factor: ones, summand: node.op === 'Sub' ? values.map((value) => -value) : values };
}

function fold(edit: Edit, source: Node, node: Node, { factor, summand }: Affine): boolean {
  const { constants } = edit.graph;
  if (!foldedInto.has(source.op) || (source.attributes.activation ?? 'none') !== 'none') return false;
  const [w, b] = [source.inputs[1]!, source.inputs[2] ?? ''];
  const weights = constants.get(w);
  const bias = b === '' ? undefined : constants.get(b);
  const isKnown = weights?.type === 'float32' && (b === '' || bias?.type === 'float32');
  const axis = isKnown ? weightsAxis(source, weights) : undefined;
  if (!isKnown || axis === undefined || weights.dims[axis] !== factor.length || !edit.claim(node, source)) return false;

  const inner = weights.dims.slice(axis + 1).reduce((size, dim) => size * dim, 1);
  const scaled = (weights.data as Float32Array).slice();
  for (let i = 0, c = 0; i < scaled.length; c = c + 1 === factor.length ? 0 : c + 1) {
    for (const end = i + inner; i < end; i++) scaled[i]! *= factor[c]!;
  }
  const old = bias?.data as Float32Array | undefined;
  const shifted = Float32Array.from(summand, (value, c) => (old?.[c] ?? 0) * factor[c]! + value);
  const names = { w: edit.freshName(w), b: edit.freshName(b || `${w}/bias`) };
  edit.setConstant({ name: names.w, type: 'float32', dims: weights.dims }, new Tensor('float32', scaled, weights.dims));
  edit.setConstant({ name: names.b, type: 'float32', dims: [shifted.length] }, new Tensor('float32', shifted));
  edit.replace(source, { ...source, inputs: [source.inputs[0]!, names.w, names.b], outputs: node.outputs });
  edit.replace(node);
  return true;
}

/** A Mul and an Add with constants that repeat along all dimensions but the channels'. */
function spell(edit: Edit, node: Node, { factor, summand }: Affine, dims: readonly number[]): void {
  if (!edit.claim(node)) return;
  const axis = channelAxis(node, dims.length);
  const shape = [factor.length, ...dims.slice(axis + 1).map(() => 1)];
  const constant = (values: Float64Array): string => {
    const name = edit.freshName(node.name);
    edit.setConstant({ name, type: 'float32', dims: shape }, new Tensor('float32', Float32Array.from(values), shape));
    return name;
  };
  const between = edit.freshName(node.outputs[0]!);
  edit.setValue({ name: between, type: 'float32', dims });
  const base = { attributes: {} };
  edit.replace(
    node,
    { ...base, name: edit.freshName(node.name), op: 'Mul', inputs: [node.inputs[0]!, constant(factor)], outputs: [between] },
    { ...base, name: node.name, op: 'Add', inputs: [between, constant(summand)], outputs: node.outputs },
  );
}
