/**
 * Which channels of a graph are one and the same but for a factor: between layers, activations and poolings hand on f(s · x) = s · f(x),
 * Concat puts channels beside each other, Add adds those of equal index. All of a region may be divided by one s, which the layers that
 * compute it take out of their weights and biases, and the layers that read it put back into theirs.
 */
import type { Graph, Node } from '../../graph/graph.js';
import { activationStep, channelStep } from './channel-steps.js';
import { GraphEdit } from './graph-edit.js';
import { type Layer, layerOf } from './layer.js';

/** A layer and the channels that it reads and computes. */
export interface RegionLayer {
  readonly layer: Layer;
  /** Undefined where the channels are not those of a region: the layer reads them as they are. */
  readonly input: string | undefined;
  readonly output: string | undefined;
}

/** Values that share channels, by Concat, Add and what is between layers. */
export interface Component {
  readonly values: readonly string[];
  readonly readers: readonly RegionLayer[];
}

/** More channels than that, over all values, are no network's. */
const maxChannels = 2 ** 24;

const unchanged = new Set(['Resize', 'ResizeNearest', 'ResizeBilinear']);

export class ChannelRegions {
  readonly layers: readonly RegionLayer[];
  readonly #edit: GraphEdit;
  /** Of each value, the number of its first channel. */
  readonly #first = new Map<string, number>();
  readonly #channels = new Map<string, number>();
  readonly #parents: number[] = [];
  readonly #blocked = new Set<number>();
  readonly #bounds = new Map<number, number>();

