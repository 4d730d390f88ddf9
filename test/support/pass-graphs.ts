/** Graphs for tests of passes, and what is left of them in a line for each node. */
import { type Dim, type Graph, type QParams, Tensor, type Value } from 'octensor';
import { printNode } from '#lib/graph/print.js';
import { type LogEntry, type Pass, runPasses } from '#lib/passes/pass.js';

/** Runs one pass to its end; the nodes as text, without types: `y <- Relu(x)`. */
export function rewritten(graph: Graph, pass: Pass): { graph: Graph; nodes: readonly string[]; log: readonly LogEntry[] } {
  const { graph: after, log } = runPasses(graph, [pass]);
  const nodes = after.nodes.map((node) => printNode(node, after.values).replaceAll(/: \w+\[[^\]]*\]( \([^)]*\))?/g, ''));
  return { graph: after, nodes, log };
}

export const int8 = (scale: number, zeroPoint: number): QParams => ({ dtype: 'int8', scale: Math.fround(scale), zeroPoint });
export const uint8 = (scale: number, zeroPoint: number): QParams => ({ dtype: 'uint8', scale: Math.fround(scale), zeroPoint });

export function quantized(name: string, dims: readonly Dim[], qparams: QParams): Value {
  return { name, type: qparams.dtype, dims, qparams };
}

export function ones(dims: readonly number[]): Tensor<'float32'> {
  return new Tensor('float32', new Float32Array(dims.reduce((product, dim) => product * dim, 1)).fill(1), dims);
}

export function bytes(dims: readonly number[]): Tensor<'int8'> {
  return new Tensor('int8', new Int8Array(dims.reduce((product, dim) => product * dim, 1)).fill(1), dims);
}
