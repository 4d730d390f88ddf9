/**
 * Products with int16 on either side as products of 8 bits, whose sums int32 holds, and what joins them:
 *
 *     Conv2D(x, w, b)  =>  high, low = SplitInt16(x);  JoinSums(ConvInteger(high, w), ConvInteger(low, w), multipliers, b)
 *
 * FullyConnected and MatMul become MatMulInteger likewise. Of an 8-bit x with an int16 result there is one product. Weights and biases
 * are constants. Where int32 might not hold a sum, the node stays as it is, and is slow: exact all the same.
 */
import type { Attributes, Node } from '../graph/graph.js';
import { isWideProduct, multipliersOf } from '../ops/accumulate.js';
import type { Operand } from '../ops/op.js';
import { centeredWeights, type WeightLayout, weightQParams } from '../ops/weights.js';
import { Tensor } from '../tensor.js';
import { Edit, type KnownValue, staticDims } from './edit.js';
import type { Pass } from './pass.js';

export const splitWideProducts: Pass = {
  name: 'split-wide-products',
  run(graph) {
    if (graph.numerics !== 'onnx' || ![...graph.values.values()].some(({ type }) => type === 'int16'))
      return { graph, nodes: [] };
    const edit = new Edit(graph);
    /** Of each int16 value that was split, its halves: several nodes may read them. */
    const halves = new Map<string, readonly [string, string]>();
    for (const node of graph.nodes) if (products[node.op] !== undefined) split(edit, node, halves);
    return edit.finish();
  },
};

type Dims = readonly number[];

/** How an operator's products are computed from 8-bit operands; undefined where its shapes are none of those. */
interface Form {
  readonly op: 'ConvInteger' | 'MatMulInteger';
  readonly layout: WeightLayout & { readonly kind: 'convolution' | 'matrix' };
  readonly attributes: Attributes;
  /** The shape that x has to have. */
  readonly rows: Dims;
  /** Of the sums. */
  readonly sums: Dims;
  /** Whether the integer product has the weights' last two dimensions the other way round. */
  readonly isTransposed: boolean;
}

const products: Readonly<Record<string, ((node: Node, x: Dims, w: Dims, y: Dims) => Form | undefined) | undefined>> = {
  Conv2D: ({ attributes: { activation: _, to: __, ...attributes } }, x, w, y) => {
    if (x.length !== 4 || w.length !== 4) return undefined;
    const layout = { kind: 'convolution', channels: w[0]!, axis: 0 } as const;
    return { op: 'ConvInteger', layout, attributes, rows: x, sums: y, isTransposed: false };
  },
  FullyConnected: (_, x, w) => {
    const [channels = 0, length = 0] = w;
    const rows = x.reduce((size, dim) => size * dim, 1) / length;
    if (w.length !== 2 || !Number.isInteger(rows)) return undefined;
    const layout = { kind: 'matrix', channels, axis: 0 } as const;
    return { op: 'MatMulInteger', layout, attributes: {}, rows: [rows, length], sums: [rows, channels], isTransposed: true };
  },
  MatMul: ({ attributes: { transposeA, transposeB, to }, inputs }, x, w, y) => {
    const isVector = w.length < 2;
    if ((transposeA === true && x.length > 1) || to === 'float32' || (isVector && inputs[2])) return undefined;
    const isTransposed = transposeB === true && !isVector;
    const axis = isVector ? 0 : w.length - (isTransposed ? 2 : 1);
    const layout = { kind: 'matrix', channels: isVector ? 1 : w[axis]!, axis } as const;
    return { op: 'MatMulInteger', layout, attributes: {}, rows: x, sums: y, isTransposed };
  },
};

