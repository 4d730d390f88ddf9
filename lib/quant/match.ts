/** Which value of a quantized graph stands for which of the float graph that it was made from. */
import type { Graph, Node } from '../graph/graph.js';
import { clamps } from '../ops/integer-forms.js';

export interface Match {
  /** Of the quantized graph where the float graph has a node of that name, else what computes the value in the float graph. */
  readonly node: string;
  readonly op: string;
  /** In the float graph. */
  readonly value: string;
  /** In the quantized graph. */
  readonly quantized: string;
}

/** What quantization and passes put behind the name of a value: of integers, of what they mean, of copies in another order. */
const suffix = /(\/quantized|\/dequantized|\/float|:\d+|#\d+)$/;

/**
 * In the order in which the quantized graph computes them; each float value once, by its integers where it has them.
 *
 * Values are known by their names, which quantization only adds to. Where a file has lost those, nodes are known by theirs, which fusing
 * keeps: the result of a node that has taken in the clamp behind it is the clamp's.
 */
export function matchValues(float: Graph, quantized: Graph): readonly Match[] {
  const known = new FloatGraph(float);
  const matches = new Map<string, Match>();
  const isInteger = (name: string) => quantized.values.get(name)?.qparams !== undefined;
  for (const node of quantized.nodes) {
    for (const [i, name] of node.outputs.entries()) {
      const value = known.named(name) ?? known.resultOf(node, i);
      const before = value === undefined ? undefined : matches.get(value);
      if (value === undefined || (before !== undefined && (isInteger(before.quantized) || !isInteger(name)))) continue;
      const layer = known.nodes.has(node.name) ? node : (known.producers.get(value) ?? node);
      // A value that a Quantize of its own stands behind belongs to what computes it
      matches.set(value, { node: before?.node ?? layer.name, op: before?.op ?? layer.op, value, quantized: name });
    }
  }
  return [...matches.values()];
}

class FloatGraph {
  readonly nodes: ReadonlyMap<string, Node>;
  readonly producers: ReadonlyMap<string, Node>;
  readonly #readers = new Map<string, Node[]>();
  readonly #names: ReadonlySet<string>;

  constructor({ nodes, inputs, values }: Graph) {
    this.nodes = new Map(nodes.map((node) => [node.name, node]));
    this.producers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
    for (const node of nodes) {
      for (const name of node.inputs) this.#readers.set(name, [...(this.#readers.get(name) ?? []), node]);
    }
    const isReal = (name: string) => (values.get(name)?.type ?? 'float32') === 'float32';
    this.#names = new Set([...inputs, ...this.producers.keys()].filter(isReal));
  }

  /** The value whose name this is, perhaps with something behind it. */
  named(name: string): string | undefined {
    let base = name;
    for (;;) {
      if (this.#names.has(base)) return base;
      const shorter = base.replace(suffix, '');
      if (shorter === base) return undefined;
      base = shorter;
    }
  }

  resultOf({ name, attributes }: Node, output: number): string | undefined {
    const own = this.nodes.get(name);
    const result = own?.outputs[output];
    if (own === undefined || result === undefined || !this.#names.has(result)) return undefined;
    const hasClamp = (attributes.activation ?? 'none') !== (own.attributes.activation ?? 'none');
    const [reader, ...others] = this.#readers.get(result) ?? [];
    const isClamp = reader !== undefined && others.length === 0 && clamps[reader.op] === attributes.activation;
    return hasClamp && isClamp ? reader.outputs[0] : result;
  }
}
