/**
 * A transposed convolution of stride s as an ordinary one that computes an s x s block of the output for each place, and what lays
 * the blocks side by side:
 *
 *     TransposeConv2D(s)     =>     Conv2D, of s·s times the channels -> DepthToSpace(s) -> Slice
 *
 * Output u = s·q + r (counted with its padding) sums x[q - t] · w[r + s·t]: for each r the kernel has every s-th tap, T = ceil(K / s)
 * of them, some of which are zeros. The products are the same, so the sums of integers are too.
 */
import type { Node, Value } from '../graph/graph.js';
import { AttributeReader } from '../ops/op.js';
import { realZero } from '../ops/storage.js';
import { outputExtent, type TransposeConv2dAttributes, transposeConv2d } from '../ops/transpose-conv2d.js';
import type { QParams } from '../quant/qparams.js';
import { type DataType, Tensor, type TensorData } from '../tensor.js';
import { Edit, type KnownValue, staticDims } from './edit.js';
import type { Pass } from './pass.js';

type Dims4 = readonly [number, number, number, number];

export const expandTransposeConvolution: Pass = {
  name: 'transpose-convolution',
  run(graph) {
    const edit = new Edit(graph);
    for (const node of graph.nodes) if (node.op === 'TransposeConv2D') expand(edit, node);
    return edit.finish();
  },
};

/** Taps that blocks add to a kernel may be many where strides are larger than it. */
const maxWeights = 2 ** 24;

function expand(edit: Edit, node: Node): void {
  const attributes = transposeConv2d.parse(new AttributeReader(node)) as TransposeConv2dAttributes;
  const { window, groups } = attributes;
  const [s, other] = window.strides;
  const [x, w, y] = [node.inputs[0]!, node.inputs[1]!, node.outputs[0]!].map((name) => edit.value(name)) as [
    KnownValue,
    KnownValue,
    KnownValue,
  ];
  const [from, to, kernel] = [staticDims(x), staticDims(y), staticDims(w)] as (Dims4 | undefined)[];
  const weights = edit.graph.constants.get(w.name);
  const bias = node.inputs[2] ? edit.graph.constants.get(node.inputs[2]) : undefined;
  if (from === undefined || to === undefined || kernel === undefined || weights === undefined) return;
  if (groups !== 1 || s !== other || window.dilations.some((dilation) => dilation !== 1)) return;
  if ((node.inputs[2] && bias === undefined) || ![x, w, y].every(isPlain)) return;
  const [channels, kernelHeight, kernelWidth, depth] = kernel;
  const taps = [Math.ceil(kernelHeight / s), Math.ceil(kernelWidth / s)] as const;
  if (s * s * channels * taps[0] * taps[1] * depth > maxWeights || !edit.claim(node)) return;

  const inputs = [x, w].map(({ name, type, qparams }, i) => {
    return { name, type, dims: i === 0 ? from : kernel, ...(qparams !== undefined && { qparams }) };
  });
  const context = { node, attributes, inputs, numerics: edit.graph.numerics };
  const before = [outputExtent(context, 0).before, outputExtent(context, 1).before] as const;
  // Places of blocks that the output reaches into, and how far the kernel then reaches beyond x
  const places = [0, 1].map((axis) => Math.floor((before[axis]! + to[axis + 1]! - 1) / s) + 1) as [number, number];
  const after = places.map((count, axis) => Math.max(0, count - from[axis + 1]!)) as [number, number];
  const rows = places.map((_, axis) => from[axis + 1]! + after[axis]!) as [number, number];

  const wide = repeatedWeights(edit, w, weights, kernel, s, taps);
  const wideBias = bias === undefined ? [] : [repeated(edit, edit.value(node.inputs[2]!), bias, s * s)];
  const named = (name: string, dims: readonly number[]): string => {
    const fresh = edit.freshName(name);
    edit.setValue({ name: fresh, type: y.type, dims, ...(y.qparams && { qparams: y.qparams }) });
    return fresh;
  };
  const blocks = named(y.name, [from[0], rows[0], rows[1], s * s * channels]);
  const whole = named(y.name, [from[0], rows[0] * s, rows[1] * s, channels]);
  const pads = [taps[0] - 1, taps[1] - 1, after[0], after[1]];
  edit.replace(
    node,
    {
      name: node.name,
      op: 'Conv2D',
      attributes: { strides: [1, 1], dilations: [1, 1], pads, activation: attributes.activation, groups: 1 },
      inputs: [x.name, wide, ...wideBias],
      outputs: [blocks],
    },
    { name: edit.freshName(node.name), op: 'DepthToSpace', attributes: { block: s }, inputs: [blocks], outputs: [whole] },
    {
      name: edit.freshName(node.name),
      op: 'Slice',
      attributes: { begin: [0, ...before, 0], size: [...to] },
      inputs: [whole],
      outputs: [y.name],
    },
  );
}

