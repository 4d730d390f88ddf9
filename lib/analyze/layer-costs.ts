/** What a layer costs: bytes of its constants and time, float and quantized. */
import type { Graph } from '../graph/graph.js';
import { sizeBytesOf } from '../plan/memory.js';
import { InferenceSession } from '../session.js';
import type { Tensor } from '../tensor.js';
import { feedsFor } from './sides.js';

export interface LayerCost {
  /** Of the node's weights, bias and other constants, also of those that are dequantized for it. */
  readonly bytes: number;
  /** The shortest of several runs. 0 where the node is part of another one. */
  readonly microseconds: number;
  readonly macs: number;
  readonly kernel: string;
}

export interface LayerCosts {
  readonly float: LayerCost;
  readonly quantized: LayerCost;
}

const repetitions = 5;

/** By the names of nodes that both graphs have. The times are this machine's, one thread. */
export async function layerCosts(
  float: Graph,
  quantized: Graph,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<ReadonlyMap<string, LayerCosts>> {
  const [a, b] = [await costsOf(float, feeds), await costsOf(quantized, feeds)];
  return new Map([...b].flatMap(([node, cost]) => (a.has(node) ? [[node, { float: a.get(node)!, quantized: cost }]] : [])));
}

async function costsOf(graph: Graph, feeds: Readonly<Record<string, Tensor>>): Promise<ReadonlyMap<string, LayerCost>> {
  const times = new Map<string, { microseconds: number; macs: number; kernel: string }>();
  const session = await InferenceSession.create(graph, { threads: 1 });
  try {
    for (let i = 0; i < repetitions; i++) {
      await session.run(feedsFor(graph, feeds), { profile: true });
      for (const { node, microseconds, macs, kernel } of session.lastProfile()) {
        const before = times.get(node)?.microseconds ?? Infinity;
        times.set(node, { microseconds: Math.min(before, microseconds), macs, kernel });
      }
    }
  } finally {
    await session.release();
  }
  const bytes = constantBytes(graph);
  const idle = { microseconds: 0, macs: 0, kernel: '' };
  return new Map(graph.nodes.map(({ name }) => [name, { bytes: bytes.get(name)!, ...(times.get(name) ?? idle) }]));
}

function constantBytes({ nodes, constants }: Graph): ReadonlyMap<string, number> {
  const sizeOf = (name: string): number => {
    const tensor = constants.get(name);
    return tensor === undefined ? 0 : sizeBytesOf(tensor);
  };
  const dequantized = new Map<string, string>();
  for (const { op, inputs, outputs } of nodes) if (op === 'Dequantize') dequantized.set(outputs[0]!, inputs[0]!);
  return new Map(
    nodes.map(({ name, inputs }) => [name, inputs.reduce((sum, input) => sum + sizeOf(dequantized.get(input) ?? input), 0)]),
  );
}
