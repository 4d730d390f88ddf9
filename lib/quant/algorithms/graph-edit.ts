/** Changes of a graph's constants and nodes, collected and then made at once. */
import type { Graph, Node, Value } from '../../graph/graph.js';
import { uniqueNames } from '../../graph/unique-names.js';
import { Tensor } from '../../tensor.js';

/** Where a constant is read: an input of a node. */
export interface Place {
  readonly node: Node;
  readonly input: number;
}

export class GraphEdit {
  readonly graph: Graph;
  readonly #producers = new Map<string, Node>();
  readonly #readers = new Map<string, Node[]>();
  /** Values that leave the graph: its outputs, and what states become. */
  readonly #kept: ReadonlySet<string>;
  readonly #nodes: Map<string, Node>;
  readonly #before = new Map<string, Node[]>();
  readonly #values: Map<string, Value>;
  readonly #constants: Map<string, Tensor>;
  /** Constants that were made here, each for one place. */
  readonly #own = new Set<string>();
  readonly #fresh: (name: string) => string;

  constructor(graph: Graph) {
    this.graph = graph;
    this.#kept = new Set([...graph.outputs, ...graph.states.map(({ next }) => next)]);
    for (const node of graph.nodes) {
      for (const name of node.outputs) this.#producers.set(name, node);
      for (const name of node.inputs) this.#readers.set(name, [...(this.#readers.get(name) ?? []), node]);
    }
    this.#nodes = new Map(graph.nodes.map((node) => [node.name, node]));
    this.#values = new Map(graph.values);
    this.#constants = new Map(graph.constants);
    this.#fresh = uniqueNames([...graph.values.keys(), ...this.#nodes.keys(), ...this.#producers.keys()]);
  }

  producer(name: string): Node | undefined {
    return this.#producers.get(name);
  }

  /** One entry for each input that is the value. */
  readers(name: string): readonly Node[] {
    return this.#readers.get(name) ?? [];
  }

  isKept(name: string): boolean {
    return this.#kept.has(name);
  }

  /** The node that is all that a value is for. */
  onlyReader(name: string): Node | undefined {
    const readers = this.readers(name);
    return readers.length === 1 && !this.isKept(name) ? readers[0] : undefined;
  }

  /** The last dimension of a value, where it is a number. */
  lastDim(name: string): number | undefined {
    const dim = this.graph.values.get(name)?.dims?.at(-1);
    return typeof dim === 'number' ? dim : undefined;
  }

  /** The float32 constant at a place, as it is now. */
  constant({ node, input }: Place): Tensor<'float32'> | undefined {
    const tensor = this.#constants.get(this.#current(node).inputs[input] ?? '');
    return tensor?.type === 'float32' ? (tensor as Tensor<'float32'>) : undefined;
  }

  /**
   * Keeps the constant's name where nothing else reads it; else, and where an optional input was absent, gives it a new one.
   */
  setConstant({ node, input }: Place, data: Float32Array, dims: readonly number[] = [data.length]): void {
    const current = this.#current(node);
    const old = current.inputs[input] ?? '';
    const isOwn = this.#own.has(old) || (this.#constants.has(old) && this.onlyReader(old) !== undefined);
    const name = isOwn ? old : this.newName(old || `${node.name}/bias`);
    this.#own.add(name);
    this.#values.set(name, { name, type: 'float32', dims });
    this.#constants.set(name, new Tensor('float32', data, dims));
    this.setInput({ node, input }, name);
  }

  setInput({ node, input }: Place, name: string): void {
    const { inputs: current } = this.#current(node);
    const inputs = Array.from({ length: Math.max(current.length, input + 1) }, (_, i) => current[i] ?? '');
    inputs[input] = name;
    this.change(node, { inputs });
  }

  change(node: Node, changes: Partial<Node>): void {
    this.#nodes.set(node.name, { ...this.#current(node), ...changes });
  }

  /** A node before another, of one output that is declared like a value that is known. */
  insertBefore(node: Node, added: Node, like: string): void {
    this.#before.set(node.name, [...(this.#before.get(node.name) ?? []), added]);
    this.#nodes.set(added.name, added);
    const known = this.graph.values.get(like);
    const name = added.outputs[0]!;
    if (known !== undefined) this.#values.set(name, { ...known, name });
  }

  newName(name: string): string {
    return this.#fresh(name);
  }

  finish(): Graph {
    const nodes = this.graph.nodes.flatMap(({ name }) => {
      const before = (this.#before.get(name) ?? []).map((added) => this.#nodes.get(added.name)!);
      return [...before, this.#nodes.get(name)!];
    });
    return { ...this.graph, nodes, values: this.#values, constants: this.#constants };
  }

  #current(node: Node): Node {
    return this.#nodes.get(node.name) ?? node;
  }
}

const biasInputs: Readonly<Record<string, number>> = { Conv2D: 2, DepthwiseConv2D: 2, FullyConnected: 2 };

/**
 * Where what is added to each output channel stands: the bias of the node (of a convolution also where there is none yet), or
 * the constant of an Add that is all that reads its result. Undefined where neither is. `output` is the value that it is part
 * of.
 */
export function biasPlace(edit: GraphEdit, node: Node, channels: number): (Place & { readonly output: string }) | undefined {
  const output = node.outputs[0]!;
  if ((node.inputs[2] ?? '') !== '') return edit.constant({ node, input: 2 }) && { node, input: 2, output };
  const reader = edit.onlyReader(output);
  const activation = node.attributes.activation ?? 'none';
  if (reader?.op === 'Add' && activation === 'none' && edit.lastDim(output) === channels) {
    const place = { node: reader, input: reader.inputs[0] === output ? 1 : 0 };
    const constant = edit.constant(place);
    if (constant !== undefined && isPerChannel(constant.dims, channels)) return { ...place, output: reader.outputs[0]! };
  }
  const input = biasInputs[node.op];
  return input === undefined ? undefined : { node, input, output };
}

/** What stands there, one for each channel: zeros where there is nothing. */
export function biasAt(edit: GraphEdit, place: Place, channels: number): Float64Array {
  const data = edit.constant(place)?.data;
  return Float64Array.from({ length: channels }, (_, c) => (data === undefined ? 0 : data[data.length === 1 ? 0 : c]!));
}

/** Whether a constant has an element for each channel along the last dimension, or one for all. */
export function isPerChannel(dims: readonly number[], channels: number): boolean {
  return dims.every((dim, i) => dim === 1 || (i === dims.length - 1 && dim === channels));
}
