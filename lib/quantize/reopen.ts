/** Open dimensions again, of a graph that was prepared for one shape. */
import type { Dim, Graph, Value } from '../graph/graph.js';
import { inferGraph } from '../plan/infer.js';
import { resolveGraph } from '../plan/resolve.js';

/**
 * The graph for inputs of any shape that `original` declares, if it works for others than it was prepared for: shapes that were worked
 * out may stand in it as numbers. If not, for any size of batch; or else as it is.
 */
export function reopen(graph: Graph, original: Graph, prepared: ReadonlyMap<string, readonly number[]>): Graph {
  const isOpen = (dim: Dim) => typeof dim !== 'number';
  const declared = original.inputs.map((name) => original.values.get(name)!.dims ?? prepared.get(name)!);
  if (!declared.some((dims) => dims.some(isOpen))) return graph;
  for (const canOpen of [() => true, (axis: number) => axis === 0]) {
    const dims = declared.map((list, i) =>
      list.map((dim, axis) => (canOpen(axis) ? dim : prepared.get(graph.inputs[i]!)![axis]!)),
    );
    if (!dims.some((list) => list.some(isOpen))) continue;
    const opened = withInputs(graph, original, new Map(graph.inputs.map((name, i) => [name, dims[i]!])));
    if (worksFor(opened, prepared, dims)) return opened;
  }
  return graph;
}

/** Shapes of what is computed are found out when the graph runs. */
function withInputs(graph: Graph, original: Graph, inputs: ReadonlyMap<string, readonly Dim[]>): Graph {
  // What is made of constants alone has the same shape for any input
  const fixed = new Set(graph.constants.keys());
  for (const node of graph.nodes) {
    if (node.inputs.every((name) => name === '' || fixed.has(name))) for (const name of node.outputs) fixed.add(name);
  }
  const values = [...graph.values].map(([name, value]): [string, Value] => {
    const dims = inputs.get(name) ?? (fixed.has(name) ? value.dims : undefined);
    if (dims !== undefined) return [name, { ...value, dims }];
    const { dims: _, ...rest } = value;
    // The names of open dimensions may be wrong for what is not open any more
    const own = graph.outputs.includes(name)
      ? original.values.get(name)?.dims?.map((dim) => (typeof dim === 'string' ? null : dim))
      : undefined;
    return [name, own === undefined ? rest : { ...rest, dims: own }];
  });
  return { ...graph, values: new Map(values) };
}

/** Tries twice the size of each open dimension; equal names have equal sizes. */
function worksFor(graph: Graph, prepared: ReadonlyMap<string, readonly number[]>, dims: readonly (readonly Dim[])[]): boolean {
  const larger = new Map(
    graph.inputs.map((name, i) => [
      name,
      dims[i]!.map((dim, axis) => (typeof dim === 'number' ? dim : 2 * prepared.get(name)![axis]!)),
    ]),
  );
  try {
    inferGraph(graph, resolveGraph(graph), larger);
    return true;
  } catch {
    return false;
  }
}
