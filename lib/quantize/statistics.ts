/** Graphs that compute, beside their values, what observers ask of them: no value has to leave a run, or to outlive its last reader. */
import type { Graph, Node, Value } from '../graph/graph.js';
import { countsLength } from '../ops/histogram.js';
import type { Observer, Statistic } from '../quant/observers.js';
import type { Tensor } from '../tensor.js';

export interface Statistics {
  readonly graph: Graph;
  /** Of the values that tell each observer what it asks, in an order in which `see` is to get them. */
  readonly names: readonly string[];
  readonly see: (name: string, tensor: Tensor) => void;
}

/**
 * A node for each observer of a float32 value of the graph, right behind the node that computes the value. Of a Concat whose parts are
 * observed nothing is computed: its statistic is theirs, taken together.
 */
export function withStatistics(graph: Graph, observers: ReadonlyMap<string, Observer>): Statistics {
  const values = new Map(graph.values);
  const names: string[] = [];
  const sinks = new Map<string, (tensor: Tensor) => void>();
  /** Of the batch that is looked at. */
  const seen = new Map<string, Statistic>();
  const joins = joinsOf(graph, observers);
  const add = (name: string, type: Value['type'], dims: readonly number[], sink: (tensor: Tensor) => void): string => {
    let free = name;
    while (values.has(free) || graph.constants.has(free)) free += "'";
    values.set(free, { name: free, type, dims });
    names.push(free);
    sinks.set(free, sink);
    return free;
  };
  const take = (value: string, own: Statistic): void => {
    observers.get(value)!.take([own]);
    seen.set(value, own);
    for (const { result, parts } of joins.get(value) ?? []) observers.get(result)!.take(parts.map((part) => seen.get(part)!));
  };
  const joined = new Set([...joins.values()].flatMap((all) => all.map(({ result }) => result)));
  const nodeOf = (value: string): Node | undefined => {
    const observer = observers.get(value);
    if (observer === undefined || joined.has(value)) return undefined;
    const { statistic: op } = observer;
    let ends: Float32Array | undefined;
    const outputs = [
      add(`${value} extent`, 'float32', [2], ({ data }) => {
        ends = data as Float32Array;
        if (op === 'Extent') take(value, { ends });
      }),
    ];
    if (op === 'Histogram') {
      const sink = ({ data }: Tensor) => take(value, { ends: ends!, counts: data as Int32Array });
      outputs.push(add(`${value} counts`, 'int32', [countsLength], sink));
    }
    return { name: `${op} of ${value}`, op, attributes: {}, inputs: [value], outputs };
  };
  const nodes = [...graph.inputs.map(nodeOf), ...graph.nodes.flatMap((node) => [node, ...node.outputs.map(nodeOf)])].filter(
    (node) => node !== undefined,
  );
  return { graph: { ...graph, values, nodes }, names, see: (name, tensor) => sinks.get(name)!(tensor) };
}

interface Join {
  readonly result: string;
  readonly parts: readonly string[];
}

/** Results of Concats, by the part that is seen last: those whose parts all have a statistic of their own, of the same kind. */
function joinsOf({ nodes, inputs }: Graph, observers: ReadonlyMap<string, Observer>): ReadonlyMap<string, readonly Join[]> {
  const order = new Map([...inputs, ...nodes.flatMap(({ outputs }) => outputs)].map((name, i) => [name, i]));
  const joins = new Map<string, Join[]>();
  const results = new Set<string>();
  for (const { op, inputs: parts, outputs } of nodes) {
    const result = outputs[0]!;
    const kind = observers.get(result)?.statistic;
    const isWhole = parts.every((part) => observers.get(part)?.statistic === kind && order.has(part) && !results.has(part));
    if (op !== 'Concat' || kind === undefined || !isWhole) continue;
    const last = parts.reduce((a, b) => (order.get(a)! > order.get(b)! ? a : b));
    joins.set(last, [...(joins.get(last) ?? []), { result, parts }]);
    results.add(result);
  }
  return joins;
}