  constructor(graph: Graph) {
    this.#edit = new GraphEdit(graph);
    for (const name of graph.nodes.flatMap(({ outputs }) => outputs)) this.#declare(name);
    const layers: RegionLayer[] = [];
    for (const node of graph.nodes) {
      const layer = layerOf(graph, node);
      if (layer !== undefined && this.#isPlain(layer)) {
        const [input, output] = [node.inputs[0]!, node.outputs[0]!];
        const reads = this.#channels.get(input) === layer.groups * layer.depth;
        if (!reads) this.#block(input);
        const step = activationStep(node);
        const computes = step !== 'no' && this.#channels.get(output) === layer.outputs;
        if (!computes) this.#block(output);
        else if (step === 'clamps') this.#limit(output, 6);
        layers.push({ layer, input: reads ? input : undefined, output: computes ? output : undefined });
      } else if (!this.#join(node)) {
        for (const name of [...node.inputs, ...node.outputs]) this.#block(name);
      }
    }
    for (const name of this.#first.keys()) if (this.#edit.isKept(name)) this.#block(name);
    this.layers = layers;
  }

  /** The region of a channel, the same number for all that share a factor. Undefined where the factor has to be 1. */
  regionOf(value: string, channel: number): number | undefined {
    const root = this.#find(this.#first.get(value)! + channel);
    return this.#blocked.has(root) ? undefined : root;
  }

  /** What a channel is clamped to from above. */
  boundOf(region: number): number {
    return this.#bounds.get(region) ?? Infinity;
  }

  channelsOf(value: string): number {
    return this.#channels.get(value)!;
  }

  /** Those that some layer reads, in the order of the graph. */
  components(): readonly Component[] {
    const owners = new Map<number, { values: string[]; readers: RegionLayer[] }>();
    const byValue = new Map<string, { values: string[]; readers: RegionLayer[] }>();
    for (const [name, first] of this.#first) {
      const roots = new Set(Array.from({ length: this.#channels.get(name)! }, (_, c) => this.#find(first + c)));
      const known = new Set([...roots].flatMap((root) => owners.get(root) ?? []));
      const merged = { values: [...known].flatMap(({ values }) => values).concat(name), readers: [] };
      for (const value of merged.values) byValue.set(value, merged);
      for (const root of [...roots, ...[...owners].flatMap(([root, owner]) => (known.has(owner) ? [root] : []))])
        owners.set(root, merged);
    }
    for (const each of this.layers) if (each.input !== undefined) byValue.get(each.input)!.readers.push(each);
    return [...new Set(byValue.values())].filter(({ readers }) => readers.length > 0);
  }

  /** Whether factors can be taken out of the layer: its bias, if it has one, is a constant of its own. */
  #isPlain({ node, outputs }: Layer): boolean {
    const bias = node.inputs[2] ?? '';
    return bias === '' || this.#edit.constant({ node, input: 2 })?.size === outputs;
  }

  /** Makes one region of what the node reads and computes, channel by channel; false where it does more than hand channels on. */
  #join(node: Node): boolean {
    const { op, inputs, outputs, attributes } = node;
    const output = outputs[0]!;
    const channels = this.#channels.get(output);
    if (channels === undefined || outputs.length !== 1) return false;
    if (op === 'Concat') return this.#joinConcat(node);
    if (op === 'Add') {
      const isSum = (attributes.activation ?? 'none') === 'none' || attributes.activation === 'relu';
      if (!isSum || !inputs.every((name) => this.#channels.get(name) === channels)) return false;
      for (const name of inputs) this.#unite(name, output, 0);
      return true;
    }
    const input = inputs[0]!;
    if (this.#channels.get(input) !== channels) return false;
    const step = unchanged.has(op) ? this.#resizes(node) : channelStep(this.#edit, node, input, channels);
    if (step === 'no') return false;
    this.#unite(input, output, 0);
    if (step === 'clamps') this.#limit(output, op === 'Clip' ? (attributes.max as number) : 6);
    return true;
  }

  #joinConcat({ inputs, outputs, attributes }: Node): boolean {
    const output = outputs[0]!;
    const rank = this.#edit.graph.values.get(output)?.dims?.length ?? 0;
    const axis = attributes.axis as number;
    if ((axis < 0 ? axis + rank : axis) !== rank - 1 || !inputs.every((name) => this.#channels.has(name))) return false;
    let start = 0;
    for (const name of inputs) {
      this.#unite(name, output, start);
      start += this.#channels.get(name)!;
    }
    return true;
  }

  /** Interpolation is a weighted sum of pixels, the same for all channels. */
  #resizes({ inputs, outputs }: Node): 'scales' | 'no' {
    const [x, y] = [inputs[0]!, outputs[0]!].map((name) => this.#edit.graph.values.get(name)?.dims);
    return x?.length === 4 && y?.length === 4 && x[0] === y[0] && x[3] === y[3] ? 'scales' : 'no';
  }

  #declare(name: string): void {
    const { dims, type } = this.#edit.graph.values.get(name) ?? {};
    const channels = dims?.at(-1);
    if (type !== 'float32' || typeof channels !== 'number' || channels < 1) return;
    if (this.#parents.length + channels > maxChannels) return;
    this.#first.set(name, this.#parents.length);
    this.#channels.set(name, channels);
    for (let c = 0; c < channels; c++) this.#parents.push(this.#parents.length);
  }

  #find(channel: number): number {
    let root = channel;
    while (this.#parents[root] !== root) {
      this.#parents[root] = this.#parents[this.#parents[root]!]!;
      root = this.#parents[root]!;
    }
    return root;
  }

  /** All channels of `part` with as many of `whole`, from `start` on. */
  #unite(part: string, whole: string, start: number): void {
    for (let c = 0; c < this.#channels.get(part)!; c++) {
      const [a, b] = [this.#find(this.#first.get(part)! + c), this.#find(this.#first.get(whole)! + start + c)];
      if (a === b) continue;
      this.#parents[b] = a;
      if (this.#blocked.has(b)) this.#blocked.add(a);
      const bound = Math.min(this.boundOf(a), this.boundOf(b));
      if (bound < Infinity) this.#bounds.set(a, bound);
    }
  }

  #block(name: string): void {
    const first = this.#first.get(name);
    if (first === undefined) return;
    for (let c = 0; c < this.#channels.get(name)!; c++) this.#blocked.add(this.#find(first + c));
  }

  #limit(name: string, bound: number): void {
    for (let c = 0; c < this.#channels.get(name)!; c++) {
      const root = this.#find(this.#first.get(name)! + c);
      this.#bounds.set(root, Math.min(this.boundOf(root), bound));
    }
  }
}
