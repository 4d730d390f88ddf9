/** MatMul, Gemm, MatMulInteger. */
import type { Lowering, Rules } from '../lowering.js';
import type { OnnxNode } from '../node.js';

export const matmulRules: Rules = {
  MatMul(node, graph) {
    graph.add(node, 'MatMul', {}, [node.required(0), node.required(1)], node.outputs);
  },
  MatMulInteger(node, graph) {
    graph.add(
      node,
      'MatMulInteger',
      {},
      [0, 1, 2, 3].map((index) => node.input(index)),
      node.outputs,
    );
  },
  Gemm: (node, graph) => gemm(node, graph, 'none', node.outputs[0]!),
};

/** y = alpha · A · B + beta · C. What is added to whole rows of the product is its bias, unless the product is scaled first. */
export function gemm(node: OnnxNode, graph: Lowering, activation: 'none' | 'relu', output: string): void {
  const [alpha, beta] = [node.float('alpha', 1), node.float('beta', 1)];
  const attributes = { transposeB: node.boolean('transB') };
  const a = node.required(0);
  const rows = node.boolean('transA') ? graph.add(node, 'Transpose', { perm: [1, 0] }, [a])[0] : a;
  const operands = [rows, node.required(1)];
  const c = beta === 0 ? '' : node.input(2);
  const bias = alpha === 1 ? biasOf(node, graph, c, 1) : undefined;
  if (c === '' && alpha === 1) graph.add(node, 'MatMul', { ...attributes, activation }, operands, [output]);
  else if (bias !== undefined) {
    const inputs = [...operands, scaled(node, graph, bias, beta)];
    graph.add(node, 'MatMul', { ...attributes, activation }, inputs, [output]);
  } else {
    const [product] = graph.add(node, 'MatMul', attributes, operands);
    if (c === '') scaled(node, graph, product, alpha, output, activation);
    else {
      const sum = [scaled(node, graph, product, alpha), scaled(node, graph, c, beta)];
      graph.add(node, 'Add', { activation }, sum, [output]);
    }
  }
}

/** A value times a number. */
function scaled(node: OnnxNode, graph: Lowering, x: string, factor: number, output?: string, activation = 'none'): string {
  if (factor === 1 && output === undefined) return x;
  const type = graph.typeOf(x) ?? graph.typeOf(node.required(0)) ?? 'float32';
  const inputs = [x, graph.literal(node, type === 'float64' ? type : 'float32', [factor], [])];
  return graph.add(node, 'Mul', { activation }, inputs, output === undefined ? 1 : [output])[0];
}

/** C as a vector of N elements, where it is known to be one; undefined where it is broadcast otherwise. `b`: B's index. */
export function biasOf(node: OnnxNode, graph: Lowering, c: string, b: number): string | undefined {
  const columns = graph.dimsOf(node.required(b))?.at(node.boolean('transB') ? 0 : 1);
  const dims = graph.dimsOf(c);
  if (dims === undefined || dims.length < 1 || dims.length > 2 || dims.at(-1) !== columns) return undefined;
  if (dims.length === 1) return c;
  return dims[0] === 1 ? graph.add(node, 'Reshape', { shape: [columns as number] }, [c])[0] : undefined;
}
