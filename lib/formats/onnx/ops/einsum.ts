/** Einsum: as a matrix product, which is fast, where the equation is one of two operands; else as it is. */
import { type Label, parseEquation } from '../../../ops/einsum-equation.js';
import type { Lowering } from '../lowering.js';
import type { OnnxNode } from '../node.js';

export function einsum(node: OnnxNode, graph: Lowering): void {
  const equation = node.string('equation');
  const form = matrixForm(equation);
  if (form === undefined || node.inputs.length !== 2) {
    graph.add(node, 'Einsum', { equation }, node.inputs, node.outputs);
    return;
  }
  const { batch, m, k, n, operands, output } = form;
  const [a, transposeA] = arranged(node, graph, node.required(0), operands[0], [...batch, m, k]);
  const [b, transposeB] = arranged(node, graph, node.required(1), operands[1], [...batch, k, n]);
  const own = [...batch, m, n];
  const perm = output.map((label) => own.indexOf(label));
  const isInOrder = perm.every((axis, i) => axis === i);
  const [y] = graph.add(node, 'MatMul', { transposeA, transposeB }, [a, b], isInOrder ? node.outputs : 1);
  if (!isInOrder) graph.add(node, 'Transpose', { perm }, [y], node.outputs);
}

interface MatrixForm {
  readonly batch: readonly Label[];
  readonly m: Label;
  readonly k: Label;
  readonly n: Label;
  readonly operands: readonly [readonly Label[], readonly Label[]];
  readonly output: readonly Label[];
}

/** Two operands that share one label which is summed over, have one each that the other lacks, and perhaps others in common. */
function matrixForm(text: string): MatrixForm | undefined {
  if (text.includes('.')) return undefined;
  const terms = text.replaceAll(' ', '').split('->')[0]!.split(',');
  const equation = parseEquation(
    text,
    terms.map((term) => term.length),
  );
  if (typeof equation === 'string' || terms.length !== 2) return undefined;
  const { operands, output } = equation;
  const [a, b] = operands as readonly [readonly Label[], readonly Label[]];
  if (new Set(a).size !== a.length || new Set(b).size !== b.length) return undefined;
  const summed = a.filter((label) => b.includes(label) && !output.includes(label));
  const [onlyA, onlyB] = [a.filter((label) => !b.includes(label)), b.filter((label) => !a.includes(label))];
  if (summed.length !== 1 || onlyA.length !== 1 || onlyB.length !== 1) return undefined;
  const [k, m, n] = [summed[0]!, onlyA[0]!, onlyB[0]!];
  if (!output.includes(m) || !output.includes(n)) return undefined;
  const batch = output.filter((label) => label !== m && label !== n);
  return { batch, m, k, n, operands: [a, b], output };
}

/** The operand with its dimensions in this order, or with the last two of it exchanged where they stand so already. */
function arranged(
  node: OnnxNode,
  graph: Lowering,
  name: string,
  labels: readonly Label[],
  order: readonly Label[],
): readonly [name: string, isTransposed: boolean] {
  const swapped = [...order.slice(0, -2), order.at(-1)!, order.at(-2)!];
  if (labels.every((label, i) => label === swapped[i])) return [name, true];
  const perm = order.map((label) => labels.indexOf(label));
  if (perm.every((axis, i) => axis === i)) return [name, false];
  return [graph.add(node, 'Transpose', { perm }, [name])[0], false];
}
