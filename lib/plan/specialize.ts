/** A graph for one combination of input shapes: all shapes are numbers, and what only works them out is gone. */
import type { Graph, Node, Value } from '../graph/graph.js';
import type { Operand } from '../ops/op.js';
import type { Tensor } from '../tensor.js';
import { inferGraph, type KnownInput } from './infer.js';
import type { ResolvedNode } from './resolve.js';

/** Whether all values are declared, so that passes can work on the graph as it is. */
export function isDeclared({ nodes, values }: Graph): boolean {
  return nodes.every(
    ({ op, outputs }) => op !== 'If' && op !== 'Loop' && outputs.every((name) => values.get(name)?.dims !== undefined),
  );
}

/** Throws as `inferGraph` does. */
export function specializeGraph(graph: Graph, nodes: readonly ResolvedNode[], given: ReadonlyMap<string, KnownInput>): Graph {
  const inference = inferGraph(graph, nodes, given);
  const running = inference.nodes.filter(({ isFolded }) => !isFolded);
  const values = new Map<string, Value>();
  const constants = new Map<string, Tensor>();
  const keep = ({ name, type, dims, qparams, constant }: Operand) => {
    values.set(name, { name, type, dims, ...(qparams !== undefined && { qparams }) });
    if (constant !== undefined) constants.set(name, constant);
  };
  for (const { inputs, outputs } of running) {
    for (const operand of [...inputs, ...outputs]) if (operand !== undefined) keep(operand);
  }
  const ends = [...graph.inputs, ...graph.outputs, ...graph.states.flatMap(({ current, next }) => [current, next])];
  for (const name of ends) keep(inference.operands.get(name)!);
  return { ...graph, values, constants, nodes: running.map(({ node }): Node => node) };
}
