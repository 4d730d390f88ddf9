/** Steps along a chain of operators that are to become one. */
import type { Node } from '../graph/graph.js';
import type { Edit } from './edit.js';

/** The node that alone reads a node's only output, if it is of this operator. */
export function onlyReader(edit: Edit, node: Node, op: string): Node | undefined {
  const [y] = node.outputs as readonly [string];
  const reader = edit.isReadOnce(y) ? edit.readers(y)[0] : undefined;
  return reader?.op === op ? reader : undefined;
}

/** The input of a node with two that is not `name`; undefined where neither is. */
export function otherInput({ inputs }: Node, name: string): string | undefined {
  const [a, b] = inputs;
  return a === name ? b : b === name ? a : undefined;
}

export function clamps({ attributes }: Node): boolean {
  return (attributes.activation ?? 'none') !== 'none';
}
