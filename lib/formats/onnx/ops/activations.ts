/** The activations that fused operators of com.microsoft end with, by their names. */
import type { Lowering } from '../lowering.js';
import type { OnnxNode } from '../node.js';

export const fusedActivations = ['', 'Relu', 'Tanh', 'Sigmoid', 'LeakyRelu', 'Clip', 'HardSigmoid'] as const;
export type FusedActivation = (typeof fusedActivations)[number];

/** `parameters`: alpha and beta, or the lowest and the highest value. */
export function activate(
  node: OnnxNode,
  graph: Lowering,
  activation: Exclude<FusedActivation, ''>,
  parameters: readonly number[],
  x: string,
): void {
  const [first = 0, second = 0] = parameters;
  const outputs = node.outputs;
  const literal = (value: number) => graph.literal(node, 'float32', [value], []);
  const clip = (input: string, low: number, high: number) => {
    const [bounded] = graph.add(node, 'Maximum', {}, [input, literal(low)]);
    graph.add(node, 'Minimum', {}, [bounded, literal(high)], outputs);
  };
  if (activation === 'Relu' || activation === 'Tanh') graph.add(node, activation, {}, [x], outputs);
  else if (activation === 'Sigmoid') graph.add(node, 'Logistic', {}, [x], outputs);
  else if (activation === 'LeakyRelu') graph.add(node, 'LeakyRelu', { alpha: first }, [x], outputs);
  else if (activation === 'Clip') clip(x, first, second);
  else {
    const [scaled] = graph.add(node, 'Mul', {}, [x, literal(first)]);
    clip(graph.add(node, 'Add', {}, [scaled, literal(second)])[0], 0, 1);
  }
}
