/**
 * Takes out Transposes that only change the order in which a part of the graph works:
 *
 *     Transpose(p) -> Relu -> Add -> Transpose(p⁻¹)     =>     Relu -> Add
 *
 * An importer that works in another order than NHWC wraps each operator that knows only NHWC in two Transposes. Each of them is
 * moved down over operators that can work in either order (element-wise ones as they are, others with their axes renamed; constants
 * are reordered here) until it meets another one: two in a row are one, or nothing. A Transpose that would come to stand behind
 * several of its readers stays where it is needed, once.
 */
import type { Graph, Node, Value } from '../graph/graph.js';
import { permuted } from '../ops/strided-copy.js';
import { type DataType, Tensor, type TensorData } from '../tensor.js';
import type { TypedArray } from '../typed-array.js';
import { Edit, integersOf, type KnownValue, sameQParams, staticDims } from './edit.js';
import { axisRules, elementwise } from './layout-rules.js';
import type { Pass } from './pass.js';

export const cancelTransposes: Pass = {
  name: 'layout',
  run: (graph) => new Sinking(graph, true).run(),
};

/** The same for a graph whose shapes may change later: no Transpose becomes a Reshape to the shape that there is. */
export const moveTransposes: Pass = {
  name: 'layout',
  run: (graph) => new Sinking(graph, false).run(),
};

/** A value that is another one in the order `perm`; its Transpose is added when somebody reads it as it is. */
interface Moved {
  readonly source: string;
  readonly perm: readonly number[];
}

class Sinking {
  readonly #edit: Edit;
  readonly #hasFixedShapes: boolean;
  readonly #graph: Graph;
  readonly #values: Map<string, Value>;
  readonly #constants: Map<string, Tensor>;
  readonly #moved = new Map<string, Moved>();
  /** The Transposes of the graph by what they compute: one that stays keeps its name. */
  readonly #own = new Map<string, Node>();
  /** Constants in another order, by name and order. */
  readonly #reordered = new Map<string, string>();
  readonly #nodes: Node[] = [];
  readonly #changed: string[] = [];

  constructor(graph: Graph, hasFixedShapes: boolean) {
    this.#hasFixedShapes = hasFixedShapes;
    this.#edit = new Edit(graph);
    this.#graph = graph;
    this.#values = new Map(graph.values);
    this.#constants = new Map(graph.constants);
  }