function split(edit: Edit, node: Node, halves: Map<string, readonly [string, string]>): void {
  const [x, w, y] = [node.inputs[0]!, node.inputs[1]!, node.outputs[0]!].map((name) => edit.value(name)) as [
    KnownValue,
    KnownValue,
    KnownValue,
  ];
  const bias = node.inputs[2] ?? '';
  const { constants } = edit.graph;
  const weights = constants.get(w.name);
  const [from, to, kernel] = [x, y, w].map(staticDims);
  if (![x, y].every(({ type }) => type.startsWith('int') || type === 'uint8') || weights === undefined) return;
  if (from === undefined || to === undefined || kernel === undefined || (bias !== '' && !constants.has(bias))) return;
  if ([from, kernel].some((dims) => dims.includes(0))) return;
  const [inputs, outputs] = [[operandOf(x, from), operandOf(w, kernel)], [operandOf(y, to)]];
  if (!isWideProduct({ inputs, outputs })) return;
  const form = products[node.op]!(node, from, kernel, to);
  if (form === undefined) return;
  const context = { node, attributes: undefined, numerics: edit.graph.numerics, inputs, outputs };
  const parameters = weightQParams(context, inputs[1]!, form.layout);
  const fits =
    kernel.length > 2 && form.op === 'MatMulInteger'
      ? from.at(-1)! <= longestAnyRow
      : sumsFit(centeredWeights(weights, parameters.zeroPoints, form.layout), form.layout);
  if (!fits || !edit.claim(node)) return;

  const nodes: Node[] = [];
  const add = (op: string, given: readonly string[], results: readonly string[], attributes: Attributes = {}) => {
    nodes.push({ name: edit.freshName(node.name), op, attributes, inputs: given, outputs: results });
    return results[0]!;
  };
  const named = (name: string, type: KnownValue['type'], dims: Dims, qparams = {}): string => {
    const fresh = edit.freshName(name);
    edit.setValue({ name: fresh, type, dims, ...qparams });
    return fresh;
  };
  const constant = (name: string, tensor: Tensor): string => {
    const fresh = edit.freshName(name);
    edit.setConstant({ name: fresh, type: tensor.type, dims: tensor.dims }, tensor);
    return fresh;
  };
  const shaped = (name: string, type: KnownValue['type']) =>
    String(from) === String(form.rows) ? name : add('Reshape', [name], [named(name, type, form.rows)], { shape: form.rows });

  const multipliers = new Tensor('float32', Float32Array.from(multipliersOf(context, form.layout, parameters)));
  const own = form.isTransposed ? constant(w.name, transposed(weights)) : w.name;
  const zeros = parameters.zeroPoints.some((zero) => zero !== 0)
    ? constant(w.name, bytesOf(weights.type, parameters.zeroPoints))
    : '';
  const sumsOf = (operand: string, zeroPoint: string) =>
    add(
      form.op,
      [operand, own, ...(zeroPoint !== '' || zeros !== '' ? [zeroPoint] : []), ...(zeros !== '' ? [zeros] : [])],
      [named(y.name, 'int32', form.sums)],
      form.attributes,
    );

  const sums: string[] = [];
  if (x.type === 'int16') {
    if (!halves.has(x.name)) {
      const both = [named(x.name, 'int8', from), named(x.name, 'uint8', from)] as const;
      add('SplitInt16', [x.name], both);
      halves.set(x.name, both);
    }
    const [high, low] = halves.get(x.name)!;
    sums.push(sumsOf(shaped(high, 'int8'), ''), sumsOf(shaped(low, 'uint8'), ''));
  } else {
    sums.push(sumsOf(shaped(x.name, x.type), constant(x.name, bytesOf(x.type, [x.qparams!.zeroPoint as number]))), '');
  }
  const isSame = String(to) === String(form.sums);
  const result = isSame ? y.name : named(y.name, y.type, form.sums, { qparams: y.qparams });
  const { activation = 'none' } = node.attributes;
  const last = [...sums, constant(y.name, multipliers), ...(bias === '' ? [] : [bias])];
  add('JoinSums', last, [result], { activation, to: y.type });
  if (!isSame) add('Reshape', [result], [y.name], { shape: to });
  // The layer keeps its name, for profiles
  edit.replace(node, ...nodes.map((each) => (each.op === 'JoinSums' ? { ...each, name: node.name } : each)));
}

function operandOf({ name, type, qparams }: KnownValue, dims: Dims): Operand {
  return { name, type, dims, ...(qparams !== undefined && { qparams }) };
}

/** So many products of bytes int32 holds, whatever they are: 255 · 255 · 33,025 < 2^31. */
const longestAnyRow = 33_025;

/** Whether int32 holds the sums of each channel with bytes of any sign. */
function sumsFit(weights: Int16Array, { channels, axis }: WeightLayout): boolean {
  const inner = axis === 0 ? weights.length / channels : 1;
  const sums = new Float64Array(channels);
  for (let i = 0; i < weights.length; i++) {
    const c = Math.floor(i / inner) % channels;
    sums[c] = sums[c]! + Math.abs(weights[i]!);
  }
  return sums.every((sum) => sum * 255 < 2 ** 31);
}

function bytesOf(type: string, values: ArrayLike<number>): Tensor {
  return type === 'int8' ? new Tensor('int8', Int8Array.from(values)) : new Tensor('uint8', Uint8Array.from(values));
}

/** The last two dimensions exchanged. */
function transposed({ type, data, dims }: Tensor): Tensor {
  const [rows, columns] = dims.slice(-2) as [number, number];
  const values = data as Uint8Array;
  const result = new (values.constructor as typeof Uint8Array)(values.length);
  for (let first = 0; first < values.length; first += rows * columns) {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) result[first + j * rows + i] = values[first + i * columns + j]!;
    }
  }
  return new Tensor(type as 'uint8', result, [...dims.slice(0, -2), columns, rows]);
}
