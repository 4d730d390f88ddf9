/** Operators that ONNX Runtime has beside ONNX's: quantized ones, which become ours on values with scales, and fused ones. */
import type { Attributes } from '../../../graph/graph.js';
import type { Lowering, Rules } from '../lowering.js';
import type { OnnxNode } from '../node.js';
import { activate, fusedActivations } from './activations.js';
import { convolution } from './convolution.js';
import { biasOf, gemm } from './matmul.js';
import { matmulNBits } from './microsoft-bits.js';
import { dynamicQuantizeMatMul, matmulIntegerToFloat } from './microsoft-dynamic.js';
import { pool } from './pooling.js';
import { dequantizeLinear, quantizeLinear } from './quantized.js';
import { constantQParams, quantizedInput, tensorQParams } from './scales.js';

export const microsoftRules: Rules = prefixed({
  QuantizeLinear: quantizeLinear,
  DequantizeLinear: dequantizeLinear,
  QLinearAdd: (node, graph) => quantized(node, graph, 'Add', {}, [0, 3], 6),
  QLinearMul: (node, graph) => quantized(node, graph, 'Mul', {}, [0, 3], 6),
  QLinearSigmoid: (node, graph) => quantized(node, graph, 'Logistic', {}, [0], 3),
  QLinearLeakyRelu: (node, graph) => quantized(node, graph, 'LeakyRelu', { alpha: node.float('alpha', 0.01) }, [0], 3),
  QLinearSoftmax(node, graph) {
    const flatten = node.int('opset', 13) < 13;
    quantized(node, graph, 'Softmax', { axis: node.int('axis', flatten ? 1 : -1), flatten }, [0], 3);
  },
  QLinearGlobalAveragePool(node, graph) {
    const images = { allByDefault: true, defaultFrom: 2, keepDims: true };
    const attributes = node.boolean('channels_last') ? { axes: [1, 2], keepDims: true } : images;
    quantized(node, graph, 'Mean', attributes, [0], 3);
  },
  QLinearReduceMean(node, graph) {
    const attributes = { axes: node.ints('axes', []), allByDefault: true, keepDims: node.boolean('keepdims', true) };
    quantized(node, graph, 'Mean', attributes, [0], 3);
  },
  QLinearAveragePool(node, graph) {
    const qparams = tensorQParams(node, graph, 3);
    pool(node, graph, 'AveragePool2D', { x: quantizedInput(node, graph, 0), isNhwc: node.boolean('channels_last'), qparams });
  },
  QLinearConcat(node, graph) {
    const indices = Array.from({ length: Math.ceil((node.inputs.length - 2) / 3) }, (_, i) => 2 + 3 * i);
    quantized(node, graph, 'Concat', { axis: node.int('axis') }, indices, 0);
  },
  QLinearWhere(node, graph) {
    const output = tensorQParams(node, graph, 7);
    const branches = [1, 4].map((index) => {
      const [y] = graph.add(node, 'Quantize', { to: output.dtype }, [quantizedInput(node, graph, index)]);
      return graph.withQParams(node, y, output);
    });
    const [y] = graph.add(node, 'Select', {}, [node.required(0), ...branches], node.outputs);
    graph.withQParams(node, y, output);
  },
  QGemm: quantizedGemm,
  MatMulIntegerToFloat: matmulIntegerToFloat,
  DynamicQuantizeMatMul: dynamicQuantizeMatMul,
  MatMulNBits: matmulNBits,
  FusedConv: fusedConv,
  FusedGemm(node, graph) {
    const activation = node.oneOf('activation', fusedActivations, '');
    if (activation === '' || activation === 'Relu') {
      gemm(node, graph, activation === 'Relu' ? 'relu' : 'none', node.outputs[0]!);
      return;
    }
    const parameters = [node.float('activation_alpha', 0), node.float('activation_beta', 0)];
    const result = graph.freshName(`${node.outputs[0]}/sum`);
    gemm(node, graph, 'none', result);
    activate(node, graph, activation, parameters, result);
  },
  FusedMatMul(node, graph) {
    if (node.boolean('transBatchA') || node.boolean('transBatchB')) {
      throw node.error('ERR_UNSUPPORTED_OP', 'expected batches in front of the matrices, got transBatchA or transBatchB');
    }
    const attributes = { transposeA: node.boolean('transA'), transposeB: node.boolean('transB') };
    const operands = [node.required(0), node.required(1)];
    const alpha = node.float('alpha', 1);
    if (alpha === 1) graph.add(node, 'MatMul', attributes, operands, node.outputs);
    else {
      const [product] = graph.add(node, 'MatMul', attributes, operands);
      graph.add(node, 'Mul', {}, [product, graph.literal(node, 'float32', [alpha], [])], node.outputs);
    }
  },
});

