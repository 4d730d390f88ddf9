/** Nodes whose results are known before anything runs: which they are, and how much of that a file may ask for. */
import { OctensorError } from '../errors.js';
import type { Node } from '../graph/graph.js';
import type { Tensor } from '../tensor.js';
import type { NodeContext, Op, Operand, OutputShape } from './op.js';
import { product } from './shapes.js';

/** Operators whose result depends on their inputs' shapes alone. */
const shapeOps: ReadonlySet<string> = new Set(['Shape', 'Size']);

/** Elements of results, and products and elements that are read: in total. */
const maxElements = 2 ** 26;
const maxWork = 2 ** 29;
/** Elements of all values of a graph that is computed as a whole, which are kept: 4 GiB of float32. */
const maxKept = 2 ** 30;

/** Of one graph; without these limits, but that of memory, where all of it is to be computed. */
export class FoldBudget {
  readonly #isLimited: boolean;
  #left: number;
  #work = maxWork;

  constructor({ isLimited = true } = {}) {
    this.#isLimited = isLimited;
    this.#left = isLimited ? maxElements : maxKept;
  }

  /** Whether results of these shapes may be computed beforehand; they then count. ERR_SHAPE where they have to be and are too large. */
  allows(outputs: readonly OutputShape[], macs: number, inputs: readonly (Operand | undefined)[]): boolean {
    const elements = outputs.reduce((sum, { dims }) => sum + product(dims), 0);
    const work = this.#isLimited ? inputs.reduce((sum, input) => sum + (input?.constant?.size ?? 0), macs) : 0;
    const isAllowed = elements <= this.#left && work <= this.#work;
    if (!isAllowed && !this.#isLimited) {
      throw new OctensorError('ERR_SHAPE', `expected values of at most ${maxKept} elements in all, got more`);
    }
    if (!isAllowed) return false;
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