  run() {
    const { graph, nodes } = { graph: this.#graph, nodes: this.#graph.nodes };
    if (!nodes.some(({ op }) => op === 'Transpose')) return { graph, nodes: [] };
    for (const node of nodes) {
      if (node.op === 'Transpose' && this.#isPure(node)) this.#transpose(node);
      else if (!this.#sink(node)) this.#keep(node);
    }
    for (const name of [...graph.outputs, ...graph.states.map(({ next }) => next)]) this.#materialize(name);
    if (this.#changed.length === 0) return { graph, nodes: [] };
    const rewritten = { ...graph, nodes: this.#nodes, values: this.#values, constants: this.#constants };
    return { graph: rewritten, nodes: this.#changed };
  }

  /** Whether the integers before and after a Transpose mean the same. */
  #isPure({ inputs, outputs }: Node): boolean {
    const [x, y] = [this.#value(inputs[0]!), this.#value(outputs[0]!)];
    return sameQParams(x.qparams, y.qparams) && x.qparams?.axis === undefined && !this.#constants.has(x.name);
  }

  #transpose(node: Node): void {
    const [input, output] = [node.inputs[0]!, node.outputs[0]!];
    const perm = integersOf(node, 'perm');
    const before = this.#moved.get(input);
    this.#own.set(output, node);
    if (before === undefined) {
      this.#moved.set(output, { source: input, perm });
      return;
    }
    this.#changed.push(node.name);
    this.#moved.set(output, { source: before.source, perm: perm.map((axis) => before.perm[axis]!) });
  }

  /** Moves the Transposes of a node's inputs behind it; false where it has none, or they differ, or the node knows one order only. */
  #sink(node: Node): boolean {
    const rule = elementwise.has(node.op) ? undefined : axisRules[node.op];
    if (rule === undefined && !elementwise.has(node.op)) return false;
    const moved = node.inputs.map((name) => this.#moved.get(name));
    const perm = moved.find((each) => each !== undefined)?.perm;
    if (perm === undefined || perm.every((axis, i) => axis === i)) return false;
    const outputs = node.outputs.map((name) => this.#value(name));
    if (outputs.some(({ dims, qparams }) => dims.length !== perm.length || qparams?.axis !== undefined)) {
      if (rule?.dropsAxes !== true) return false;
    }
    const renamed = rule?.rename(node, perm, (name) => staticDims(this.#value(name)));
    if (rule !== undefined && renamed === undefined) return false;
    const data = renamed?.data ?? node.inputs.length;
    const fits = node.inputs.slice(0, data).every((name, i) => {
      if (name === '') return true;
      const own = moved[i]?.perm;
      if (own !== undefined) return String(own) === String(perm);
      const constant = this.#constants.get(name);
      const isMovable = constant !== undefined && constant.type !== 'string' && this.#value(name).qparams?.axis === undefined;
      return isMovable && constant.dims.length <= perm.length && (rule === undefined || constant.dims.length === perm.length);
    });
    if (!fits || node.inputs.slice(data).some((name) => this.#moved.has(name) || !(name === '' || this.#constants.has(name))))
      return false;

    const inputs = node.inputs.map((name, i) => {
      if (i >= data || name === '') return name;
      return moved[i]?.source ?? this.#reorder(name, perm);
    });
    this.#changed.push(node.name);
    if (renamed?.keepsOutput) {
      this.#nodes.push({ ...node, attributes: renamed.attributes, inputs });
      return true;
    }
    const names = outputs.map((value) => {
      const name = this.#edit.freshName(value.name);
      const dims = inverse(perm).map((axis) => value.dims[axis]!);
      this.#values.set(name, { ...value, name, dims });
      this.#moved.set(value.name, { source: name, perm });
      return name;
    });
    this.#nodes.push({ ...node, attributes: renamed?.attributes ?? node.attributes, inputs, outputs: names });
    return true;
  }

  #keep(node: Node): void {
    for (const name of node.inputs) this.#materialize(name);
    this.#nodes.push(node);
  }

  /** Adds the Transpose whose output `name` is, unless it is there. */
  #materialize(name: string): void {
    const moved = this.#moved.get(name);
    if (moved === undefined) return;
    this.#moved.delete(name);
    const own = this.#own.get(name);
    const { source, perm } = moved;
    const dims = staticDims(this.#value(source));
    const isIdentity = perm.every((axis, i) => axis === i);
    const isView = dims !== undefined && (isIdentity || (this.#hasFixedShapes && keepsOrder(dims, perm)));
    const base = { name: own?.name ?? this.#edit.freshName(`${name}/Transpose`), inputs: [source], outputs: [name] };
    if (isView) {
      if (own !== undefined && source === own.inputs[0]) this.#changed.push(own.name);
      const shape = perm.map((axis) => dims[axis]!);
      this.#nodes.push({ ...base, op: 'Reshape', attributes: { shape } });
    } else {
      this.#nodes.push({ ...base, op: 'Transpose', attributes: { perm } });
    }
  }

  /** The name of the constant in the order that `perm` undoes, after dimensions of 1 where broadcasting would have had them. */
  #reorder(name: string, perm: readonly number[]): string {
    const { type, dims, data } = this.#constants.get(name)!;
    const full = [...perm.slice(dims.length).map(() => 1), ...dims];
    if (full.every((dim) => dim === 1)) return name; // repeats along all dimensions
    const key = `${perm}:${name}`;
    const known = this.#reordered.get(key);
    if (known !== undefined) return known;
    const order = inverse(perm);
    const reordered = order.map((axis) => full[axis]!);
    const fresh = this.#edit.freshName(name);
    const elements = permuted(type as Exclude<DataType, 'string'>, data as TypedArray, full, order);
    this.#values.set(fresh, { ...this.#value(name), name: fresh, dims: reordered });
    this.#constants.set(fresh, new Tensor<DataType>(type, elements as TensorData<DataType>, reordered));
    this.#reordered.set(key, fresh);
    return fresh;
  }

  #value(name: string): KnownValue {
    return this.#values.get(name) as KnownValue;
  }
}

export function inverse(perm: readonly number[]): readonly number[] {
  return perm.map((_, axis) => perm.indexOf(axis));
}

/** Whether only dimensions of 1 change their places, so that the elements stay in theirs. */
function keepsOrder(dims: readonly number[], perm: readonly number[]): boolean {
  const moving = perm.filter((axis) => dims[axis] !== 1);
  return moving.every((axis, i) => i === 0 || axis > moving[i - 1]!);
}
