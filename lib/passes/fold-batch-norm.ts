/**
 * What scales and shifts each channel of a float convolution, into its weights and bias: BatchNorm, and Mul, Add and Sub with a
 * constant for each channel; also behind an Add or a Concat of such convolutions. A BatchNorm elsewhere becomes a Mul and an Add.
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

/** A node whose output channels can be scaled and shifted: its weights and bias are known. */
interface Layer {
  readonly node: Node;
  readonly weights: Tensor;
  readonly bias: Tensor | undefined;
  /** The output channels' among the dimensions of the weights. */
  readonly axis: number;
}

function layerOf({ graph: { constants } }: Edit, node: Node | undefined, channels: number): Layer | undefined {
  if (node === undefined || !foldedInto.has(node.op) || !isPlain(node)) return undefined;
  const weights = constants.get(node.inputs[1]!);
  const b = node.inputs[2] ?? '';
  const bias = b === '' ? undefined : constants.get(b);
  if (weights?.type !== 'float32' || (b !== '' && bias?.type !== 'float32')) return undefined;
  const axis = weightsAxis(node, weights);
  return axis === undefined || weights.dims[axis] !== channels ? undefined : { node, weights, bias, axis };
}

function isPlain({ attributes }: Node): boolean {
  return (attributes.activation ?? 'none') === 'none';
}

function fold(edit: Edit, source: Node, node: Node, affine: Affine): boolean {
  if (source.op === 'Add' || source.op === 'Concat') return foldIntoParts(edit, source, node, affine);
  const layer = layerOf(edit, source, affine.factor.length);
  if (layer === undefined || !edit.claim(node, source)) return false;
  scale(edit, layer, affine, node.outputs[0]!);
  edit.replace(node);
  return true;
}

/**
 * Through a sum, or through what puts parts side by side, into all that is summed or put there, each of which must be a layer that
 * nothing else reads:
 *
 *     (a + b) · f + s = (a · f + s) + b · f
 */
function foldIntoParts(edit: Edit, source: Node, node: Node, affine: Affine): boolean {
  const affines = isPlain(source) ? partsOf(edit, source, affine) : undefined;
  if (affines === undefined) return false;
  const layers = source.inputs.map((name, i) => {
    return edit.isReadOnce(name) ? layerOf(edit, edit.producer(name), affines[i]!.factor.length) : undefined;
  });
  const known = layers.filter((layer) => layer !== undefined);
  if (known.length < layers.length || !edit.claim(node, source, ...known.map((layer) => layer.node))) return false;
  const inputs = source.inputs.map((name, i) => {
    const scaled = edit.freshName(name);
    edit.setValue({ ...edit.value(name), name: scaled });
    scale(edit, known[i]!, affines[i]!, scaled);
    return scaled;
  });
  edit.replace(source, { ...source, inputs, outputs: node.outputs });
  edit.replace(node);
  return true;
}

/** What happens to each input of a sum or of a Concat; undefined where an input repeats along a dimension. */
function partsOf(edit: Edit, { op, inputs, attributes }: Node, { factor, summand }: Affine): readonly Affine[] | undefined {
  const shapes = inputs.map((name) => edit.value(name).dims);
  if (op === 'Add') {
    const isSame = shapes.every((dims) => String(dims) === String(shapes[0]));
    return isSame
      ? [
          { factor, summand },
          { factor, summand: new Float64Array(summand.length) },
        ]
      : undefined;
  }
  const [axis, rank] = [attributes.axis as number, shapes[0]!.length];
  if ((axis < 0 ? axis + rank : axis) !== rank - 1) return inputs.map(() => ({ factor, summand }));
  let start = 0;
  return shapes.map((dims) => {
    const end = start + (dims.at(-1) as number);
    const part = { factor: factor.subarray(start, end), summand: summand.subarray(start, end) };
    start = end;
    return part;
  });
}

/** The layer with what it computes scaled and shifted, as the value `output`. */
function scale(edit: Edit, { node, weights, bias, axis }: Layer, { factor, summand }: Affine, output: string): void {
  const inner = weights.dims.slice(axis + 1).reduce((size, dim) => size * dim, 1);
  const scaled = (weights.data as Float32Array).slice();
  for (let i = 0, c = 0; i < scaled.length; c = c + 1 === factor.length ? 0 : c + 1) {
    for (const end = i + inner; i < end; i++) scaled[i]! *= factor[c]!;
  }
  const old = bias?.data as Float32Array | undefined;
  const shifted = Float32Array.from(summand, (value, c) => (old?.[c] ?? 0) * factor[c]! + value);
  const [w, b] = [node.inputs[1]!, node.inputs[2] ?? ''];
  const names = { w: edit.freshName(w), b: edit.freshName(b || `${w}/bias`) };
  edit.setConstant({ name: names.w, type: 'float32', dims: weights.dims }, new Tensor('float32', scaled, weights.dims));
  edit.setConstant({ name: names.b, type: 'float32', dims: [shifted.length] }, new Tensor('float32', shifted));
  edit.replace(node, { ...node, inputs: [node.inputs[0]!, names.w, names.b], outputs: [output] });
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
