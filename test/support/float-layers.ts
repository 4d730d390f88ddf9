/** Float graphs with random weights, for tests of what changes them without changing what they compute. */
import { type Graph, InferenceSession, Tensor, type Value } from 'octensor';
import { float, graphOf, type NodeSketch } from './graphs.js';
import { Random } from './random.js';

/** Normally distributed numbers (Box and Muller), the same for a seed. */
export function normals(seed: number): () => number {
  const random = new Random(seed);
  const uniform = () => (random.uint32() + 0.5) / 2 ** 32;
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

export function normal(dims: readonly number[], seed: number, scaleOf: (index: number) => number = () => 1): Tensor<'float32'> {
  const next = normals(seed);
  const size = dims.reduce((product, dim) => product * dim, 1);
  return new Tensor(
    'float32',
    Float32Array.from({ length: size }, (_, i) => next() * scaleOf(i)),
    dims,
  );
}

/** From `x` to the last node's output, each node named like its output. */
export function floatGraph(
  x: readonly number[],
  dims: Readonly<Record<string, readonly number[]>>,
  constants: Readonly<Record<string, Tensor>>,
  nodes: readonly NodeSketch[],
): Graph {
  const values: Value[] = [float('x', x), ...Object.entries(dims).map(([name, each]) => float(name, each))];
  for (const [name, { type, dims: own }] of Object.entries(constants)) values.push({ name, type, dims: own });
  const named = nodes.map((node) => ({ ...node, name: node.outputs[0]! }));
  return graphOf({ values, inputs: ['x'], outputs: [nodes.at(-1)!.outputs[0]!], nodes: named, constants });
}

export async function runGraph(graph: Graph, x: Tensor): Promise<Float32Array> {
  const session = await InferenceSession.create(graph, { backend: 'reference' });
  const outputs = await session.run({ x });
  return outputs[graph.outputs[0]!]!.data as Float32Array;
}

/** Of the largest value of `expected`. */
export function relativeError(actual: Float32Array, expected: Float32Array): number {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return actual.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0) / largest;
}
