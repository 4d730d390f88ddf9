/**
 * x · sigmoid(alpha · x), spelled out: one Swish (Ramachandran et al. 2017). Of real numbers alone, whose roundings may then be others.
 */
import type { Graph, Node } from '../graph/graph.js';
import type { Pass, Rewrite } from './pass.js';

export const fuseSwish: Pass = { name: 'fuse-swish', run: (graph) => joinSwish(graph) };

interface Spelled {
  readonly x: string;
  readonly alpha: number;
  /** What computes the factor, from the Logistic up. */
  readonly steps: readonly Node[];
}

/** A Swish for each such product that `accepts` lets pass. Values need not be declared. */
export function joinSwish(graph: Graph, accepts: (product: Node, x: string) => boolean = () => true): Rewrite {
  if (!graph.nodes.some(({ op }) => op === 'Logistic')) return { graph, nodes: [] };
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const uses = new Map<string, number>();
  for (const name of [...graph.nodes.flatMap(({ inputs }) => inputs), ...graph.outputs]) {
    uses.set(name, (uses.get(name) ?? 0) + 1);
  }
  for (const { next } of graph.states) uses.set(next, 2);
  const step = (name: string, op: string): Node | undefined => {
    const node = producers.get(name);
    return node?.op === op && uses.get(name) === 1 && (node.attributes.activation ?? 'none') === 'none' ? node : undefined;
  };
  const spelled = ({ op, inputs, attributes }: Node): Spelled | undefined => {
    if (op !== 'Mul' || (attributes.activation ?? 'none') !== 'none') return undefined;
    for (const [x, gate] of [inputs, inputs.toReversed()] as (readonly [string, string])[]) {
      const logistic = step(gate, 'Logistic');
      if (logistic === undefined || !isFloat(graph, x) || !isFloat(graph, gate)) continue;
      const scaled = logistic.inputs[0]!;
      if (scaled === x) return { x, alpha: 1, steps: [logistic] };
      const multiplied = step(scaled, 'Mul');
      const factor = multiplied?.inputs.includes(x) ? multiplied.inputs.find((name) => name !== x) : undefined;
      const alpha = factor === undefined ? undefined : scalarOf(graph, factor);
      if (alpha !== undefined) return { x, alpha, steps: [logistic, multiplied!] };
    }
    return undefined;
  };
  const replaced = new Map<Node, Node | undefined>();
  for (const node of graph.nodes) {
    const found = spelled(node);
    if (found === undefined || !accepts(node, found.x)) continue;
    for (const each of found.steps) replaced.set(each, undefined);
    replaced.set(node, { ...node, op: 'Swish', attributes: { alpha: found.alpha }, inputs: [found.x] });
  }
  if (replaced.size === 0) return { graph, nodes: [] };
  const nodes = graph.nodes.flatMap((node) => (replaced.has(node) ? (replaced.get(node) ?? []) : node));
  return { graph: { ...graph, nodes }, nodes: [...replaced.keys()].map(({ name }) => name) };
}

function isFloat({ values }: Graph, name: string): boolean {
  return (values.get(name)?.type ?? 'float32') === 'float32';
}

/** Of a constant without dimensions of its own that a product would take over. */
function scalarOf({ constants }: Graph, name: string): number | undefined {
  const tensor = constants.get(name);
  return tensor?.type === 'float32' && tensor.dims.length === 0 ? (tensor.data[0] as number) : undefined;
}
