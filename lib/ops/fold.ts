/** Nodes whose results are known before anything runs: which they are, and how much of that a file may ask for. */
import type { Node } from '../graph/graph.js';
import type { Tensor } from '../tensor.js';
import type { NodeContext, Op, Operand, OutputShape } from './op.js';
import { product } from './shapes.js';

/** Operators whose result depends on their inputs' shapes alone. */
const shapeOps: ReadonlySet<string> = new Set(['Shape']);

/** Elements of results in total, and products of one node. */
const maxElements = 2 ** 26;
const maxMacs = 2 ** 28;

/** Of one graph. */
export class FoldBudget {
  #left = maxElements;

  /** Whether results of these shapes may be computed beforehand; they then count. */
  allows(outputs: readonly OutputShape[], macs: number): boolean {
    const elements = outputs.reduce((sum, { dims }) => sum + product(dims), 0);
    if (elements > this.#left || macs > maxMacs) return false;
    this.#left -= elements;
    return true;
  }
}

/** Whether `isKnownBeforehand` may be true, without the node's context: for nearly all nodes it is not. */
export function mayBeKnown({ op, inputs }: Node, constants: ReadonlyMap<string, Tensor>): boolean {
  return shapeOps.has(op) || inputs.every((name) => name === '' || constants.has(name));
}

export function isKnownBeforehand({ node, inputs }: NodeContext<unknown>): boolean {
  return shapeOps.has(node.op) || inputs.every((input) => input === undefined || input.constant !== undefined);
}

/** The results of a node that is known beforehand. */
export function foldNode(op: Op, context: NodeContext<unknown>, outputs: readonly Operand[]): readonly Tensor[] {
  return op.run({ ...context, data: context.inputs.map((input) => input?.constant), outputs });
}
