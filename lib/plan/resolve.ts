/** The part of preparing a graph that does not depend on shapes: its structure, operators and attributes. */
import type { Graph, Node } from '../graph/graph.js';
import { verifyGraph } from '../graph/verify.js';
import { ops } from '../ops/index.js';
import { AttributeReader, type Op } from '../ops/op.js';

export interface ResolvedNode {
  readonly node: Node;
  readonly op: Op;
  /** Of `op`'s own type: what its `parse` returned. */
  readonly attributes: unknown;
}

/** Throws as `verifyGraph` does, and for attributes that an operator refuses. */
export function resolveGraph(graph: Graph): readonly ResolvedNode[] {
  verifyGraph(graph, ops);
  return graph.nodes.map(resolveNode);
}

/** Of a node whose operator is known to exist. */
export function resolveNode(node: Node): ResolvedNode {
  const op = ops.get(node.op)!;
  return { node, op, attributes: op.parse(new AttributeReader(node)) };
}
