/** Takes out nodes none of whose outputs is read, and then constants and values that no node mentions. Inputs and states stay. */
import type { Node } from '../graph/graph.js';
import type { Pass } from './pass.js';

export const eliminateDeadNodes: Pass = {
  name: 'eliminate-dead-nodes',
  run(graph) {
    const needed = new Set([...graph.outputs, ...graph.states.map(({ next }) => next)]);
    const alive = new Set<Node>();
    for (const node of graph.nodes.toReversed()) {
      if (!node.outputs.some((name) => needed.has(name))) continue;
      alive.add(node);
      for (const name of node.inputs) needed.add(name);
    }
    const fixed = [...graph.inputs, ...graph.states.map(({ current }) => current)];
    const mentioned = new Set([...needed, ...fixed, ...[...alive].flatMap(({ outputs }) => outputs)]);
    const isLean = alive.size === graph.nodes.length && [...graph.values.keys()].every((name) => mentioned.has(name));
    if (isLean) return { graph, nodes: [] };
    const only = <T>(map: ReadonlyMap<string, T>) => new Map([...map].filter(([name]) => mentioned.has(name)));
    const dead = graph.nodes.filter((node) => !alive.has(node)).map(({ name }) => name);
    const nodes = graph.nodes.filter((node) => alive.has(node));
    return { graph: { ...graph, nodes, values: only(graph.values), constants: only(graph.constants) }, nodes: dead };
  },
};
