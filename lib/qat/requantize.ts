/** From integers to integers, where what is between them adds nothing. */
import type { Graph, Node, Value } from '../graph/graph.js';
import { uniqueNames } from '../graph/unique-names.js';

/** A Quantize and a Dequantize behind each Pad of what a Dequantize gives, by the same parameters: they hold 0, so nothing changes. */
export function requantizePads(graph: Graph): Graph {
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const fresh = uniqueNames([...graph.values.keys(), ...graph.nodes.map(({ name }) => name)]);
  const values = new Map<string, Value>(graph.values);
  const nodes = graph.nodes.flatMap((node): Node[] => {
    const before = producers.get(node.inputs[0] ?? '');
    const qparams = before?.op === 'Dequantize' ? values.get(before.inputs[0]!)?.qparams : undefined;
    if (node.op !== 'Pad' || qparams === undefined) return [node];
    const [output] = node.outputs as [string];
    const [padded, codes] = [fresh(`${output}/float`), fresh(`${output}/quantized`)];
    values.set(padded, { ...values.get(output)!, name: padded });
    values.set(codes, { ...values.get(output)!, name: codes, type: qparams.dtype, qparams });
    const quantize = { op: 'Quantize', attributes: { to: qparams.dtype }, inputs: [padded], outputs: [codes] };
    return [
      { ...node, outputs: [padded] },
      { name: fresh(`${output}/Quantize`), ...quantize },
      { name: fresh(`${output}/Dequantize`), op: 'Dequantize', attributes: {}, inputs: [codes], outputs: [output] },
    ];
  });
  return { ...graph, nodes, values };
}

/** A Quantize of what a Dequantize gives reads the integers. */
export function joinRequantize(graph: Graph): Graph {
  const sources = new Map<string, string>();
  for (const { op, inputs, outputs } of graph.nodes) if (op === 'Dequantize') sources.set(outputs[0]!, inputs[0]!);
  const isByte = (name: string) => ['int8', 'uint8'].includes(graph.values.get(name)?.type ?? '');
  const nodes = graph.nodes.map((node): Node => {
    const source = node.op === 'Quantize' ? sources.get(node.inputs[0]!) : undefined;
    return source !== undefined && isByte(source) ? { ...node, inputs: [source] } : node;
  });
  return { ...graph, nodes };
}
