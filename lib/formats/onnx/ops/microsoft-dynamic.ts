/** Products of matrices whose left side is quantized as it comes: written out as ONNX has them, which is what passes look for. */
import type { Lowering } from '../lowering.js';
import type { OnnxNode } from '../node.js';

/** Y = (A - za) · (B - zb) in integers · (sa · sb) + bias. */
export function matmulIntegerToFloat(node: OnnxNode, graph: Lowering): void {
  const [a, b] = [node.required(0), node.required(1)];
  const operands = { a, aScale: node.required(2), aZeroPoint: node.input(4), b, bScale: node.required(3) };
  realProduct(node, graph, { ...operands, bZeroPoint: node.input(5), bias: node.input(6) });
}

export function dynamicQuantizeMatMul(node: OnnxNode, graph: Lowering): void {
  const [a, aScale, aZeroPoint] = graph.add(node, 'DynamicQuantizeLinear', {}, [node.required(0)], 3) as [
    string,
    string,
    string,
  ];
  const right = { b: node.required(1), bScale: node.required(2), bZeroPoint: node.input(3) };
  realProduct(node, graph, { a, aScale, aZeroPoint, ...right, bias: node.input(4) });
}

interface RealProduct {
  readonly a: string;
  readonly aScale: string;
  readonly aZeroPoint: string;
  readonly b: string;
  readonly bScale: string;
  readonly bZeroPoint: string;
  readonly bias: string;
}

function realProduct(node: OnnxNode, graph: Lowering, operands: RealProduct): void {
  const { a, aScale, aZeroPoint, b, bScale, bZeroPoint, bias } = operands;
  const [sums] = graph.add(node, 'MatMulInteger', {}, [a, b, aZeroPoint, bZeroPoint]);
  const [reals] = graph.add(node, 'Cast', { to: 'float32' }, [sums]);
  const [scales] = graph.add(node, 'Mul', {}, [aScale, bScale]);
  if (bias === '') {
    graph.add(node, 'Mul', {}, [reals, scales], node.outputs);
    return;
  }
  const [products] = graph.add(node, 'Mul', {}, [reals, scales]);
  graph.add(node, 'Add', {}, [products, bias], node.outputs);
}
