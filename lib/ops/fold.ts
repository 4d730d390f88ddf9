/** Nodes whose results are known before anything runs: which they are, and how much of that a file may ask for. */
import type { Node } from '../graph/graph.js';
import type { Tensor } from '../tensor.js';
import type { NodeContext, Op, Operand, OutputShape } from './op.js';
import { product } from './shapes.js';

/** Operators whose result depends on their inputs' shapes alone. */
const shapeOps: ReadonlySet<string> = new Set(['Shape', 'Size']);

/** Elements of results, and products and elements that are read: in total. */
const maxElements = 2 ** 26;
const maxWork = 2 ** 29;

/** Of one graph; without a limit where all of it is to be computed. */
export class FoldBudget {
  readonly #isLimited: boolean;
  #left = maxElements;
  #work = maxWork;

  constructor({ isLimited = true } = {}) {
    this.#isLimited = isLimited;
  }

  /** Whether results of these shapes may be computed beforehand; they then count. */
  allows(outputs: readonly OutputShape[], macs: number, inputs: readonly (Operand | undefined)[]): boolean {
    if (!this.#isLimited) return true;
    const elements = outputs.reduce((sum, { dims }) => sum + product(dims), 0);
    const work = inputs.reduce((sum, input) => sum + (input?.constant?.size ?? 0), macs);
    if (elements > this.#left || work > this.#work) return false;
    this.#left -= elements;
    this.#work -= work;
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
