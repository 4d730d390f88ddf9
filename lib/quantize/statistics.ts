/** Graphs that compute, beside their values, what observers ask of them: no value has to leave a run, or to outlive its last reader. */
import type { Graph, Node, Value } from '../graph/graph.js';
import { countsLength } from '../ops/histogram.js';
import type { Observer } from '../quant/observers.js';
import type { Tensor } from '../tensor.js';

export interface Statistics {
  readonly graph: Graph;
  /** Of the values that tell each observer what it asks, in an order in which `see` is to get them. */
  readonly names: readonly string[];
  readonly see: (name: string, tensor: Tensor) => void;
}

/** A node for each observer of a float32 value of the graph, right behind the node that computes the value. */
export function withStatistics(graph: Graph, observers: ReadonlyMap<string, Observer>): Statistics {
  const values = new Map(graph.values);
  const names: string[] = [];
  const sinks = new Map<string, (tensor: Tensor) => void>();
  const add = (name: string, type: Value['type'], dims: readonly number[], sink: (tensor: Tensor) => void): string => {
    let free = name;
    while (values.has(free) || graph.constants.has(free)) free += "'";
    values.set(free, { name: free, type, dims });
    names.push(free);
    sinks.set(free, sink);
    return free;
  };
  const nodeOf = (value: string): Node | undefined => {
    const observer = observers.get(value);
    if (observer === undefined) return undefined;
    const { statistic: op } = observer;
    let ends: Float32Array | undefined;
    const outputs = [
      add(`${value} extent`, 'float32', [2], ({ data }) => {
        ends = data as Float32Array;
        if (op === 'Extent') observer.take(ends);
      }),
    ];
    if (op === 'Histogram') {
      outputs.push(add(`${value} counts`, 'int32', [countsLength], ({ data }) => observer.take(ends!, data as Int32Array)));
    }
    return { name: `${op} of ${value}`, op, attributes: {}, inputs: [value], outputs };
  };
  const nodes = [...graph.inputs.map(nodeOf), ...graph.nodes.flatMap((node) => [node, ...node.outputs.map(nodeOf)])].filter(
    (node) => node !== undefined,
  );
  return { graph: { ...graph, values, nodes }, names, see: (name, tensor) => sinks.get(name)!(tensor) };
}
