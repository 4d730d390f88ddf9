/** What is done to reals between a Dequantize and a Quantize, done to integers. */
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

const onIntegers: ReadonlySet<string> = new Set(['Clip', 'Pad']);

/** A Clip or a Pad between a Dequantize and a Quantize, which nothing else reads, is one of integers. */
export function joinIntegers(graph: Graph): Graph {
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const readers = new Map<string, number>();
  for (const name of [...graph.nodes.flatMap(({ inputs }) => inputs), ...graph.outputs]) {
    readers.set(name, (readers.get(name) ?? 0) + 1);
  }
  const nodes = graph.nodes.map((node): Node => {
    const between = node.op === 'Quantize' ? producers.get(node.inputs[0]!) : undefined;
    if (between === undefined || !onIntegers.has(between.op) || readers.get(node.inputs[0]!) !== 1) return node;
    const before = producers.get(between.inputs[0]!);
    const name = `${between.name}/integers`;
    return before?.op === 'Dequantize' ? { ...between, name, inputs: before.inputs, outputs: node.outputs } : node;
  });
  // Those of reals are left without a reader
  return { ...graph, nodes };
}