function prefixed(rules: Rules): Rules {
  return Object.fromEntries(Object.entries(rules).map(([name, rule]) => [`com.microsoft.${name}`, rule]));
}

/** One of our operators on inputs that are followed by their scale and zero point; `output` is the index of those of the result. */
function quantized(
  node: OnnxNode,
  graph: Lowering,
  op: string,
  attributes: Attributes,
  inputs: readonly number[],
  output: number,
): void {
  const names = inputs.map((index) => quantizedInput(node, graph, index));
  const [y] = graph.add(node, op, attributes, names, node.outputs);
  graph.withQParams(node, y, tensorQParams(node, graph, output));
}

/** alpha scales the product before anything is rounded: it belongs to the scale of A. */
function quantizedGemm(node: OnnxNode, graph: Lowering): void {
  const own = tensorQParams(node, graph, 1);
  const a = { ...own, scale: Math.fround((own.scale as number) * node.float('alpha', 1)) };
  const transposeB = node.boolean('transB');
  const b = constantQParams(node, graph, [4, 5], { axis: transposeB ? 0 : 1 });
  if (b === undefined)
    throw node.error('ERR_UNSUPPORTED_OP', 'expected constant scales and zero points of B, got computed ones');
  const c = node.input(6);
  const bias = c === '' ? '' : biasOf(node, graph, c, 3);
  if (bias === undefined) throw node.error('ERR_UNSUPPORTED_OP', 'expected a constant C of one element for each column');
  const x = graph.withQParams(node, node.required(0), a);
  let rows = x;
  if (node.boolean('transA')) {
    [rows] = graph.add(node, 'Transpose', { perm: [1, 0] }, [x]);
    rows = graph.withQParams(node, rows, a);
  }
  const to = node.input(7) === '' ? 'float32' : 'input';
  const inputs = [rows, graph.withQParams(node, node.required(3), b), bias];
  const [y] = graph.add(node, 'MatMul', { transposeB, to }, inputs, node.outputs);
  if (to === 'input') graph.withQParams(node, y, tensorQParams(node, graph, 7));
}

/** Conv, then perhaps the sum with a fourth input, then an activation. */
function fusedConv(node: OnnxNode, graph: Lowering): void {
  const activation = node.oneOf('activation', fusedActivations, '');
  const parameters = node.floats('activation_params', []);
  const z = node.input(3);
  const own = { x: node.required(0), w: 1, bias: node.input(2) };
  if (z === '' && (activation === '' || activation === 'Relu')) {
    convolution(node, graph, { ...own, output: node.outputs[0]!, activation: activation === 'Relu' ? 'relu' : 'none' });
    return;
  }
  const result = graph.freshName(`${node.outputs[0]}/convolution`);
  convolution(node, graph, { ...own, output: result });
  if (activation === '') graph.add(node, 'Add', {}, [result, z], node.outputs);
  else activate(node, graph, activation, parameters, z === '' ? result : graph.add(node, 'Add', {}, [result, z])[0]);
}
