/**
 * Models that say what is quantized by pairs of QuantizeLinear and DequantizeLinear around float operators, as integer operators:
 *
 *     q -> Dequantize -> Conv2D -> Relu -> Quantize -> r     =>     q -> Conv2D(relu) -> r
 *
 * By ONNX Runtime's rules: an operator is computed in 8 bits where everything it reads comes out of a Dequantize and all that reads its
 * result, perhaps through a clamp, is one Quantize. What only moves elements does so in 8 bits on either side of it. This is what such
 * a model means, not an optimisation: integer arithmetic rounds once, where the float operators between would round elsewhere. So it
 * is done when a model is loaded, for every backend, and exactly once.
 */
import type { Graph, Node, Value } from '../graph/graph.js';
import { uniqueNames } from '../graph/unique-names.js';
import { clamps, type FusedInputs, integerForms, movesElements, whyNot } from '../ops/integer-forms.js';
import type { QParams } from '../quant/qparams.js';
import type { Tensor } from '../tensor.js';
import { joinSwish } from './fuse-swish.js';
import { hoistQuantize } from './hoist-quantize.js';

/** What became of a node that Quantize or Dequantize stands beside: computed in 8 bits, or why not. */
export interface QdqEntry {
  readonly node: string;
  readonly op: string;
  readonly reason?: string;
  /** Where what it reads is int16. */
  readonly isWide?: true;
}

export interface QdqFused {
  readonly graph: Graph;
  readonly log: readonly QdqEntry[];
}

/** Graphs without Quantize and Dequantize come back as they are. */
export function fuseQdq(graph: Graph): QdqFused {
  if (!graph.nodes.some(({ op }) => op === 'Dequantize')) return { graph, log: [] };
  return new Fusion(withSwish(hoistQuantize(graph))).run();
}

/** Swish has no operator in most files: a product between a Dequantize and a Quantize is one. */
function withSwish(graph: Graph): Graph {
  const dequantized = new Set(graph.nodes.flatMap(({ op, outputs }) => (op === 'Dequantize' ? outputs : [])));
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes) for (const name of node.inputs) readers.set(name, [...(readers.get(name) ?? []), node]);
  const { graph: joined } = joinSwish(graph, ({ outputs }, x) => {
    const next = readers.get(outputs[0]!) ?? [];
    return dequantized.has(x) && next.length === 1 && next[0]!.op === 'Quantize' && !graph.outputs.includes(outputs[0]!);
  });
  return joined;
}

