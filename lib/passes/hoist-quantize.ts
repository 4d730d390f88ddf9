/**
 * Moves each Quantize up to what computes the values that it quantizes, over nodes that only move elements, and over clamps, which
 * stay just before it. Each element is quantized by itself, so the result is the same.
 */
import type { Graph, Node, Value } from '../graph/graph.js';
import { uniqueNames } from '../graph/unique-names.js';
import { clamps, movesElements } from '../ops/integer-forms.js';

/** A value that has to be quantized as soon as it is computed. */
interface Wanted {
  readonly quantize: Node;
  readonly clamp?: Node;
  readonly output: string;
}

/** The graph may lack declarations of values that are not quantized. */
export function hoistQuantize(graph: Graph): Graph {
  const readers = new Map<string, number>();
  for (const name of [...graph.nodes.flatMap(({ inputs }) => inputs), ...graph.outputs]) {
    readers.set(name, (readers.get(name) ?? 0) + 1);
  }
  const producers = new Set(graph.nodes.flatMap(({ outputs }) => outputs));
  const values = new Map<string, Value>(graph.values);
  const fresh = uniqueNames([...graph.values.keys(), ...producers, ...graph.nodes.map(({ name }) => name)]);
  const wanted = new Map<string, Wanted>();
  // From the end: what comes out is in reverse
  const reversed: Node[] = [];
  const isOnlyRead = (name: string) => readers.get(name) === 1 && producers.has(name);

  for (const node of graph.nodes.toReversed()) {
    const [input, output] = [node.inputs[0] ?? '', node.outputs[0] ?? ''];
    if (node.op === 'Quantize' && isOnlyRead(input)) {
      wanted.set(input, { quantize: node, output });
      continue;
    }
    const want = wanted.get(output);
    if (want === undefined || node.outputs.length > 1) {
      for (const each of endsOf(node, wanted)) reversed.push(each);
      reversed.push(node);
      continue;
    }
    if (clamps[node.op] !== undefined && want.clamp === undefined && isOnlyRead(input)) {
      wanted.set(input, { ...want, clamp: node });
      continue;
    }
    const isMovable = movesElements(node) && node.op !== 'Concat' && isOnlyRead(input);
    if (!isMovable) {
      for (const each of endsOf(node, wanted)) reversed.push(each);
      reversed.push(node);
      continue;
    }
    const quantized = values.get(want.output)!;
    const name = fresh(`${input}/quantized`);
    values.set(name, { name, type: quantized.type, qparams: quantized.qparams! });
    wanted.set(input, { ...want, output: name });
    reversed.push({ ...node, inputs: node.inputs.with(0, name), outputs: [want.output] });
  }
  return { ...graph, nodes: reversed.reverse(), values };

  /** The clamps and Quantizes of what a node computes, in reverse. */
  function endsOf({ outputs }: Node, all: ReadonlyMap<string, Wanted>): Node[] {
    return outputs.flatMap((output) => {
      const want = all.get(output);
      if (want === undefined) return [];
      const { quantize, clamp } = want;
      if (clamp === undefined) return [{ ...quantize, inputs: [output], outputs: [want.output] }];
      const between = clamp.outputs[0]!;
      return [
        { ...quantize, inputs: [between], outputs: [want.output] },
        { ...clamp, inputs: [output], outputs: [between] },
      ];
    });
  }
}
