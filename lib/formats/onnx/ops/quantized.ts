/** Quantized operators of ONNX: our ordinary ones, on values that know their scales; where scales are computed, sums of integers. */
import type { QParams } from '../../../quant/qparams.js';
import type { DataType } from '../../../tensor.js';
import type { Lowering, Rules } from '../lowering.js';
import type { OnnxNode } from '../node.js';
import { convolution, integerConvolution } from './convolution.js';
import { fromNhwc } from './images.js';
import { constantQParams } from './scales.js';

export const quantizedRules: Rules = {
  QuantizeLinear: quantizeLinear,
  DequantizeLinear: dequantizeLinear,
  DynamicQuantizeLinear(node, graph) {
    graph.add(node, 'DynamicQuantizeLinear', {}, [node.required(0)], node.outputs);
  },
  QLinearConv: qlinearConv,
  QLinearMatMul: qlinearMatMul,
};

/** Of TensorProto.DataType. */
const typeNames: Readonly<Record<number, string>> = { 2: 'uint8', 3: 'int8', 4: 'uint16', 5: 'int16', 6: 'int32' };

export function quantizeLinear(node: OnnxNode, graph: Lowering): void {
  const x = node.required(0);
  const { qparams, attributes } = readScales(node, graph, outputType(node, graph));
  if (qparams === undefined || graph.typeOf(x) === 'int32') {
    graph.add(node, 'QuantizeLinear', { ...attributes, to: outputType(node, graph) }, node.inputs, node.outputs);
    return;
  }
  const [y] = graph.add(node, 'Quantize', { to: qparams.dtype }, [x], node.outputs);
  graph.withQParams(node, y, qparams);
}

function outputType(node: OnnxNode, graph: Lowering): string {
  const own = graph.typeOf(node.input(2));
  const given = node.int('output_dtype', 0);
  const type = own ?? (given === 0 ? 'uint8' : typeNames[given]);
  if (type !== undefined) return type;
  throw node.error(
    'ERR_UNSUPPORTED_OP',
    `attribute output_dtype: expected integers of 8, 16 or 32 bits, got data type ${given}`,
  );
}

export function dequantizeLinear(node: OnnxNode, graph: Lowering): void {
  const x = node.required(0);
  const { qparams, attributes } = readScales(node, graph, graph.typeOf(x));
  const [y] =
    qparams === undefined
      ? graph.add(node, 'DequantizeLinear', attributes, node.inputs, node.outputs)
      : graph.add(node, 'Dequantize', {}, [graph.withQParams(node, x, qparams)], node.outputs);
  // The shape of weights is what convolutions are chosen by
  const dims = graph.constantOf(x)?.dims;
  if (dims !== undefined) graph.values.set(y, { name: y, type: 'float32', dims });
}

/** For an input of `type`. Blocks, and axes that count from the end of a tensor of unknown rank, are no quantization parameters. */
function readScales(node: OnnxNode, graph: Lowering, type: string | undefined) {
  const axis = node.int('axis', 1);
  const blockSize = node.int('block_size', 0);
  const rank = graph.rankOf(node.required(0));
  const fromStart = axis >= 0 ? axis : rank === undefined ? undefined : axis + rank;
  const qparams = blockSize === 0 ? constantQParams(node, graph, [1, 2], { axis: fromStart, type }) : undefined;
  return { qparams, attributes: { axis, blockSize } };
}

function qlinearConv(node: OnnxNode, graph: Lowering): void {
  const x = constantQParams(node, graph, [1, 2]);
  const weights = constantQParams(node, graph, [4, 5], { axis: 0 });
  const output = constantQParams(node, graph, [6, 7]);
  if (areBytes([x, weights, output]) && x!.dtype === output!.dtype) {
    const own = graph.withQParams(node, node.required(0), x!);
    const quantization = { weights: weights!, output: output! };
    convolution(node, graph, { x: own, w: 3, bias: node.input(8), output: node.outputs[0]!, quantization });
    return;
  }
  const { rank, sums } = integerConvolution(node, graph, [0, 3, 2, 5]);
  const bias = node.input(8);
  const all = bias === '' ? sums : graph.add(node, 'Add', {}, [sums, bias])[0];
  const y = requantized(node, graph, all, { scales: [node.required(1), node.required(4)], output: [6, 7] });
  fromNhwc(node, graph, y, rank, node.outputs[0]!);
}

function areBytes(all: readonly (QParams | undefined)[]): boolean {
  return all.every((qparams) => qparams?.dtype === 'int8' || qparams?.dtype === 'uint8');
}

function qlinearMatMul(node: OnnxNode, graph: Lowering): void {
  const a = constantQParams(node, graph, [1, 2]);
  const rank = graph.rankOf(node.required(3));
  const b = constantQParams(node, graph, [4, 5], { axis: rank === undefined || rank < 2 ? undefined : rank - 1 });
  const output = constantQParams(node, graph, [6, 7]);
  if (areBytes([a, b, output]) && a!.dtype === output!.dtype) {
    const operands = [graph.withQParams(node, node.required(0), a!), graph.withQParams(node, node.required(3), b!)];
    const [y] = graph.add(node, 'MatMul', {}, operands, node.outputs);
    graph.withQParams(node, y, output!);
    return;
  }
  const inputs = [node.required(0), node.required(3), node.input(2), node.input(5)];
  const [sums] = graph.add(node, 'MatMulInteger', {}, inputs);
  const scales = [rowScales(node, graph, node.required(1)), node.required(4)] as const;
  requantized(node, graph, sums, { scales, output: [6, 7] }, node.outputs[0]!);
}

/** A scale for each row as a column. */
function rowScales(node: OnnxNode, graph: Lowering, name: string): string {
  const dims = graph.dimsOf(name);
  if (dims?.length !== 1 || dims[0] === 1) return name;
  return graph.add(node, 'Reshape', { shape: [-1, 1] }, [name])[0];
}

interface Requantization {
  /** Names of those of the two factors. */
  readonly scales: readonly [string, string];
  /** Indices of scale and zero point. */
  readonly output: readonly [number, number];
}

/** saturate(round(f32(sum) · f32(sa·sb) / sy) + zy), from computed scales; they broadcast along the last dimensions. */
function requantized(node: OnnxNode, graph: Lowering, sums: string, { scales, output }: Requantization, name = ''): string {
  const [reals] = graph.add(node, 'Cast', { to: 'float32' satisfies DataType }, [sums]);
  const [products] = graph.add(node, 'Mul', {}, scales);
  const [multipliers] = graph.add(node, 'Div', {}, [products, node.required(output[0])]);
  const [scaled] = graph.add(node, 'Mul', {}, [reals, multipliers]);
  const inputs = [scaled, graph.literal(node, 'float32', [1], []), node.input(output[1])];
  return graph.add(node, 'QuantizeLinear', {}, inputs, [name])[0];
}