/** Floats, or 8 bits; what has 16 has sums of 64. */
function isPlain({ type }: Value): boolean {
  return type === 'float32' || type === 'int8' || type === 'uint8';
}

/** [O, KH, KW, C] as [s·s·O, T, T, C]: for row ry and column rx of the block, tap j is tap r + s·(T - 1 - j) of the kernel. */
function repeatedWeights(
  edit: Edit,
  value: KnownValue,
  { type, data }: Tensor,
  [channels, height, width, depth]: Dims4,
  s: number,
  [tapRows, tapColumns]: readonly [number, number],
): string {
  const source = data as Float32Array;
  const dims = [s * s * channels, tapRows, tapColumns, depth];
  const wide = new (source.constructor as typeof Float32Array)(dims.reduce((size, dim) => size * dim, 1));
  const zeros = value.qparams?.zeroPoint;
  if (typeof zeros === 'number') wide.fill(realZero(value));
  let target = 0;
  for (let block = 0; block < s * s; block++) {
    for (let o = 0; o < channels; o++) {
      if (typeof zeros === 'object') wide.fill(zeros[o]!, target, target + tapRows * tapColumns * depth);
      for (let j = 0; j < tapRows * tapColumns; j++, target += depth) {
        const ky = Math.floor(block / s) + s * (tapRows - 1 - Math.floor(j / tapColumns));
        const kx = (block % s) + s * (tapColumns - 1 - (j % tapColumns));
        if (ky >= height || kx >= width) continue;
        const start = ((o * height + ky) * width + kx) * depth;
        wide.set(source.subarray(start, start + depth), target);
      }
    }
  }
  const name = edit.freshName(value.name);
  const qparams = value.qparams && perChannelRepeated(value.qparams, s * s);
  edit.setConstant(
    { name, type, dims, ...(qparams && { qparams }) },
    new Tensor<DataType>(type, wide as TensorData<DataType>, dims),
  );
  return name;
}

function repeated(edit: Edit, value: KnownValue, { type, data }: Tensor, times: number): string {
  const source = data as Float32Array;
  const wide = new (source.constructor as typeof Float32Array)(source.length * times);
  for (let i = 0; i < times; i++) wide.set(source, i * source.length);
  const name = edit.freshName(value.name);
  const qparams = value.qparams && perChannelRepeated(value.qparams, times);
  const tensor = new Tensor<DataType>(type, wide as TensorData<DataType>);
  edit.setConstant({ name, type, dims: [wide.length], ...(qparams && { qparams }) }, tensor);
  return name;
}

function perChannelRepeated({ scale, zeroPoint, ...rest }: QParams, times: number): QParams {
  const scales =
    typeof scale === 'number' ? scale : Float32Array.from({ length: scale.length * times }, (_, i) => scale[i % scale.length]!);
  const zeros =
    typeof zeroPoint === 'number'
      ? zeroPoint
      : Int32Array.from({ length: zeroPoint.length * times }, (_, i) => zeroPoint[i % zeroPoint.length]!);
  return { ...rest, scale: scales, zeroPoint: zeros };
}
