/** Weights of 4 bits and fewer, two to a byte: INT4 and UINT4 of operator set 21. */
import type { Graph } from '../../graph/graph.js';
import { Tensor } from '../../tensor.js';
import type { ExportGraph } from './export-graph.js';
import type { OnnxValue } from './export-names.js';

/** Of a graph's metadata: that its weights are to be stored so wherever their codes allow it. Readers of older versions refuse that. */
const storageKey = 'octensor.weights';
const packed = 'packed';

export const nibblesOpset = 21;

export function isPacked({ metadata }: Graph): boolean {
  return metadata[storageKey] === packed;
}

export function withPackedWeights(graph: Graph): Graph {
  return { ...graph, metadata: { ...graph.metadata, [storageKey]: packed } };
}

/** The initializers that are written as nibbles: what DequantizeLinear alone reads, and its zero points, which get their own. */
export function packNibbles(graph: ExportGraph): ReadonlySet<OnnxValue> {
  const nibbles = new Set<OnnxValue>();
  const others = new Set(
    graph.nodes.flatMap(({ opType, inputs }) => (opType === 'DequantizeLinear' ? inputs.slice(1) : inputs)),
  );
  for (const [i, node] of graph.nodes.entries()) {
    const [codes, scale, zero] = node.inputs;
    const isWeights = node.opType === 'DequantizeLinear' && codes !== undefined && !others.has(codes);
    if (!isWeights || (codes.tensor?.dims.length ?? 0) < 2 || !fits(codes.tensor) || !fits(zero?.tensor)) continue;
    nibbles.add(codes);
    const { type, data, dims } = zero!.tensor!;
    const own = graph.initializer(`${node.name}/zero`, new Tensor(type, data, dims));
    nibbles.add(own);
    graph.nodes[i] = { ...node, inputs: [codes, scale, own] };
  }
  return nibbles;
}

function fits(tensor: Tensor | undefined): boolean {
  if (tensor?.type !== 'int8' && tensor?.type !== 'uint8') return false;
  const [min, max] = tensor.type === 'int8' ? [-8, 7] : [0, 15];
  return (tensor.data as Int8Array | Uint8Array).every((code) => code >= min && code <= max);
}
