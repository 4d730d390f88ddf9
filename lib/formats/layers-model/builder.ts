/** The graph that an import makes, node by node. */
import type { Attributes, Node, Value } from '../../graph/graph.js';
import { uniqueNames } from '../../graph/unique-names.js';
import type { DataType, Tensor } from '../../tensor.js';

/** A value, as far as layers have to know it. */
export interface Ref {
  readonly value: string;
  readonly type: DataType;
  /** How many dimensions, the batch included. */
  readonly rank: number;
}

export class GraphBuilder {
  readonly values = new Map<string, Value>();
  readonly constants = new Map<string, Tensor>();
  readonly freshName = uniqueNames();
  readonly #nodes: Node[] = [];
  readonly #nodeName = uniqueNames();
  readonly #cached = new Map<string, Ref>();

  get nodes(): readonly Node[] {
    return this.#nodes;
  }

  /** Node names are made unique from `name`. */
  add(name: string, op: string, attributes: Attributes, inputs: readonly (Ref | undefined)[], outputs: readonly Ref[]): void {
    this.#nodes.push({
      name: this.#nodeName(name),
      op,
      attributes,
      inputs: inputs.map((input) => input?.value ?? ''),
      outputs: outputs.map(({ value }) => value),
    });
  }

  constant(name: string, tensor: Tensor): Ref {
    const value = this.freshName(name);
    const { type, dims } = tensor;
    this.values.set(value, { name: value, type, dims });
    this.constants.set(value, tensor);
    return { value, type, rank: dims.length };
  }

  /** One constant for each key, made where it is asked for first: what a shared layer has in every call. */
  cached(key: string, name: string, make: () => Tensor): Ref {
    const known = this.#cached.get(key);
    if (known !== undefined) return known;
    const ref = this.constant(name, make());
    this.#cached.set(key, ref);
    return ref;
  }

  nameLast(name: string): void {
    const last = this.#nodes.pop();
    if (last !== undefined) this.#nodes.push({ ...last, name: this.#nodeName(name) });
  }

  /** Whether a node from the one at `first` on computes the value. */
  makes(first: number, value: string): boolean {
    for (let i = first; i < this.#nodes.length; i++) if (this.#nodes[i]!.outputs.includes(value)) return true;
    return false;
  }

  /** Another name for a value that only nodes from the one at `first` on know. */
  rename(first: number, from: string, to: string): void {
    const renamed = (names: readonly string[]) => names.map((name) => (name === from ? to : name));
    for (let i = first; i < this.#nodes.length; i++) {
      const node = this.#nodes[i]!;
      this.#nodes[i] = { ...node, inputs: renamed(node.inputs), outputs: renamed(node.outputs) };
    }
  }
}
