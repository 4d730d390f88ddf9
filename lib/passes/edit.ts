/** What a pass has to know of a graph, and the changes that it collects in one sweep. */
import type { Dim, Graph, Node, Value } from '../graph/graph.js';
import type { QParams } from '../quant/qparams.js';
import type { Tensor } from '../tensor.js';
import type { Rewrite } from './pass.js';

/** Passes see graphs in which every value is declared. */
export type KnownValue = Value & { readonly dims: readonly Dim[] };

interface Uses {
  readonly producers: ReadonlyMap<string, Node>;
  readonly readers: ReadonlyMap<string, readonly Node[]>;
}

/** Most passes find nothing to do, and the next one looks at the same graph. */
const usesOf = new WeakMap<Graph, Uses>();

function findUses(graph: Graph): Uses {
  const producers = new Map<string, Node>();
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const name of node.outputs) producers.set(name, node);
    for (const name of node.inputs) {
      const known = readers.get(name);
      if (known === undefined) readers.set(name, [node]);
      else known.push(node);
    }
  }
  const uses = { producers, readers };
  usesOf.set(graph, uses);
  return uses;
}

export class Edit {
  readonly graph: Graph;
  readonly #uses: Uses;
  /** Values that leave the graph: its outputs, and what states become. */
  readonly #kept: ReadonlySet<string>;
  readonly #claimed = new Set<Node>();
  readonly #replaced = new Map<Node, readonly Node[]>();
  readonly #renamed = new Map<string, string>();
  readonly #values = new Map<string, Value>();
  readonly #constants = new Map<string, Tensor>();
  #nodeNames: Set<string> | undefined;
  #fresh = 0;

  constructor(graph: Graph) {
    this.graph = graph;
    this.#kept = new Set([...graph.outputs, ...graph.states.map(({ next }) => next)]);
    this.#uses = usesOf.get(graph) ?? findUses(graph);
  }

  value(name: string): KnownValue {
    return this.graph.values.get(name) as KnownValue;
  }

  /** The node that computes a value; undefined for inputs, constants and states. */
  producer(name: string): Node | undefined {
    return this.#uses.producers.get(name);
  }

  /** One entry for each input that is the value. */
  readers(name: string): readonly Node[] {
    return this.#uses.readers.get(name) ?? [];
  }

  isKept(name: string): boolean {
    return this.#kept.has(name);
  }

  /** Whether a single input of a single node is all that the value is for. */
  isReadOnce(name: string): boolean {
    return !this.isKept(name) && this.readers(name).length === 1;
  }

  /** Takes nodes for a change; false where this sweep has changed one of them already: the next sweep sees the result. */
  claim(...nodes: readonly Node[]): boolean {
    if (nodes.some((node) => this.#claimed.has(node))) return false;
    for (const node of nodes) this.#claimed.add(node);
    return true;
  }

  /** The new nodes stand where the old one did. */
  replace(node: Node, ...by: readonly Node[]): void {
    this.#replaced.set(node, by);
  }

  setValue(value: Value): void {
    this.#values.set(value.name, value);
  }

  setConstant(value: Value, tensor: Tensor): void {
    this.setValue(value);
    this.#constants.set(value.name, tensor);
  }

  /** A name that no value and no node has, made of another. */
  freshName(name: string): string {
    this.#nodeNames ??= new Set(this.graph.nodes.map((node) => node.name));
    for (;;) {
      const fresh = `${name}:${this.#fresh++}`;
      if (!this.graph.values.has(fresh) && !this.#nodeNames.has(fresh)) return fresh;
    }
  }

  /**
   * Takes out a node whose `output` is its `input` by another name. An output of the graph keeps its name, and `input` takes it;
   * where that is an input or output of the graph too, the node has to stay: false. `others` are claimed with it.
   */
  bypass(node: Node, input: string, output: string, ...others: readonly Node[]): boolean {
    const [from, to] = this.isKept(output) ? [input, output] : [output, input];
    const isBound = from === input && (this.isKept(input) || this.#uses.producers.get(input) === undefined);
    if (isBound || this.#renamed.has(from) || !this.claim(node, ...others)) return false;
    this.#renamed.set(from, to);
    this.replace(node);
    return true;
  }

  finish(): Rewrite {
    const { graph } = this;
    if (this.#claimed.size === 0) return { graph, nodes: [] };
    const nodes = graph.nodes.flatMap((node) => this.#replaced.get(node) ?? [node]).map((node) => this.#withNewNames(node));
    const values = new Map([...graph.values, ...this.#values]);
    for (const name of this.#renamed.keys()) values.delete(name);
    const constants = new Map([...graph.constants, ...this.#constants]);
    return { graph: { ...graph, nodes, values, constants }, nodes: [...this.#claimed].map(({ name }) => name) };
  }

  #withNewNames(node: Node): Node {
    const { inputs, outputs } = node;
    if (![...inputs, ...outputs].some((name) => this.#renamed.has(name))) return node;
    return { ...node, inputs: inputs.map((name) => this.#newName(name)), outputs: outputs.map((name) => this.#newName(name)) };
  }

  /** A value that was renamed may have the name of one that was. */
  #newName(name: string): string {
    let current = name;
    for (let next = this.#renamed.get(current); next !== undefined; next = this.#renamed.get(current)) current = next;
    return current;
  }
}

/** Whether integers mean the same under both. */
export function sameQParams(a: QParams | undefined, b: QParams | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const equal = (p: number | ArrayLike<number>, q: number | ArrayLike<number>) =>
    typeof p === 'number' || typeof q === 'number'
      ? p === q
      : p.length === q.length && Array.from(p).every((x, i) => x === q[i]);
  return a.dtype === b.dtype && a.axis === b.axis && equal(a.scale, b.scale) && equal(a.zeroPoint, b.zeroPoint);
}

/** The dimensions, where all are numbers. */
export function staticDims({ dims }: Value): readonly number[] | undefined {
  return dims?.every((dim) => typeof dim === 'number') ? (dims as readonly number[]) : undefined;
}

/** An attribute that is a list of integers. */
export function integersOf(node: Node, attribute: string): readonly number[] {
  return node.attributes[attribute] as readonly number[];
}

/** A constant float32 of one element. */
export function scalarOf(edit: Edit, name: string): number | undefined {
  const tensor = edit.graph.constants.get(name);
  return tensor?.type === 'float32' && tensor.data.length === 1 ? (tensor.data[0] as number) : undefined;
}