class Fusion {
  readonly #graph: Graph;
  readonly #values: Map<string, Value>;
  readonly #constants: Map<string, Tensor>;
  readonly #readers = new Map<string, Node[]>();
  readonly #kept: ReadonlySet<string>;
  readonly #fresh: (name: string) => string;
  /** Float values that are a quantized one, dequantized: by name, the Dequantize that is added when somebody reads them. */
  readonly #dequantized = new Map<string, { readonly source: string; readonly node: string }>();
  readonly #materialized = new Set<string>();
  /** Integers that are constants, moved. */
  readonly #moved = new Set<string>();
  readonly #skipped = new Set<Node>();
  readonly #nodes: Node[] = [];
  readonly #log: QdqEntry[] = [];

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#values = new Map(graph.values);
    this.#constants = new Map(graph.constants);
    this.#kept = new Set(graph.outputs);
    const { nodes } = graph;
    this.#fresh = uniqueNames([
      ...graph.values.keys(),
      ...nodes.map(({ name }) => name),
      ...nodes.flatMap(({ outputs }) => outputs),
    ]);
    for (const node of nodes) {
      for (const name of node.inputs) {
        const known = this.#readers.get(name);
        if (known === undefined) this.#readers.set(name, [node]);
        else known.push(node);
      }
    }
  }

  run(): QdqFused {
    for (const node of this.#graph.nodes) {
      if (this.#skipped.has(node) || this.#isDequantize(node) || this.#undo(node)) continue;
      if (this.#fuse(node) || this.#move(node)) continue;
      for (const name of node.inputs) this.#materialize(name);
      this.#nodes.push(node);
    }
    for (const name of this.#graph.outputs) this.#materialize(name);
    const read = new Set([...this.#nodes.flatMap(({ inputs }) => inputs), ...this.#graph.outputs]);
    const constants = new Map([...this.#constants].filter(([name]) => read.has(name)));
    return { graph: { ...this.#graph, nodes: this.#nodes, values: this.#values, constants }, log: this.#log };
  }

  #isDequantize({ op, name, inputs, outputs }: Node): boolean {
    if (op !== 'Dequantize' || this.#qparams(inputs[0]!) === undefined) return false;
    this.#dequantized.set(outputs[0]!, { source: inputs[0]!, node: name });
    return true;
  }

  /**
   * A Quantize of what a Dequantize gave, by the same parameters: the integers themselves. From int16 to other parameters, or to it,
   * `onnx` numerics say of integers that they are dequantized and quantized, so that one step does.
   */
  #undo(node: Node): boolean {
    const { op, inputs, outputs } = node;
    const source = op === 'Quantize' ? this.#dequantized.get(inputs[0]!)?.source : undefined;
    const [from, to] = [source, outputs[0]].map((name) => (name === undefined ? undefined : this.#qparams(name)));
    if (source === undefined || from === undefined || to === undefined) return false;
    if (sameParameters(from, to)) this.#nodes.push({ ...node, op: 'Identity', attributes: {}, inputs: [source], outputs });
    else if (this.#isRescaled(from, to)) this.#nodes.push({ ...node, inputs: [source] });
    else return false;
    return true;
  }

  #isRescaled(from: QParams, to: QParams): boolean {
    const isWide = from.dtype === 'int16' || to.dtype === 'int16';
    const areWhole = from.axis === undefined && to.axis === undefined && from.dtype !== 'int32' && to.dtype !== 'int32';
    return isWide && areWhole && this.#graph.numerics === 'onnx';
  }

  /** The node in integers, where it has such a form; its clamp and Quantize are then part of it. */
  #fuse(node: Node): boolean {
    const form = integerForms[node.op];
    if (form === undefined || node.outputs.length !== 1) return false;
    const sources = node.inputs.map((name) => (name === '' ? undefined : this.#dequantized.get(name)?.source));
    const end = this.#quantizeAfter(node.outputs[0]!);
    const isConcerned = end !== undefined || sources.some((source) => source !== undefined);
    if (!isConcerned) return false;
    const missing = node.inputs.find((name, i) => name !== '' && sources[i] === undefined);
    const entry = { node: node.name, op: node.op };
    const fused: FusedInputs = {
      node,
      numerics: this.#graph.numerics,
      inputs: sources.map((source) => (source === undefined ? undefined : this.#values.get(source))),
      constants: sources.map((source) => (source === undefined ? undefined : this.#constants.get(source))),
      output: end && this.#values.get(end.quantize.outputs[0]!),
      hasWeights: this.#isConstant(sources[form.weights?.input ?? -1] ?? ''),
      missing,
    };
    const reason = whyNot(form, fused);
    if (reason !== undefined || end === undefined) {
      this.#log.push({ ...entry, reason: reason ?? 'nothing quantizes its result' });
      return false;
    }
    const activation = end.clamp === undefined ? undefined : clamps[end.clamp.op];
    const given = node.attributes.activation;
    if (activation !== undefined && (!form.clamps || (given !== undefined && given !== 'none'))) {
      this.#log.push({ ...entry, reason: `${end.clamp!.op} stands between it and what quantizes its result` });
      return false;
    }
    const [from, to] = [fused.inputs[0]!.qparams!.dtype, fused.output!.qparams!.dtype];
    const attributes = {
      ...node.attributes,
      ...(activation !== undefined && { activation }),
      ...(from !== to && { to }),
    };
    const inputs = sources.map((source, i) => (i === form.bias && source !== undefined ? this.#bias(source) : (source ?? '')));
    this.#nodes.push({ ...node, attributes, inputs, outputs: end.quantize.outputs });
    this.#log.push({ ...entry, ...(from === 'int16' && { isWide: true }) });
    this.#skipped.add(end.quantize);
    if (end.clamp !== undefined) this.#skipped.add(end.clamp);
    return true;
  }

  /** The only reader of a value: a Quantize, or a clamp that only a Quantize reads. */
  #quantizeAfter(name: string): { readonly quantize: Node; readonly clamp?: Node } | undefined {
    const reader = this.#onlyReader(name);
    if (reader?.op === 'Quantize') return { quantize: reader };
    const isClamp = reader !== undefined && clamps[reader.op] !== undefined;
    const next = isClamp ? this.#onlyReader(reader.outputs[0]!) : undefined;
    return next?.op === 'Quantize' ? { quantize: next, clamp: reader! } : undefined;
  }

  #onlyReader(name: string): Node | undefined {
    const readers = this.#readers.get(name) ?? [];
    return readers.length === 1 && !this.#kept.has(name) ? readers[0] : undefined;
  }

  /** int32 as the operators take it: what its integers mean follows from the other inputs. */
  #bias(source: string): string {
    const tensor = this.#constants.get(source)!;
    const name = this.#fresh(`${source}/bias`);
    this.#values.set(name, { name, type: tensor.type, dims: tensor.dims });
    this.#constants.set(name, tensor);
    return name;
  }

  /** A node that moves elements, before the Dequantize instead of behind it. */
  #move(node: Node): boolean {
    if (!movesElements(node)) return false;
    const isConcat = node.op === 'Concat';
    const data = isConcat ? node.inputs : node.inputs.slice(0, 1);
    const sources = data.map((name) => this.#dequantized.get(name)?.source);
    if (sources.some((source) => source === undefined)) return false;
    const qparams = sources.map((source) => this.#qparams(source!)!);
    const first = qparams[0]!;
    if (qparams.some((each) => !sameParameters(each, first))) return false;
    const moved = first.axis === undefined ? first : movedAxis(node, first);
    if (moved === undefined || node.inputs.slice(data.length).some((name) => this.#dequantized.has(name))) return false;
    const outputs = node.outputs.map((output) => {
      const name = this.#fresh(`${output}/quantized`);
      this.#values.set(name, { name, type: first.dtype, qparams: moved });
      if (sources.every((source) => this.#isConstant(source!))) this.#moved.add(name);
      this.#dequantized.set(output, { source: name, node: this.#fresh(`${output}/Dequantize`) });
      return name;
    });
    this.#nodes.push({ ...node, inputs: [...(sources as string[]), ...node.inputs.slice(data.length)], outputs });
    return true;
  }

  #materialize(name: string): void {
    const dequantized = this.#dequantized.get(name);
    if (dequantized === undefined || this.#materialized.has(name)) return;
    this.#materialized.add(name);
    const { node, source } = dequantized;
    this.#nodes.push({ name: node, op: 'Dequantize', attributes: {}, inputs: [source], outputs: [name] });
  }

  #isConstant(name: string): boolean {
    return this.#constants.has(name) || this.#moved.has(name);
  }

  #qparams(name: string): QParams | undefined {
    return this.#values.get(name)?.qparams;
  }
}

/** Parameters per channel after a Transpose; undefined where the channels would be spread. */
function movedAxis({ op, attributes }: Node, qparams: QParams): QParams | undefined {
  if (op !== 'Transpose') return undefined;
  return { ...qparams, axis: (attributes.perm as readonly number[]).indexOf(qparams.axis!) };
}

function sameParameters(a: QParams, b: QParams): boolean {
  return (
    a.dtype === b.dtype &&
    a.axis === b.axis &&
    String(a.scale) === String(b.scale) &&
    String(a.zeroPoint) === String(b.zeroPoint)
  );
}
